# SPDX-License-Identifier: Apache-2.0
"""The colour spaces that files name outside ICC profiles: PNG's cICP, gAMA and cHRM, EXIF's and DCF's, TIFF's tags, and the
code points that video and AVIF use (ITU-T H.273).

Invariant: what a file says is honoured or named; None means sRGB, as far as anybody can tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scumble.image.icc import D65, SRGB_PRIMARIES, XY, ColourSpace, Numbers

STEPS = 4096
"""Of tables that stand for curves."""

SRGB_GAMMA, NEAR = 0.45455, 0.05
"""gAMA of this, within five hundredths, with sRGB's primaries or none, is how programs write sRGB (libpng's rule)."""

SAME = 0.002
"""Chromaticities that differ by no more are the same."""

WHITE_NITS, PEAK = 203.0, 10000.0
"""cd/m2 of white in HDR pictures (ITU-R BT.2408), which becomes 1.0; and of the largest number of PQ (SMPTE ST 2084)."""

C: XY = (0.310, 0.316)
DCI: XY = (0.314, 0.351)
PRIMARIES: dict[int, tuple[tuple[XY, XY, XY], XY]] = {
    1: (SRGB_PRIMARIES, D65),
    4: (((0.67, 0.33), (0.21, 0.71), (0.14, 0.08)), C),
    5: (((0.64, 0.33), (0.29, 0.60), (0.15, 0.06)), D65),
    6: (((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), D65),
    7: (((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)), D65),
    8: (((0.681, 0.319), (0.243, 0.692), (0.145, 0.049)), C),
    9: (((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)), D65),
    11: (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), DCI),
    12: (((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)), D65),
    22: (((0.630, 0.340), (0.295, 0.605), (0.155, 0.077)), D65),
}
"""Primaries and white by H.273's ColourPrimaries; 2 is "unspecified"."""

PRIMARY_NAMES = {1: "BT.709", 9: "BT.2020", 11: "DCI-P3", 12: "Display P3"}
SRGB_TRANSFERS = (1, 2, 6, 13, 14, 15)
"""TransferCharacteristics that are shown with sRGB's curve: its own, none, and the cameras' curves of video, which programs
show so."""


def srgb_curve(x: Numbers) -> Numbers:
    """Light of numbers in sRGB (IEC 61966-2-1)."""
    result: Numbers = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return result


def pq_curve(x: Numbers) -> Numbers:
    """Light of numbers in PQ (SMPTE ST 2084), 1 is WHITE_NITS."""
    e = x ** (1 / 78.84375)
    light = (np.maximum(e - 0.8359375, 0) / (18.8515625 - 18.6875 * e)) ** (1 / 0.1593017578125)
    result: Numbers = light * (PEAK / WHITE_NITS)
    return result


def hlg_curve(x: Numbers) -> Numbers:
    """Light of numbers in HLG (ITU-R BT.2100) on a screen of 1000 cd/m2, channel by channel; 1 is WHITE_NITS."""
    scene = np.where(x <= 0.5, x**2 / 3, (np.exp((x - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    result: Numbers = scene**1.2 * (1000 / WHITE_NITS)
    return result


TRANSFERS: dict[int, float | Callable[[Numbers], Numbers]] = {
    4: 2.2,
    5: 2.8,
    8: 1.0,
    16: pq_curve,
    17: 2.6,
    18: hlg_curve,
}
TRANSFERS |= {number: srgb_curve for number in SRGB_TRANSFERS}  # noqa: C420 - fromkeys is typed more narrowly
"""By H.273's TransferCharacteristics: an exponent, or light by number."""

HDR = {16: "PQ", 18: "HLG"}


def adobe_rgb() -> ColourSpace:
    """Adobe RGB (1998)."""
    return ColourSpace("Adobe RGB (1998)", 563 / 256, ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)))


def of_gamma(gamma: float | None, chromaticities: Any) -> ColourSpace | None:
    """PNG's gAMA (the exponent of writing, 0.45455) and cHRM (white, red, green and blue as x, y; eight numbers), or None."""
    given = tuple(float(n) for n in chromaticities or ())
    primaries, white = SRGB_PRIMARIES, D65
    if len(given) == 8:
        white, *three = ((given[n], given[n + 1]) for n in range(0, 8, 2))
        primaries = (three[0], three[1], three[2])
    usual = _close(primaries, SRGB_PRIMARIES) and _close((white,), (D65,))
    exponent = gamma if gamma and 0.01 < gamma < 10 else None
    srgb = exponent is None or abs(exponent / SRGB_GAMMA - 1) <= NEAR
    if usual and srgb:
        return None
    curves: float | Numbers = _table(srgb_curve) if exponent is None or srgb else 1 / exponent
    curve = f"gamma {1 / exponent:.3g}" if exponent else "sRGB's curve"
    return ColourSpace(curve + ("" if usual else ", primaries of its own"), curves, primaries, white)


def of_code_points(primaries: int, transfer: int, full_range: bool = True) -> tuple[ColourSpace | None, str]:
    """The colour space of H.273's code points, and a note for the user; None where they mean sRGB or nothing that is known."""
    known = {1: PRIMARIES[1], 2: PRIMARIES[1]} | PRIMARIES
    if primaries not in known or transfer not in TRANSFERS or not full_range:
        what = f"primaries {primaries}, transfer {transfer}" + ("" if full_range else ", narrow range")
        return None, f"it declares H.273's {what}, which is not known here; read as sRGB."
    if primaries in (1, 2) and transfer in SRGB_TRANSFERS:
        return None, ""
    curve = TRANSFERS[transfer]
    name = PRIMARY_NAMES.get(primaries, f"H.273 primaries {primaries}")
    if transfer not in SRGB_TRANSFERS:
        name += f", {HDR.get(transfer, f'H.273 transfer {transfer}')}"
    note = ""
    if transfer in HDR:
        note = f"it is an HDR picture ({HDR[transfer]}); what is brighter than white ({WHITE_NITS:.0f} cd/m2) is cut off."
    return ColourSpace(name, curve if isinstance(curve, float) else _table(curve), *known[primaries]), note


def of_exif(tags: Mapping[int, Any], detail: Mapping[int, Any], interoperability: Any) -> tuple[ColourSpace | None, str]:
    """EXIF's ColorSpace and Gamma, DCF's interoperability index, TIFF's PrimaryChromaticities and TransferFunction.

    `tags` are of the first directory, `detail` of EXIF's own. Returns the space, or None, and remarks for the user.
    """
    colour_space = detail.get(0xA001)
    if colour_space == 2 or str(interoperability or "").startswith("R03"):
        return adobe_rgb(), ""
    if colour_space == 1:
        return None, ""
    space = _of_tags(tags, detail.get(0xA500))
    if space is None and colour_space == 0xFFFF:
        return None, "its EXIF says that its colours are not sRGB's, but not whose; read as sRGB."
    return space, ""


def _of_tags(tags: Mapping[int, Any], gamma: Any) -> ColourSpace | None:
    function, white, primaries = tags.get(301), _numbers(tags.get(318), 2), _numbers(tags.get(319), 6)
    gamma = _numbers((gamma,), 1)
    if function is None and not primaries and not gamma:
        return None
    chromaticities = (*(white or D65), *(primaries or (n for xy in SRGB_PRIMARIES for n in xy)))
    gamma_space = of_gamma(1 / gamma[0] if gamma and gamma[0] else None, chromaticities)
    table = np.asarray(function if function is not None else (), np.float64) / 65535
    if table.size < 2:
        return gamma_space
    curves = table.reshape(3, -1) if table.size % 3 == 0 and table.size & (table.size - 1) else table
    primary = gamma_space or ColourSpace("", 1.0)
    return ColourSpace("a transfer function of its own", curves, primary.primaries, primary.white)


def _numbers(values: Any, count: int) -> tuple[float, ...]:
    try:
        numbers = tuple(float(v) for v in values)
    except (TypeError, ValueError, ZeroDivisionError):
        return ()
    return numbers if len(numbers) == count and all(np.isfinite(numbers)) else ()


def _table(curve: Callable[[Numbers], Numbers]) -> Numbers:
    return np.clip(curve(np.linspace(0, 1, STEPS)), 0, 1)


def _close(one: tuple[XY, ...], other: tuple[XY, ...]) -> bool:
    return bool(np.abs(np.subtract(one, other)).max() <= SAME)
