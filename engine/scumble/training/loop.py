# SPDX-License-Identifier: Apache-2.0
"""The training loop every method shares: cosine learning rate, bfloat16, checkpoints, a loss table, sample sheets.

A run lives in one folder: `checkpoint.pt` (ours alone, read with weights_only), `losses.csv` and `sample-*.png`. Starting
the same run again goes on from its checkpoint. Several processes can share one run (parallel.py).
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import math
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import torch
from PIL import Image
from torch import Tensor, nn

from scumble.api.errors import ScumbleError
from scumble.library.weights import name_of
from scumble.nst.vgg import computes_bfloat16
from scumble.training import distributed as parallel
from scumble.training.data import listed
from scumble.training.teachers import files_of

Losses = Mapping[str, Tensor]
"""Scalars by name; "total" is what descends."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. The learning rate goes from `lr` to 0 along half a cosine over `steps`; in the first `warm_up`
    of them it rises to there."""

    steps: int
    lr: float = 1e-3
    seed: int = 0
    warm_up: int = 0
    minutes_between_checkpoints: float = 3.0
    steps_between_samples: int = 250

    def rate(self, step: int) -> float:
        """Of the step of that number, from 0."""
        risen = min(1.0, (step + 1) / (self.warm_up + 1))
        return risen * self.lr * 0.5 * (1 + math.cos(math.pi * step / self.steps))


def best_device() -> str:
    """Where trainings compute: torch's name of the GPU, where there is one, or of the processor."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def half_pays(kind: str) -> bool:
    """Whether bfloat16 is the faster on a device of that kind: on a GPU, and on a processor with instructions for it."""
    return kind != "cpu" or computes_bfloat16(kind)


def run_folder(name: str, recipe: Any = None) -> Path:
    """Where the run called `name` keeps its checkpoint: in SCUMBLE_TRAIN_DIR, or scumble-train in the user's cache.

    Each recipe (a dataclass) has a folder of its own: with another one's checkpoint there, it would go on from that. `steps`
    alone are no matter, so that a run can go on for longer. Raises ScumbleError "weights-corrupt".
    """
    root = os.environ.get("SCUMBLE_TRAIN_DIR") or platformdirs.user_cache_path("scumble-train")
    folder = Path(root) / (f"{name}-{_digest(recipe)}" if recipe else name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _digest(recipe: Any) -> str:
    """A weight file is known by what it holds, a folder or another file by where it is and what it holds: with other pictures
    it is another run. Of a folder's pictures only the names are read; teachers go by what the files hold."""

    def told(value: object) -> str:
        if not isinstance(value, Path):
            return repr(value)
        if value.suffix == ".safetensors":
            return name_of(value)
        held = listed(value) if value.is_dir() else value.read_bytes() if value.is_file() else b""
        return f"{value.resolve()} {hashlib.sha256(held).hexdigest()}"

    def taught(source: str | None) -> str:
        files = files_of(source or "")
        return " ".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files) if files else repr(source)

    given = {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe) if f.name != "steps"}
    fields = [f"{name}={taught(value) if name == 'teachers' else told(value)}" for name, value in given.items()]
    return hashlib.sha256("\n".join(fields).encode()).hexdigest()[:12]


def fit(
    model: nn.Module,
    loss: Callable[[int, torch.Generator], Losses],
    schedule: Schedule,
    folder: Path,
    sample: Callable[[], Tensor] | None = None,
    on_checkpoint: Callable[[int], None] | None = None,
    report: Callable[[str], None] = print,
    optimizer: torch.optim.Optimizer | None = None,
) -> float:
    """Train `model`'s parameters in place; return the seconds spent in all sessions of this run.

    `loss(step, generator)` draws its batch from the generator, so that a resumed run sees the batches an unbroken one
    sees. `sample()` gives (3, H, W) in [0, 1], kept as sample-STEP.png. `on_checkpoint(step)` runs after each checkpoint.
    `optimizer` is Adam unless one is given. Of several processes the first alone reports, samples and writes; the losses that
    are told are those of its own batches. Raises ScumbleError "bad-options" where the training runs away.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    device = parameters[0].device
    optimizer = optimizer or torch.optim.Adam(parameters, lr=schedule.lr)
    generator = torch.Generator().manual_seed(schedule.seed)
    checkpoint = folder / "checkpoint.pt"
    first, spent = 0, 0.0
    report(f"checkpoints, losses and samples go to {folder}")
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True, map_location=device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"].cpu())
        first, spent = int(state["step"]), float(state["seconds"])
        report(f"resumed at step {first}")
    parallel.begin_alike(model)
    started = last_saved = time.monotonic()
    smooth: dict[str, float] = {}
    for step in range(first, schedule.steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        parallel.draw_apart(generator, schedule.seed, step)
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half_pays(device.type)):
            losses = loss(step, generator)
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses["total"])
        parallel.average_gradients(parameters)
        if not nn.utils.clip_grad_norm_(parameters, 10.0).isfinite():
            raise _ran_away(step)
        optimizer.step()
        if parallel.number() > 0:
            continue
        for k, v in losses.items():
            smooth[k] = 0.95 * smooth.get(k, float(v.detach())) + 0.05 * float(v.detach())
        done = step + 1
        seconds = spent + time.monotonic() - started
        if done % 25 == 0 or done == schedule.steps:
            append_losses(folder, {"step": done, "seconds": round(seconds)}, smooth)
        if done % 50 == 0 or done == schedule.steps:
            shown = "  ".join(f"{k} {v:.4f}" for k, v in smooth.items())
            report(f"{done:6d}/{schedule.steps} {seconds:7.0f} s  {shown}")
        if sample and (done % schedule.steps_between_samples == 0 or done == schedule.steps):
            with torch.no_grad():
                save_png(folder / f"sample-{done:06d}.png", sample())
        due = time.monotonic() - last_saved > 60 * schedule.minutes_between_checkpoints
        if due or done == schedule.steps:
            temporary = checkpoint.with_suffix(".tmp")
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "generator": generator.get_state()}
            torch.save(state | {"step": done, "seconds": seconds}, temporary)
            temporary.replace(checkpoint)
            last_saved = time.monotonic()
            if on_checkpoint:
                on_checkpoint(done)
    return spent + time.monotonic() - started


def _ran_away(step: int) -> ScumbleError:
    return ScumbleError(
        "bad-options",
        f"The training ran away: the gradient of step {step + 1} is not finite. The last checkpoint is whole, and so are the "
        "weights in --out.",
        "Train with a lower --lr, anew or by --start from those weights, to another folder.",
    )


def save_png(path: Path, image: Tensor) -> None:
    """Write (3, H, W) in [0, 1] as an 8-bit PNG."""
    array = (image.detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    Image.fromarray(array).save(path)


def machine() -> str:
    """One line for a card: what trained it."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    several = f", {parallel.count()} processes" if parallel.count() > 1 else ""
    return f"{platform.machine()}, {os.cpu_count()} cores{gpu}{several}, torch {torch.__version__.split('+')[0]}"


def append_losses(folder: Path, at: Mapping[str, float], losses: Mapping[str, float]) -> None:
    """A row more in the loss table of a run: where it is, and the losses there."""
    path, row = folder / "losses.csv", dict(at) | {k: round(v, 5) for k, v in losses.items()}
    new = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, fieldnames=list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)
