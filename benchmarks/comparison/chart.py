# SPDX-License-Identifier: Apache-2.0
"""Lines over two logarithmic axes, as an SVG that needs nothing else: time against size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

Point = tuple[float, float]

WIDTH, HEIGHT = 760, 430
LEFT, RIGHT, TOP, BOTTOM = 64, 100, 20, 46
COLOURS = ("#b3402e", "#2b6ca3", "#6d8f2f", "#8a5a9e", "#c08a1e", "#1f8a84")
PAPER, INK, FAINT = "#faf8f3", "#28261f", "#ded8ca"
APART = 15
"""Least distance of two names at the lines' ends, in pixels."""


def chart(lines: Mapping[str, Sequence[Point]], across: str, up: str) -> str:
    """Each line's points by rising x; x doubles and y grows tenfold from one grid line to the next. All values are above 0."""
    xs = sorted({x for line in lines.values() for x, _ in line})
    ys = [y for line in lines.values() for _, y in line]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))

    def at(x: float, y: float) -> Point:
        along = math.log2(x / xs[0]) / max(1e-9, math.log2(xs[-1] / xs[0]))
        rise = (math.log10(y) - low) / max(1, high - low)
        return LEFT + along * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - rise * (HEIGHT - TOP - BOTTOM)

    parts = [f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/>']
    for x in xs:
        px, _ = at(x, 10.0**low)
        parts.append(f'<path d="M{px:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{px:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{x:g}</text>')
    for power in range(low, high + 1):
        _, py = at(xs[0], 10.0**power)
        parts.append(f'<path d="M{LEFT} {py:.1f}H{WIDTH - RIGHT}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{py + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>')
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<text transform="translate(16 {middle:.0f}) rotate(-90)" text-anchor="middle">{escape(up)}</text>')
    above: dict[float, float] = {}
    placed = [(name, [at(*point) for point in line], COLOURS[n % len(COLOURS)]) for n, (name, line) in enumerate(lines.items())]
    for name, points, colour in sorted(placed, key=lambda one: -one[1][-1][1]):
        joined = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
        parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="{colour}"/>' for px, py in points]
        x, y = points[-1]
        above[x] = min(above.get(x, math.inf) - APART, y)  # from the bottom up, so that no two names meet
        parts.append(f'<text x="{x + 9:.1f}" y="{above[x] + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    body = "\n".join(parts)
    font = f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {font}>\n{body}\n</svg>\n'
