# SPDX-License-Identifier: Apache-2.0
"""What the recipes of all trainings share, and what they refuse before any work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from pathlib import Path

from scumble.api.errors import ScumbleError
from scumble.library.places import shared_path
from scumble.nst.losses import WINDOW


@dataclass(frozen=True)
class TrainingRecipe:
    """Everything a training depends on; each method's recipe adds its own fields and sets its own defaults.

    `photographs` is the folder of the contents, `teachers` what training/teachers.py loads, `batch` the number of crops in a
    step, `crop` their side in pixels. A training in two parts has a number of `steps` for each.
    """

    photographs: Path
    _: KW_ONLY
    teachers: str = "half"
    steps: int | tuple[int, ...] = 2000
    lr: float = 1e-3
    batch: int = 4
    crop: int = 256
    seed: int = 0


@dataclass(frozen=True)
class OnePainting:
    """The painting and what its card says of it. Recipes that make the state of one style begin with these fields."""

    style_id: str
    painting: Path
    title: str
    artist: str
    year: str
    _: KW_ONLY
    licence: str = "public domain"

    @property
    def described(self) -> dict[str, str]:
        """The part of a card that describes the style."""
        return {"id": self.style_id, "title": self.title, "artist": self.artist, "year": self.year, "licence": self.licence}


def shared_target(out: Path, method: str, encoder: str, shipped_encoder: str) -> tuple[str, Path]:
    """The name of a run, and the file for the shared weights of a method that is trained for an encoder.

    Those for the encoder that ships are `out`/METHOD/shared.safetensors, others `out`/METHOD-ENCODER.safetensors.
    """
    if encoder == shipped_encoder:
        return method, shared_path(out, method)
    return f"{method}-{encoder}", out / f"{method}-{encoder}.safetensors"


def refuse_crop(crop: int) -> None:
    """Refuse a side in pixels that `losses.lattice_loss` cannot divide into windows. Raises ScumbleError "bad-options"."""
    if crop < WINDOW or crop % WINDOW:
        raise ScumbleError(
            "bad-options",
            f"A crop of {crop} pixels cannot be trained on: its side has to be a multiple of {WINDOW}.",
            f"Give --crop {max(WINDOW, round(crop / WINDOW) * WINDOW)}.",
        )


@contextmanager
def loading(start: Path) -> Iterator[None]:
    """Within, a model loads the weights of the file `start`. Raises ScumbleError "weights-corrupt" where they do not fit."""
    try:
        yield
    except (KeyError, RuntimeError) as e:  # torch's message lists the names of all weights
        raise ScumbleError(
            "weights-corrupt",
            f"The training cannot start from {start.name}: it holds another network, or one of another size.",
            "--start takes what the same training wrote, with the same --width and --encoder where it has them.",
        ) from e
