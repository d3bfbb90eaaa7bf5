# SPDX-License-Identifier: Apache-2.0
"""A selection as a part of its layer, for methods that look at their picture as a whole: they paint a small copy of it, the
small layer, and from there the selection takes what was changed.

Invariant: where the small layer has as many pixels as it is worked at, a pixel's answer is the layer's, however tightly it
was selected; and what a layer's own small copy shows is what the layer will be.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from scumble.api.method import Content, Event, Pixels, Preview, Progress, Result
from scumble.image.mapped import empty, release_pages
from scumble.image.resample import Axis, axis, bands, cubic


def painted_in_layer(
    content: Content,
    paint: Callable[[Content], Iterator[Event]],
    improve: Callable[[Pixels, int], Iterator[Event]],
    levels: int,
) -> Iterator[Event]:
    """What a method yields that paints pictures and, where the selection has more pixels than the small layer, improves an
    answer of the selection's at so many finer sizes, each twice the one before and `levels` at most."""
    layer, finer = layer_of(content), min(doublings(content), levels)
    share = layer.rgb.size / (layer.rgb.size + content.rgb.size) if finer else 1.0
    painted = layer.rgb
    for event in paint(layer):
        if isinstance(event, Result):
            painted = event.rgb
        elif isinstance(event, Preview):
            yield Preview(part_of(content, event.rgb))
        else:
            yield replace(event, fraction=share * event.fraction)
    answer = carried(content, painted)
    for event in improve(answer, finer) if finer else [Result(answer)]:
        if isinstance(event, Progress):
            yield replace(event, fraction=share + (1 - share) * event.fraction)
        else:
            yield replace(event, whole=painted) if isinstance(event, Result) else event


def layer_of(content: Content) -> Content:
    """The small layer, as a picture of its own."""
    assert content.whole is not None
    full = content.full or content.whole.shape[:2]
    ratio = max(content.whole.shape[:2]) / max(full)
    return Content(content.whole, content.whole_alpha, natural_side=content.painting_side * ratio)


def doublings(content: Content) -> int:
    """How many times the small layer must be doubled to have as many pixels as it is painted with."""
    assert content.whole is not None
    full = content.full or content.whole.shape[:2]
    return max(0, math.ceil(math.log2(max(full) / max(content.whole.shape[:2])) - 0.1))


def carried(content: Content, painted: Pixels) -> Pixels:
    """The selection with what was changed in the layer, of which `painted` is the small answer; in [0, 1]."""
    assert content.whole is not None
    rows, columns = axes_from_whole(content)
    out = empty(content.rgb.shape, np.float32)
    for a, b, change in bands(painted - content.whole, rows, columns):
        np.clip(content.rgb[a:b] + change, 0, 1, out=out[a:b])
        release_pages(content.rgb, out)
    return out


def part_of(content: Content, shown: Pixels) -> Pixels:
    """The part of a picture of the layer, of any size, that shows the selection."""
    assert content.whole is not None
    full = content.full or content.whole.shape[:2]
    place = []
    for at, length, cells, n in zip(content.place, content.rgb.shape, full, shown.shape, strict=False):
        first = min(n - 1, at * n // cells)
        place.append(slice(first, max(first + 1, math.ceil((at + length) * n / cells))))
    return shown[place[0], place[1]]


def axes_from_whole(content: Content) -> tuple[Axis, Axis]:
    """From the cells of `content.whole`, rows and columns, to the pixels of the selection."""
    assert content.whole is not None
    full = content.full or content.whole.shape[:2]
    axes = []
    for at, length, cells, n in zip(content.place, content.rgb.shape, full, content.whole.shape, strict=False):
        axes.append(axis(n, length, n / cells, at * n / cells, cubic))
    return axes[0], axes[1]
