# SPDX-License-Identifier: Apache-2.0
"""What several trainings refuse, in a sentence: before any work, and as a ScumbleError."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scumble.api.errors import ScumbleError
from scumble.nst.losses import WINDOW


def refuse_crop(crop: int) -> None:
    """A crop that `losses.lattice_loss` cannot look at. Raises ScumbleError "bad-options"."""
    if crop < WINDOW or crop % WINDOW:
        raise ScumbleError(
            "bad-options",
            f"A crop of {crop} pixels cannot be trained on: its side has to be a multiple of {WINDOW}.",
            f"Give --crop {max(WINDOW, round(crop / WINDOW) * WINDOW)}.",
        )


@contextmanager
def fitting(start: Path) -> Iterator[None]:
    """Whoever takes the weights of the file `start` takes them within. Raises ScumbleError "weights-corrupt" where they are
    another network's."""
    try:
        yield
    except (KeyError, RuntimeError) as e:  # as torch tells it: a page of names
        raise ScumbleError(
            "weights-corrupt",
            f"The training cannot start from {start.name}: it holds another network, or one of another size.",
            "--start takes what the same training wrote, with the same --width and --encoder where it has them.",
        ) from e
