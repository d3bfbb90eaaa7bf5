# SPDX-License-Identifier: Apache-2.0
"""The file with which a style ships without its painting: mean and covariance of each layer, for the painting at a few sizes.

Covariances are most of it, and the loss compares them by squares, so each is kept as the few directions that make up all but
RESIDUE of its squares (Eckart and Young 1936), in 8 bits, and as its diagonal, in 16. Files of older versions, which hold upper
triangles in the compact network, are read as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.library.weights import load_weights, save_weights
from scumble.nst.pretrained import Network
from scumble.nst.style_statistics import PICTURE, FeatureStatistics, LayerStatistics, StyleStatistics

PRESET_LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_1")
"""What the preset scumble compares."""

SIDES = (128, 256, 512, 1024)
"""Long sides in pixels, an octave apart: those of the sizes at which a picture of 1024 pixels is painted. Between two of them
statistics are interpolated."""

RESIDUE = 0.02
"""Share of a covariance's squares that is left out: a tenth of what a good descent leaves of them."""

NETWORKS: tuple[Network, ...] = ("half", "quarter", "compact")
"""Those that ship. A file measured in any other could not be painted by."""

COMPACT_LAYERS = {"relu1_1", "relu1_2", "relu2_1", "relu2_2", "relu3_1", "relu3_3", "relu4_1", "relu4_2", "relu5_1"}
"""Of files of older versions."""


def measured_sides(long_side: int) -> list[int]:
    """The sizes at which a painting of that long side is measured. Enlarging it would measure blur, so the last is its own
    where that lies well below the next."""
    sides = [side for side in SIDES if side <= long_side]
    if len(sides) < len(SIDES) and (not sides or long_side > 1.2 * sides[-1]):
        sides.append(long_side)
    return sides


def save_statistics(path: Path, ladder: Mapping[int, FeatureStatistics], card: Mapping[str, object]) -> None:
    """Write the statistics by long side, and the card, which names the network they were measured in."""
    tensors, narrow = dict[str, Tensor](), []
    for side, statistics in ladder.items():
        for layer, s in statistics.items():
            name = f"{side}/{layer}"
            factor, rest = factorised(s.centred)
            tensors |= {f"{name}/mean": s.mean, f"{name}/rest": rest, f"{name}/factor": factor}
            narrow.append(f"{name}/factor")
    save_weights(path, tensors, card, narrow=narrow)


def factorised(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Of a covariance (C, C) the fewest rows F (r, C), and the diagonal d (C,), that give it as F^T F + diag(d) but for RESIDUE
    of its squares."""
    values, vectors = torch.linalg.eigh(covariance.double())
    values = values.flip(0).clamp_min(0)
    left = values.square().sum() - values.square().cumsum(0)
    rank = 1 + int((left > RESIDUE * values.square().sum()).sum())
    factor = values[:rank].sqrt()[:, None] * vectors.flip(1)[:, :rank].T
    rest = covariance.diagonal().double() - factor.square().sum(0)
    return factor.to(covariance), rest.to(covariance)


def load_statistics(path: Path) -> StyleStatistics:
    """What a file holds. Raises ScumbleError "weights-corrupt"."""
    tensors, card = load_weights(path)
    ladder: dict[int, dict[str, LayerStatistics]] = {}
    try:
        named = card["network"]
        network = next(name for name in NETWORKS if isinstance(named, dict) and name == named["name"])
        for name, mean in tensors.items():
            side, layer, kind = name.split("/")
            if kind == "mean":
                ladder.setdefault(int(side), {})[layer] = _unpacked(f"{side}/{layer}", mean, tensors)
        layers = {PICTURE, *(COMPACT_LAYERS if network == "compact" else PRESET_LAYERS)}
        if not ladder or any(statistics.keys() != layers for statistics in ladder.values()):
            raise ValueError("a layer is missing")
    except (KeyError, ValueError, TypeError, RuntimeError, StopIteration) as e:
        raise ScumbleError(
            "weights-corrupt",
            f"The weight file {path.name} holds no Gram matrices ({e}).",
            "Install Scumble again, or make it again: scumble train gatys.",
        ) from e
    return StyleStatistics(ladder=dict(ladder), network=network)


def _unpacked(name: str, mean: Tensor, tensors: Mapping[str, Tensor]) -> LayerStatistics:
    channels = len(mean)
    if f"{name}/factor" in tensors:
        factor = tensors[f"{name}/factor"]
        covariance = factor.T @ factor + torch.diag(tensors[f"{name}/rest"])
    else:
        covariance = mean.new_zeros(channels, channels)
        rows, columns = torch.triu_indices(channels, channels)
        covariance[rows, columns] = tensors[f"{name}/upper"]
        covariance[columns, rows] = tensors[f"{name}/upper"]
    return LayerStatistics(mean, covariance + torch.outer(mean, mean))
