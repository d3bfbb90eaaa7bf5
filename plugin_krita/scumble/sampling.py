# SPDX-License-Identifier: GPL-3.0-or-later
"""A small copy of a picture by leaving out pixels, of any pixel size, in the standard library.

Invariant: at most 2 * side rows are read, each once.
"""

from __future__ import annotations

from collections.abc import Callable


def size_within(width: int, height: int, side: int) -> tuple[int, int]:
    """The size with the same proportions whose long side is at most `side`; never enlarged, at least 1 x 1."""
    scale = min(1.0, side / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def sampled(row: Callable[[int], bytes], width: int, height: int, side: int) -> tuple[bytes, int, int]:
    """Every n-th pixel of every n-th row, n so that the long side is between `side` and 2 * `side`: bytes, width, height."""
    step = max(1, max(width, height) // side)
    start = min(step // 2, width - 1, height - 1)
    if step == 1:
        return b"".join(row(y) for y in range(height)), width, height
    parts = []
    columns = 0
    for y in range(start, height, step):
        whole = row(y)
        size = len(whole) // width
        columns = len(range(start, width, step))
        thin = bytearray(columns * size)
        for byte in range(size):
            thin[byte::size] = whole[start * size + byte :: step * size]
        parts.append(bytes(thin))
    return b"".join(parts), columns, len(parts)
