# SPDX-License-Identifier: Apache-2.0
"""ICC profiles made from what files say of their colours in other words: primaries, a white point and a curve.

A profile is what the picture library converts from, and what can be put into a file again. Invariant: what is made is a
version 4 display profile (ICC.1:2022) of three primaries, or of grey, with colours adapted to D50 by Bradford's method.
It is our own because Pillow's ImageCms makes profiles of sRGB, Lab and XYZ only.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
XY = tuple[float, float]

D50 = np.array([0.9642, 1.0, 0.8249])
"""XYZ of the profile connection space's white."""
D65: XY = (0.3127, 0.3290)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB_PRIMARIES: tuple[XY, XY, XY] = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))


@dataclass(frozen=True)
class ColourSpace:
    """The colour space that a file declares. `curves` give light in [0, 1] for numbers in [0, 1]: an exponent, or one table for
    all three channels, (N,), or one for each, (3, N)."""

    name: str
    """What it is called, for people."""
    curves: float | Numbers
    primaries: tuple[XY, XY, XY] = SRGB_PRIMARIES
    white: XY = D65


def profile(space: ColourSpace, grey: bool = False) -> bytes:
    """The ICC profile of a colour space, of red, green and blue or of grey. Raises ValueError for impossible primaries."""
    if not all(0 < y <= 1 and 0 <= x <= 1 for x, y in (*space.primaries, space.white)):
        raise ValueError("chromaticities out of range")
    tags = {b"desc": _text(space.name), b"cprt": _text("No copyright, use freely"), b"wtpt": _xyz(D50)}
    if grey:
        tags[b"kTRC"] = _curve(space.curves if isinstance(space.curves, float) else np.atleast_2d(space.curves)[0])
    else:
        adaptation = _adaptation(space.white)
        tags[b"chad"] = _fixed(b"sf32", adaptation)
        for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), _primaries(space, adaptation).T, strict=True):
            tags[name] = _xyz(column)
        for n, name in enumerate((b"rTRC", b"gTRC", b"bTRC")):
            curve = space.curves if isinstance(space.curves, float) else np.atleast_2d(space.curves)
            tags[name] = _curve(curve if isinstance(curve, float) else curve[n % len(curve)])
    return _assembled(tags, b"GRAY" if grey else b"RGB ")


def _primaries(space: ColourSpace, adaptation: Numbers) -> Numbers:
    """(3, 3): columns are XYZ of full red, green and blue, under D50."""
    matrix = np.stack([_from_xy(xy) for xy in space.primaries], 1)
    if abs(np.linalg.det(matrix)) < 1e-4:
        raise ValueError("primaries in a line")
    scale = np.linalg.solve(matrix, _from_xy(space.white))
    result: Numbers = adaptation @ (matrix * scale)
    return result


def _adaptation(white: XY) -> Numbers:
    """Bradford's, from `white` to D50."""
    gain = (BRADFORD @ D50) / (BRADFORD @ _from_xy(white))
    result: Numbers = np.linalg.inv(BRADFORD) @ (BRADFORD * gain[:, None])
    return result


def _from_xy(xy: XY) -> Numbers:
    x, y = xy
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _curve(curve: float | Numbers) -> bytes:
    if isinstance(curve, float):
        return _fixed(b"para" + bytes(4) + bytes(4), np.array([curve]), raw=True)
    table = np.rint(np.clip(curve, 0, 1) * 65535).astype(">u2")
    return b"curv" + bytes(4) + struct.pack(">I", len(table)) + table.tobytes()


def _text(text: str) -> bytes:
    coded = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II", 1, 12) + b"enUS" + struct.pack(">II", len(coded), 28) + coded


def _xyz(numbers: Numbers) -> bytes:
    return _fixed(b"XYZ ", numbers)


def _fixed(kind: bytes, numbers: Numbers, raw: bool = False) -> bytes:
    """Numbers as s15Fixed16, after a type's signature."""
    head = kind if raw else kind + bytes(4)
    return head + np.rint(np.asarray(numbers).reshape(-1) * 65536).astype(">i4").tobytes()


def _assembled(tags: dict[bytes, bytes], space: bytes) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    begin = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        table += name + struct.pack(">II", begin + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = begin + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"scum", 0x04400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _xyz(D50)[8:] + bytes(48)
    return head + table + body
