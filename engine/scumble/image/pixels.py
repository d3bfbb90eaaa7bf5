# SPDX-License-Identifier: Apache-2.0
"""The wire's pixels as numbers, and back: u8, u16, f16 or f32, rgba or bgra, to planes of float32.

Invariant: planes are finite, red first, 1.0 is white. Integers become [0, 1]; floats keep their range.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scumble.api.errors import ScumbleError
from scumble.image.fill import fill_hidden
from scumble.image.resample import Array, resize
from scumble.image.transfer import Transfer, decoded, encoded

Order = Literal["rgba", "bgra"]
AnyPixels = NDArray[Any]
"""(H, W, 4) uint8, uint16, float16 or float32, straight alpha, sRGB curve; floats may be linear light."""

Form = tuple[Order, Transfer]
"""What the numbers of a pixel mean."""

CHANNELS: dict[Order, tuple[int, int, int, int]] = {"rgba": (0, 1, 2, 3), "bgra": (2, 1, 0, 3)}
"""Where red, green, blue and alpha lie in a pixel."""

DEPTHS = ("uint8", "uint16", "float16", "float32")
MAX_SIDE = 65535
MAX_PIXELS = 1 << 29


def check(pixels: AnyPixels, order: str, what: str = "picture") -> None:
    """Raises ScumbleError "bad-raster" for what the wire does not allow (docs/protocol.md, section 5)."""
    good = (
        order in CHANNELS
        and pixels.ndim == 3
        and pixels.shape[2] == 4
        and pixels.dtype.name in DEPTHS
        and all(1 <= side <= MAX_SIDE for side in pixels.shape[:2])
        and pixels.shape[0] * pixels.shape[1] <= MAX_PIXELS
    )
    if not good:
        size = " x ".join(str(n) for n in pixels.shape)
        raise ScumbleError("bad-raster", f"The {what} ({size}, {pixels.dtype.name}, {order}) has a form that is not taken.")


def decode(band: AnyPixels, order: Order, transfer: Transfer = "srgb") -> Array:
    """(rows, W, 4) to (4, rows, W) float32: red, green, blue on the sRGB curve, alpha. NaN is 0, infinity the largest number of
    its depth."""
    planes = np.empty((4, *band.shape[:2]), np.float32)
    for number, (plane, channel) in enumerate(zip(planes, CHANNELS[order], strict=True)):
        plane[...] = decoded(band[..., channel]) if transfer == "linear" and number < 3 else band[..., channel]
    if band.dtype.kind == "f":
        most = float(np.finfo(band.dtype).max)
        return np.nan_to_num(planes, copy=False, nan=0.0, posinf=most, neginf=-most)
    planes /= np.float32(np.iinfo(band.dtype).max)
    return planes


def clamp(planes: Array, depth: np.dtype[Any]) -> Array:
    """Decoded planes of that depth in [0, 1], as methods see them; only floats can lie outside."""
    return np.clip(planes, 0, 1) if depth.kind == "f" else planes


def encode(rgb: Array, visible: NDArray[np.bool_] | None, order: Order, out: AnyPixels, transfer: Transfer = "srgb") -> None:
    """Write (3, rows, W) into the colours of `out` (rows, W, 4), only where `visible` (rows, W) says so, if it is given."""
    whole = np.iinfo(out.dtype).max if out.dtype.kind == "u" else None
    for plane, channel in zip(rgb, CHANNELS[order], strict=False):
        if transfer == "linear":
            values = encoded(plane, out.dtype)
        elif whole is None:
            most = float(np.finfo(out.dtype).max)
            values = np.clip(plane, -most, most).astype(out.dtype)
        else:
            values = np.rint(np.clip(plane, 0, 1) * np.float32(whole)).astype(out.dtype)
        np.copyto(out[..., channel], values, where=True if visible is None else visible)


def reduced(pixels: AnyPixels, order: Order, height: int, width: int, transfer: Transfer = "srgb") -> tuple[Array, Array]:
    """A smaller picture: (height, width, 3) in [0, 1], colours weighted with alpha, and alpha; for pictures that fit into
    memory as floats. Colours under alpha 0 are none."""
    planes = clamp(decode(pixels, order, transfer), pixels.dtype)
    planes[:3] *= planes[3]
    small = resize(np.moveaxis(planes, 0, 2), height, width)
    rgb, alpha = np.ascontiguousarray(small[..., :3]), np.ascontiguousarray(small[..., 3])
    rgb /= np.where(alpha > 0, alpha, 1)[..., None]
    return rgb, alpha


def rgb8(pixels: AnyPixels, order: Order, transfer: Transfer = "srgb") -> NDArray[np.uint8]:
    """(H, W, 3) uint8 for a style's picture; hidden colours are filled from their visible neighbours."""
    check(pixels, order)
    planes = clamp(decode(pixels, order, transfer), pixels.dtype)
    rgb = np.ascontiguousarray(np.moveaxis(planes[:3], 0, 2))
    fill_hidden(rgb, planes[3])
    return np.rint(rgb * 255).astype(np.uint8)
