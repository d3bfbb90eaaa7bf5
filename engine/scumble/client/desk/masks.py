# SPDX-License-Identifier: Apache-2.0
"""How much of each pixel every style paints, where further styles join a first one: the numbers of a request's masks.

Invariant: at each pixel the masks sum to all of it, the first style taking what the others leave; where the others together
ask for more than there is it gets nothing, and the engine parts the pixel among them (docs/protocol.md, section 5).
"""

from __future__ import annotations

import functools
import operator
from array import array
from collections.abc import Sequence
from typing import Any, Optional

from ..raster import Buffer, Masks
from .blend import Blend

_KINDS = {"u8": ("B", 255), "u16": ("H", 65535)}


def parted(others: Sequence[tuple[Optional[Buffer], float]], pixels: int, format: str) -> bytes:
    """`pixels` pixels of interleaved masks, the first style's and one for each of the others.

    Each of `others` is where it goes (a number a pixel in `format`, "u8" or "u16"; None is everywhere) and its share there,
    in [0, 1].
    """
    code, full = _KINDS[format]
    planes = [_scaled(where, share, pixels, format) for where, share in others]
    left = array(code, range(full, -1, -1))
    if len(planes) == 1:
        rest = _mapped(planes[0], left)
    else:
        left.extend(array(code, bytes(left.itemsize * full * (len(planes) - 1))))
        sums = functools.reduce(lambda a, b: map(operator.add, a, b), planes[1:], iter(planes[0]))
        rest = array(code, map(left.__getitem__, sums))
    count = 1 + len(planes)
    masks = array(code, bytes(rest.itemsize * pixels * count))
    for number, plane in enumerate([rest, *planes]):
        masks[number::count] = plane
    return masks.tobytes()


def mask_format(format: str) -> str:
    """The format of masks for a picture in `format`: "u8", or "u16" for any deeper one."""
    return "u8" if format == "u8" else "u16"


def masks_of(choice: Blend, width: int, height: int, format: str, data: Any) -> Optional[Masks]:
    """The masks of a request, from the `data` that `parted` gave in `format`; None where no style has a place."""
    return Masks(width, height, 1 + len(choice.parts), format, data) if choice.placed else None


def masks_from(choice: Blend, planes: Sequence[Optional[Buffer]], width: int, height: int, format: str) -> Optional[Masks]:
    """The masks of a request, from the place of each of `choice.parts`: a number a pixel in `format`, None for everywhere."""
    if not choice.placed:
        return None
    others = [(plane, part.share) for plane, part in zip(planes, choice.parts)]  # noqa: B905 - strict is new in Python 3.10
    return masks_of(choice, width, height, format, parted(others, width * height, format))


def within(masks: Optional[Masks], styles: int, selected: Buffer, width: int, height: int) -> Masks:
    """u8 masks of a request for `styles` styles (None: they share all of the picture), limited to what is `selected`, a byte a
    pixel. At each pixel they sum to as much as is selected."""
    count = styles if masks is None else masks.channels
    planes = bytearray(width * height * count)
    for number in range(count):
        if masks is None:  # parted evenly, the first having what is left over
            least, odd = [value // count for value in range(256)], number == 0
            table = bytes(value - (count - 1) * least[value] if odd else least[value] for value in range(256))
            planes[number::count] = bytes(selected).translate(table)
        else:
            planes[number::count] = bytes(a * b // 255 for a, b in zip(masks.data[number::count], selected))  # noqa: B905
    return Masks(width, height, count, "u8", bytes(planes))


def deepened(plane: Buffer) -> bytes:
    """A u8 mask as a u16 one."""
    deep = bytearray(2 * len(plane))
    deep[0::2] = deep[1::2] = plane
    return bytes(deep)


def _scaled(where: Optional[Buffer], share: float, pixels: int, format: str) -> array[int]:
    code, full = _KINDS[format]
    if where is None:
        return array(code, [round(full * share)]) * pixels
    plane = array(code, bytes(where))
    if share >= 1:
        return plane
    return _mapped(plane, array(code, (round(value * share) for value in range(full + 1))))


def _mapped(values: array[int], table: array[int]) -> array[int]:
    if values.typecode == "B":
        return array("B", values.tobytes().translate(table.tobytes()))
    return array(values.typecode, map(table.__getitem__, values))
