# SPDX-License-Identifier: Apache-2.0
"""One training in several processes on one machine, one for each GPU.

    torchrun --standalone --nproc-per-node N -m -- scumble train METHOD ...

Invariant: all processes hold the same weights at every step. Each draws its own pictures, and the gradients are averaged, so
that a step is one over N batches. Only the first process reports and writes. Without torchrun there is one process.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

TIMEOUT = timedelta(hours=2)
"""How long a process waits for another, which may still read its pictures."""


@contextmanager
def processes() -> Iterator[int]:
    """Join the processes that torchrun started, one on each GPU or all on the CPU, and give this one's number."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield 0
        return
    # Optimizers import this at their first step, and the module keeps the process group that exists when it is imported, with
    # its threads, until the interpreter ends, where they crash. So it is imported before there is a group.
    import torch.distributed.nn

    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    device = torch.device("cuda", torch.cuda.current_device()) if gpu else None
    dist.init_process_group("nccl" if gpu else "gloo", timeout=TIMEOUT, device_id=device)
    try:
        yield number()
    finally:
        dist.destroy_process_group()


def count() -> int:
    """The number of processes in this training."""
    return dist.get_world_size() if dist.is_initialized() else 1


def number() -> int:
    """This process's number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


@torch.no_grad()
def begin_alike(model: nn.Module) -> None:
    """Copy the weights and buffers of the first process to all others."""
    if count() > 1:
        for tensor in model.state_dict().values():
            dense = tensor.contiguous()
            dist.broadcast(dense, 0)
            tensor.copy_(dense)


def average_gradients(parameters: Sequence[Tensor]) -> None:
    """Average the gradients over all processes, in place; a parameter without a gradient in any process keeps none."""
    if count() == 1:
        return
    given = torch.tensor([float(p.grad is not None) for p in parameters], device=parameters[0].device)
    each = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    everything = torch.cat([given, *(g.flatten() for g in each)])
    dist.all_reduce(everything)
    given, *sums = torch.split(everything, [len(each), *(g.numel() for g in each)])
    for p, anyone, total in zip(parameters, given.tolist(), sums, strict=True):
        p.grad = (total / count()).view_as(p) if anyone else None


def draw_apart(generator: torch.Generator, seed: int, step: int) -> None:
    """Seed the generator of every process but the first by number and step, so that a resumed run draws the same batches."""
    if number() > 0:
        generator.manual_seed(random.Random(f"{seed} {number()} {step}").getrandbits(32))
