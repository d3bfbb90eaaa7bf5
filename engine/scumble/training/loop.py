# SPDX-License-Identifier: Apache-2.0
"""The training loop that all methods share: cosine learning rate, bfloat16, checkpoints, a table of losses, sample sheets.

A run has one folder with `checkpoint.pt` (read with weights_only), `losses.csv` and `sample-*.png`. Starting the same run again
resumes it from its checkpoint. Several processes can share one run (distributed.py).
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
import torch
from PIL import Image
from torch import Tensor, nn

from scumble.api.errors import ScumbleError
from scumble.library.atomic import replacing
from scumble.library.weights import name_of
from scumble.nst.vgg import computes_bfloat16
from scumble.training import distributed as parallel
from scumble.training.data import listed
from scumble.training.teachers import files_of

Losses = Mapping[str, Tensor]
"""Scalars by name; "total" is the one that is minimised."""


@dataclass(frozen=True)
class Schedule:
    """Length and learning rate. The rate falls from `lr` to 0 along half a cosine over `steps`; during the first `warm_up`
    steps it rises from near 0."""

    steps: int
    lr: float = 1e-3
    seed: int = 0
    warm_up: int = 0
    minutes_between_checkpoints: float = 3.0
    steps_between_samples: int = 250

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        risen = min(1.0, (step + 1) / (self.warm_up + 1))
        return risen * self.lr * 0.5 * (1 + math.cos(math.pi * step / self.steps))


def best_device() -> str:
    """The device trainings run on: "cuda" where there is a GPU, else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def half_pays(kind: str) -> bool:
    """Whether bfloat16 is faster on this kind of device: on a GPU, and on a processor with instructions for it."""
    return kind != "cpu" or computes_bfloat16(kind)


def run_folder(name: str, recipe: Any = None) -> Path:
    """The folder of the run `name`, in SCUMBLE_TRAIN_DIR or in scumble-train in the user's cache.

    Each recipe (a dataclass) has its own folder, so that no run resumes from another's checkpoint. `steps` does not count, so
    that a run can be made longer. Raises ScumbleError "weights-corrupt".
    """
    root = os.environ.get("SCUMBLE_TRAIN_DIR") or platformdirs.user_cache_path("scumble-train")
    folder = Path(root) / (f"{name}-{_digest(recipe)}" if recipe else name)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _digest(recipe: Any) -> str:
    """12 digits that change with any setting, and with any file the recipe names: weight files and teachers count by content,
    other files by place and content, folders by place and the names of their pictures."""

    def of_value(value: object) -> str:
        if not isinstance(value, Path):
            return repr(value)
        if value.suffix == ".safetensors":
            return name_of(value)
        held = listed(value) if value.is_dir() else value.read_bytes() if value.is_file() else b""
        return f"{value.resolve()} {hashlib.sha256(held).hexdigest()}"

    def of_teachers(source: str | None) -> str:
        files = files_of(source or "")
        return " ".join(hashlib.sha256(file.read_bytes()).hexdigest() for file in files) if files else repr(source)

    given = {f.name: getattr(recipe, f.name) for f in dataclasses.fields(recipe) if f.name != "steps"}
    fields = [f"{name}={of_teachers(value) if name == 'teachers' else of_value(value)}" for name, value in given.items()]
    return hashlib.sha256("\n".join(fields).encode("utf-8", "surrogateescape")).hexdigest()[:12]


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

    `loss(step, generator)` draws its batch from the generator, so that a resumed run sees the batches of an unbroken one.
    `sample()` gives a picture (3, H, W) in [0, 1], saved as sample-STEP.png. `on_checkpoint(step)` runs after each checkpoint.
    `optimizer` is Adam unless one is given. Of several processes only the first reports, samples and writes; the losses it
    reports are those of its own batches. Raises ScumbleError "bad-options" where the training diverges.
    """
    run = _Run(model, optimizer, schedule, folder)
    report(f"checkpoints, losses and samples go to {folder}")
    if run.resume():
        report(f"resumed at step {run.done}")
    parallel.begin_alike(model)

    while run.done < schedule.steps:
        losses = run.step(loss)
        if parallel.number() > 0:
            continue
        run.smooth(losses)
        run.report(report)
        last = run.done == schedule.steps
        if sample and (run.done % schedule.steps_between_samples == 0 or last):
            with torch.no_grad():
                save_png(folder / f"sample-{run.done:06d}.png", sample())
        if run.checkpoint_due or last:
            run.checkpoint()
            if on_checkpoint:
                on_checkpoint(run.done)
    return run.seconds


class _Run:
    """A training in progress: the model, what moves it, and how far it is."""

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer | None, schedule: Schedule, folder: Path) -> None:
        self.model, self.schedule, self.folder = model, schedule, folder
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.optimizer = optimizer or torch.optim.Adam(self.parameters, lr=schedule.lr)
        self.generator = torch.Generator().manual_seed(schedule.seed)
        self.done = 0
        """Steps taken."""
        self.smoothed: dict[str, float] = {}
        self._earlier = 0.0  # seconds of earlier sessions
        self._began = self._saved = time.monotonic()

    @property
    def seconds(self) -> float:
        """Spent in all sessions of this run."""
        return self._earlier + time.monotonic() - self._began

    @property
    def checkpoint_due(self) -> bool:
        return time.monotonic() - self._saved > 60 * self.schedule.minutes_between_checkpoints

    def resume(self) -> bool:
        """Go on from the folder's checkpoint; False where there is none."""
        path = self.folder / "checkpoint.pt"
        if not path.exists():
            return False
        state = torch.load(path, weights_only=True, map_location=self.parameters[0].device)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["generator"].cpu())
        self.done, self._earlier = int(state["step"]), float(state["seconds"])
        return True

    def step(self, loss: Callable[[int, torch.Generator], Losses]) -> Losses:
        """Take one step. Raises ScumbleError "bad-options" where the gradient is not finite; the weights are then unchanged."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(self.done)
        parallel.draw_apart(self.generator, self.schedule.seed, self.done)
        kind = self.parameters[0].device.type
        with torch.autocast(kind, dtype=torch.bfloat16, enabled=half_pays(kind)):
            losses = loss(self.done, self.generator)

        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses["total"])
        parallel.average_gradients(self.parameters)
        if not nn.utils.clip_grad_norm_(self.parameters, 10.0).isfinite():
            raise _diverged(self.done)
        self.optimizer.step()
        self.done += 1
        return losses

    def smooth(self, losses: Losses) -> None:
        """Take the losses of a step into the running means, which have a time constant of 20 steps."""
        for name, value in losses.items():
            now = float(value.detach())
            self.smoothed[name] = 0.95 * self.smoothed.get(name, now) + 0.05 * now

    def report(self, report: Callable[[str], None]) -> None:
        """Add a row to the loss table every 25 steps, and report a line every 50; both also at the end."""
        last = self.done == self.schedule.steps
        if self.done % 25 == 0 or last:
            append_losses(self.folder, {"step": self.done, "seconds": round(self.seconds)}, self.smoothed)
        if self.done % 50 == 0 or last:
            losses = "  ".join(f"{name} {value:.4f}" for name, value in self.smoothed.items())
            report(f"{self.done:6d}/{self.schedule.steps} {self.seconds:7.0f} s  {losses}")

    def checkpoint(self) -> None:
        """Write checkpoint.pt, all or nothing."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generator": self.generator.get_state(),
            "step": self.done,
            "seconds": self.seconds,
        }
        with replacing(self.folder / "checkpoint.pt") as temporary:
            torch.save(state, temporary)
        self._saved = time.monotonic()


def _diverged(step: int) -> ScumbleError:
    return ScumbleError(
        "bad-options",
        f"The training diverged: the gradient of step {step + 1} is not finite. The last checkpoint and "
        "the weights in --out are good.",
        "Train with a lower --lr, again or by --start from those weights, to another folder.",
    )


def save_png(path: Path, image: Tensor) -> None:
    """Write (3, H, W) in [0, 1] as an 8-bit PNG."""
    array = (image.detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
    Image.fromarray(array).save(path)


def machine() -> str:
    """The machine in one line, for a card."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    several = f", {parallel.count()} processes" if parallel.count() > 1 else ""
    return f"{platform.machine()}, {os.cpu_count()} cores{gpu}{several}, torch {torch.__version__.split('+')[0]}"


def append_losses(folder: Path, at: Mapping[str, float], losses: Mapping[str, float]) -> None:
    """Append a row to a run's losses.csv: the columns `at` (step, seconds), then the losses."""
    path, row = folder / "losses.csv", dict(at) | {k: round(v, 5) for k, v in losses.items()}
    new = not path.exists()
    with open(path, "a", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, fieldnames=list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)


def mean_losses(batches: Iterable[Losses]) -> dict[str, float]:
    """The mean of each loss over all batches, rounded to four places for a card."""
    rows = list(batches)
    return {name: round(float(torch.stack([row[name] for row in rows]).mean()), 4) for name in rows[0]}
