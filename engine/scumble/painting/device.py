# SPDX-License-Identifier: Apache-2.0
"""What differs on a GPU, in one place: which device there is, its name and memory, and what is given back.

Torch is touched only where something has imported it: an engine whose methods need none starts without.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

HEAP = 256 << 20
"""Freed bytes that a process which paints keeps for its next arrays: the pipeline's share of a picture at 1024 px."""

ARRAY = 32 << 20
"""Bytes above which its arrays go back to the system at once; it is the most that glibc takes here."""


def environment() -> dict[str, str]:
    """The variables that a process which paints is started with."""
    # The pipeline's matrix products are small: shared out over threads, they wait for each other, and for torch's.
    # glibc gives every large array back to the kernel and faults it in again; keeping some makes a picture of
    # 1 megapixel about 20 ms cheaper, and torch's tensors in huge pages, which are faulted in 512 pages at a time, 60 ms.
    return {
        "OPENBLAS_NUM_THREADS": "1",
        "MALLOC_TRIM_THRESHOLD_": str(HEAP),
        "MALLOC_MMAP_THRESHOLD_": str(ARRAY),
        "THP_MEM_ALLOC_ENABLE": "1",
    }


def choose(wanted: str, threads: int | None = None) -> str:
    """The torch device for what is wanted: "auto" is the first GPU, else the processor, with so many threads."""
    torch = _torch()
    if torch is None:
        return "cpu"
    if threads:
        torch.set_num_threads(threads)
    if wanted != "auto":
        return wanted
    return "cuda:0" if torch.cuda.is_available() else "cpu"


def is_gpu(device: str) -> bool:
    """Whether a device has memory of its own."""
    return device.startswith("cuda")


def name_of(device: str) -> str:
    """A GPU as its maker calls it; any other device by its own name."""
    torch = _torch()
    return str(torch.cuda.get_device_name(device)) if torch is not None and is_gpu(device) else device


def free_memory(device: str) -> int:
    """Free bytes on a GPU, with those torch has kept for its next arrays; 0 on any other device."""
    torch = _torch()
    if torch is None or not is_gpu(device):
        return 0
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + kept)


def most_memory(device: str) -> int:
    """Bytes that torch has held at most on a GPU since `forget_most`; 0 on any other device."""
    torch = _torch()
    return int(torch.cuda.max_memory_reserved(device)) if torch is not None and is_gpu(device) else 0


def forget_most(device: str) -> None:
    """Begin `most_memory` again."""
    torch = _torch()
    if torch is not None and is_gpu(device):
        torch.cuda.reset_peak_memory_stats(device)


def finish(device: str) -> None:
    """Wait until a GPU has done its queued work; other devices have none."""
    torch = _torch()
    if torch is not None and is_gpu(device):
        torch.cuda.synchronize(device)


def give_memory_back() -> None:
    """Release memory that is not used any more, also the GPU's."""
    gc.collect()
    torch = _torch()
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()


def _torch() -> Any:
    return sys.modules.get("torch")
