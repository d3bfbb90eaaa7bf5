# SPDX-License-Identifier: Apache-2.0
"""Where weights and styles lie on disk: those that ship with Scumble, and the user's own. Needs no torch."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

SHIPPED = Path(__file__).parents[1] / "weights"
"""The weights that ship: METHOD/shared.safetensors and METHOD/STYLE.safetensors with their cards, the styles' cards and
thumbnails in styles/, and the credits of the training pictures in credits/."""


def data_dir() -> Path:
    """The absolute path of the user's data folder: SCUMBLE_DATA_DIR, or the platform's place for an application's data."""
    own = os.environ.get("SCUMBLE_DATA_DIR")
    return Path(os.path.expanduser(own)).absolute() if own else platformdirs.user_data_path("scumble")  # noqa: PTH111 (never raises)


def state_path(folder: Path, method: str, style: str) -> Path:
    """The file of a style's trained state in a folder of weights."""
    return folder / method / f"{style}.safetensors"


def shared_path(folder: Path, method: str) -> Path:
    """The file of the networks that all styles of a method share, in a folder of weights."""
    return folder / method / "shared.safetensors"


def state_beside(networks: Path, method: str, style: str) -> Path:
    """The file of a style's state beside its method's networks, also beside METHOD.safetensors as older versions wrote it."""
    name = style if networks.stem == "shared" else f"{method}_{style}"
    return networks.with_name(f"{name}.safetensors")


def perceptual_path(folder: Path, network: str) -> Path:
    """The file of a perceptual network, "half" for example, in a folder of weights."""
    return folder / "perceptual" / f"{network}.safetensors"


COMPACT = perceptual_path(SHIPPED, "compact")
"""The compact perceptual network."""
