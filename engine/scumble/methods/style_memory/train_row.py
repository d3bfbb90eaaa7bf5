# SPDX-License-Identifier: Apache-2.0
"""Make the row of a style that ships: that which was trained with the networks, or else the one predicted from its painting,
and refined by the teacher over photographs.

The shared networks stay as they are, so no other row is touched. Make it again whenever they are trained further. A refinement
that is broken off goes on when it is started again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.api.method import Pixels
from scumble.library.atomic import replacing
from scumble.library.places import SHIPPED, state_beside, state_path
from scumble.library.weights import load_card, load_weights, name_of, save_weights
from scumble.methods.style_memory.method import BATCH, CROP, PACE, descended, load_memory
from scumble.methods.style_memory.network import SIGNATURE_NETWORK, StyleMemory
from scumble.methods.style_memory.painting_sizes import PAINTING_SIDE, at_size, to_stride
from scumble.methods.style_memory.refine import Descent, begin, descend_row
from scumble.nst.perceptual_loss import SPEC, grams_of
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_encoder import signature
from scumble.training import distributed as parallel
from scumble.training.cards import measured_card, write_credits
from scumble.training.data import Pictures, contents, read_picture, read_pictures
from scumble.training.loop import append_losses, best_device, half_pays, run_folder
from scumble.training.recipe import OnePainting, refuse_crop
from scumble.training.teachers import credited, load_teacher


@dataclass(frozen=True)
class Recipe(OnePainting):
    """The painting, what its card says of it, and what it is refined by; 0 steps keep the row that
    it would begin with."""

    _: KW_ONLY
    photographs: Path | None = None
    teachers: str = "half"
    steps: int = PACE.steps
    batch: int = BATCH
    crop: int = CROP
    style_weight: float = SPEC.style_weight
    seed: int = 0
    memory: Path = SHIPPED / "memory" / "shared.safetensors"


KEPT_EVERY = 20
"""Steps from one checkpoint, and one row of losses, to the next: less than a minute."""


def train(recipe: Recipe, out: Path, report: Callable[[str], None] = print) -> Path:
    """Write `out`/memory/STYLE.safetensors with its card, going on where a run was broken off.

    Raises ScumbleError "bad-options".
    """
    if parallel.count() > 1:
        raise ScumbleError("bad-options", "Several processes cannot train one row.", "Start it without torchrun.")
    refuse_crop(recipe.crop)
    device = best_device()
    memory = load_memory(recipe.memory).to(device)
    pixels = (read_picture(recipe.painting).permute(1, 2, 0).float() / 255).numpy()
    row = _trained(recipe)
    if row is None:
        painting = at_size(pixels, PAINTING_SIDE).to(device)
        perceptual = load_perceptual(SIGNATURE_NETWORK).to(device).to(memory_format=torch.channels_last)
        with torch.no_grad():
            row = memory.rows(to_stride(painting), signature(perceptual, painting))
    row = row.to(device)
    record: dict[str, object] = {"grade": 0}
    if recipe.steps:
        row, record = _refined(recipe, out, memory, pixels, row, report)
    path = state_path(out, "memory", recipe.style_id)
    card = measured_card({"method": "memory", "shared": name_of(recipe.memory)}, "memory-row", recipe, **record)
    save_weights(path, {"row": row}, card, torch.float32)
    return path


def _trained(recipe: Recipe) -> Tensor | None:
    """The row that lies beside the networks: trained with them, or refined before."""
    path = state_beside(recipe.memory, "memory", recipe.style_id)
    if not path.exists() or load_card(path).get("shared") != name_of(recipe.memory):
        return None
    return load_weights(path)[0]["row"]


def _refined(
    recipe: Recipe, out: Path, memory: StyleMemory, painting: Pixels, row: Tensor, report: Callable[[str], None]
) -> tuple[Tensor, dict[str, object]]:
    """The row (1, R) after all steps, and what its card says of them."""
    if recipe.photographs is None:
        raise ScumbleError("bad-options", "Refining takes photographs.", "Give --photographs, or --steps 0 for no refining.")
    teacher = load_teacher(recipe.teachers).to(row.device).to(memory_format=torch.channels_last)
    spec = replace(SPEC, style_weight=recipe.style_weight)
    photographs = read_pictures(recipe.photographs)
    with torch.no_grad():
        targets = grams_of(at_size(painting, PAINTING_SIDE).to(row.device), teacher, spec.layers)

    run = run_folder(f"memory-row-{recipe.style_id}", recipe)
    report(f"checkpoints and losses go to {run}")
    at, losses = _resumed(run, row)
    if at.step:
        report(f"resumed at step {at.step}")
    pace, half = replace(PACE, steps=recipe.steps), half_pays(row.device.type)
    for reached in descend_row(memory.net, at, pace, targets, teacher, spec, partial(_contents, photographs, recipe), half):
        if reached is None:
            continue
        at, loss = reached
        losses.append(loss["content"] + spec.style_weight * loss["style"])
        if at.step % KEPT_EVERY == 0 or at.step == recipe.steps:
            _keep(run, at, loss, losses)
            report(f"{at.step:5d}/{recipe.steps}  content {loss['content']:.3f}  style {loss['style']:.3f}")

    tenth = max(1, len(losses) // 10)
    return at.row, {
        "grade": 1,
        "teachers": credited(recipe.teachers),
        "steps": at.step,
        "batch": recipe.batch,
        "crop": recipe.crop,
        "style_weight": recipe.style_weight,
        "seed": recipe.seed,
        "loss": [round(sum(part) / tenth, 4) for part in (losses[:tenth], losses[-tenth:])],
        "credits": write_credits(out, photographs),
    }


def _contents(photographs: Pictures, recipe: Recipe, step: int) -> Tensor:
    """The contents of a step, the same for the same step."""
    generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)
    return contents(photographs, recipe.batch, recipe.crop, generator)


def _keep(run: Path, at: Descent, loss: dict[str, float], losses: list[float]) -> None:
    """Append the losses of a step, and write a checkpoint."""
    append_losses(run, {"step": at.step}, {"total": losses[-1], **loss})
    with replacing(run / "checkpoint.pt") as temporary:
        torch.save({"at": vars(at), "losses": losses, "descended": descended()}, temporary)


def _resumed(run: Path, row: Tensor) -> tuple[Descent, list[float]]:
    """The descent from `row` as its checkpoint has it, and the losses of its steps. It begins where there is no checkpoint, or
    one of another row, as after a training of the network that predicts rows, or of other losses."""
    checkpoint = run / "checkpoint.pt"
    if checkpoint.exists():
        kept = torch.load(checkpoint, weights_only=True, map_location=row.device)
        at = Descent(**kept["at"])
        if torch.allclose(at.begun, row, atol=1e-3) and kept.get("descended") == descended():
            return at, kept["losses"]
    return begin(row), []
