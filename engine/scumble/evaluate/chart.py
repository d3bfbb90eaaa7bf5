# SPDX-License-Identifier: Apache-2.0
"""Lines over two plain axes from 0, as an SVG that needs nothing else: how much is painted against how much is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

Point = tuple[float, float]

WIDTH, HEIGHT = 760, 430
LEFT, RIGHT, TOP, BOTTOM = 64, 150, 20, 46
COLOURS = ("#b3402e", "#2b6ca3", "#6d8f2f", "#8a5a9e", "#c08a1e", "#1f8a84", "#7a6a55", "#444b6e")
INK, FAINT = "#28261f", "#ded8ca"
MARKS = 5
"""Grid lines of an axis."""
APART = 15
"""Least distance of two names, in pixels."""


def chart(lines: Mapping[str, Sequence[Point]], across: str, up: str) -> str:
    """Lines through their points (x, y), all values >= 0, with their names at their last points."""
    greatest = [max((point[axis] for line in lines.values() for point in line), default=0.0) or 1.0 for axis in (0, 1)]

    def at(x: float, y: float) -> Point:
        width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
        return LEFT + width * x / greatest[0], HEIGHT - BOTTOM - height * y / greatest[1]

    parts = _axes(greatest, across, up)
    taken: list[float] = []
    for number, (name, line) in enumerate(lines.items()):
        colour, points = COLOURS[number % len(COLOURS)], [at(*point) for point in line]
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
        if points:
            x, y = points[-1]
            while any(abs(y - other) < APART for other in taken):
                y += 1
            taken.append(y)
            parts.append(f'<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{escape(name)}</text>')
    font = f'font-family="system-ui, sans-serif" font-size="13" fill="{INK}"'
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" {font}>\n' + "\n".join(parts) + "\n</svg>"


def _axes(greatest: Sequence[float], across: str, up: str) -> list[str]:
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    parts = []
    for mark in range(MARKS + 1):
        x, y = LEFT + width * mark / MARKS, HEIGHT - BOTTOM - height * mark / MARKS
        parts.append(f'<path d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{FAINT}"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{greatest[0] * mark / MARKS:.2f}</text>'
        )
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{greatest[1] * mark / MARKS:.2f}</text>')
    parts.append(f'<text x="{LEFT + width / 2:.0f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>')
    middle = TOP + height / 2
    parts.append(f'<text transform="translate(16 {middle:.0f}) rotate(-90)" text-anchor="middle">{escape(up)}</text>')
    return parts
