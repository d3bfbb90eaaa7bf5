# SPDX-License-Identifier: Apache-2.0
"""Mask files of `scumble stylize --region`: read, and made into the one raster that the engine takes.

Invariant: there is a mask for every style of the request, in its order, all of one size and depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from scumble.api.errors import ScumbleError
from scumble.cli.options import parse_style
from scumble.cli.pictures import FORMATS
from scumble.cli.say import note
from scumble.client.raster import Masks
from scumble.image import files

GREY = 0.01
"""Channels that differ by no more than this are grey: a colour profile may round each of them its own way."""


def parse_region(text: str) -> tuple[str, float, Path]:
    """Style, weight and mask of ID[:WEIGHT]=MASK. Raises click.UsageError."""
    style, equals, mask = text.partition("=")
    if not equals or not mask:
        raise click.UsageError(f"{text!r} is not a region: write a style and its mask, like starry-night=sky.png.")
    return *parse_style(style), Path(mask)


def read_masks(paths: Sequence[Path], others: int) -> Masks:
    """The masks of regions, and, for each of `others` styles that have none, one of what no region covers.

    Raises ScumbleError "bad-picture" for files that are no masks, "bad-raster" where their sizes differ.
    """
    masks = [read_mask(path) for path in paths]
    for path, mask in zip(paths, masks, strict=True):
        if mask.shape != masks[0].shape:
            one, other = (f"{m.shape[1]} x {m.shape[0]}" for m in (mask, masks[0]))
            raise ScumbleError("bad-raster", f"{path} has {one} pixels and {paths[0]} {other}.", "Give masks of one size.")
    depth = max((mask.dtype for mask in masks), key=lambda d: d.itemsize)
    masks = [_deepened(mask, depth) for mask in masks]
    if others:
        masks += [_rest(masks)] * others
    pixels = np.stack(masks, 2)
    height, width, channels = pixels.shape
    return Masks(width, height, channels, FORMATS[depth.name], pixels)


def read_mask(path: Path) -> NDArray[Any]:
    """(H, W) uint8, uint16 or float32: the greys of a picture; what is transparent in it counts as black."""
    picture = files.read_picture(path)
    for line in picture.notes:
        note(f"{path}: {line}")
    pixels = picture.pixels
    most = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    rgb = pixels[..., :3]
    if (rgb.max(2) - rgb.min(2) > GREY * most).any():
        raise ScumbleError(
            "bad-picture", f"{path} is no mask: it has colours.", "Save it in grey: white is painted, black is not."
        )
    grey: NDArray[Any] = pixels[..., 1]
    if picture.alpha:
        grey = grey * (pixels[..., 3] / np.float32(most))
        grey = grey.astype(pixels.dtype) if pixels.dtype.kind == "f" else np.rint(grey).astype(pixels.dtype)
    return grey


def fit(masks: Masks, size: tuple[int, int], picture: Path) -> None:
    """Raises ScumbleError "bad-raster" where a picture of `size` (width, height) is not the masks'."""
    if (masks.width, masks.height) != size:
        raise ScumbleError(
            "bad-raster",
            f"The masks have {masks.width} x {masks.height} pixels and {picture} {size[0]} x {size[1]}.",
            "Give masks of the picture's own size.",
        )


def _deepened(mask: NDArray[Any], depth: np.dtype[Any]) -> NDArray[Any]:
    deep: NDArray[Any] = mask.astype(depth)
    if depth.kind == "f" and mask.dtype.kind == "u":
        deep /= np.iinfo(mask.dtype).max
    elif depth != mask.dtype:
        deep *= 257
    return deep


def _rest(masks: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The mask of the first style: all that the other masks leave."""
    depth = masks[0].dtype
    most, wide = (np.iinfo(depth).max, np.dtype(np.uint32)) if depth.kind == "u" else (1, depth)
    rest: NDArray[Any] = (most - np.clip(np.sum(masks, axis=0, dtype=wide), 0, most)).astype(depth)
    return rest
