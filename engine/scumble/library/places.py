# SPDX-License-Identifier: Apache-2.0
"""Where weights and styles lie on disk: those that ship with Scumble, and the user's own. Needs no torch."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

SHIPPED = Path(__file__).parents[1] / "weights"
"""The weights that ship: METHOD/shared.safetensors, METHOD/STYLE.safetensors, and cards and thumbnails in styles/."""


def data_dir() -> Path:
    """The user's data: SCUMBLE_DATA_DIR, else where the platform keeps such things."""
    return Path(os.environ.get("SCUMBLE_DATA_DIR") or platformdirs.user_data_path("scumble"))


def state_path(folder: Path, method: str, style: str) -> Path:
    """Where the state that was trained for a style lies in a folder of weights."""
    return folder / method / f"{style}.safetensors"


def shared_path(folder: Path, method: str) -> Path:
    """Where the networks that all styles of a method share lie in a folder of weights."""
    return folder / method / "shared.safetensors"


def state_beside(networks: Path, method: str, style: str) -> Path:
    """Where the state of a style lies beside its method's networks; in folders of older versions both had the method's name."""
    name = style if networks.stem == "shared" else f"{method}_{style}"
    return networks.with_name(f"{name}.safetensors")


def perceptual_path(folder: Path, network: str) -> Path:
    """Where a perceptual network, "half" or "quarter" say, lies in a folder of weights."""
    return folder / "perceptual" / f"{network}.safetensors"


COMPACT = perceptual_path(SHIPPED, "compact")
"""The compact perceptual network."""

SURROGATE = SHIPPED / "perceptual" / "surrogate.safetensors"
"""What lets the compact network stand for the networks of the trainings (methods/style_memory/surrogate.py)."""
