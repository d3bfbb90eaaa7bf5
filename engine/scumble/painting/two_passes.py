# SPDX-License-Identifier: Apache-2.0
"""A picture painted twice by the same network: broad strokes at half the size, then fine ones over that answer.

A network has strokes of one size in pixels. Over a large picture they are too fine, over a small one broad but soft. The second
pass sees the first answer enlarged, with part of the detail that it lost (after Wang et al. 2017, arXiv 1612.01895, who train a
network for each pass), and costs four fifths of the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from scumble.api.method import Content, Event, Pixels, Preview, Progress, Result
from scumble.image.mapped import empty, release_pages
from scumble.image.resample import bands, resize
from scumble.painting.selection import axes_from_whole

DETAIL = 0.6
"""Share of the detail lost by halving that is laid over the first answer. Less blurs small faces, more leaves a photograph."""

LEAST = 1100
"""A layer with a shorter long side, in pixels, is painted once: its broad strokes would swallow the subject. At 1024, the
working size, a second pass lost faces that stay faces by one."""

BROAD = 0.2
"""Share of the work that the first pass is."""


def paint_twice(paint: Callable[[Content], Iterator[Event]], content: Content) -> Iterator[Event]:
    """The events of painting `content` in two passes, each of them by `paint`; the first answer is shown as a preview.

    Of a selection, the first pass paints the whole layer, so that broad strokes do not depend on what is selected.
    """
    layer = content.rgb if content.whole is None else content.whole
    full = content.full or layer.shape[:2]
    if max(full) < LEAST:
        yield from paint(content)
        return
    small = _halved(content, (full[0], full[1]))
    broad = small.rgb
    for event in paint(small):
        if isinstance(event, Progress):
            yield Progress(BROAD * event.fraction, "broad strokes")
        elif isinstance(event, Result):
            broad = event.rgb
        del event
    if content.whole is None:
        yield Preview(broad)
    for event in paint(_over(content, small.rgb, broad)):
        yield Progress(BROAD + (1 - BROAD) * event.fraction, event.text) if isinstance(event, Progress) else event
        del event


def _halved(content: Content, full: tuple[int, int]) -> Content:
    """The whole layer at half the size that it is worked at, or as large as it is known."""
    whole = content.whole is not None
    rgb, alpha, regions = (
        (content.whole, content.whole_alpha, content.whole_regions) if whole else (content.rgb, content.alpha, content.regions)
    )
    assert rgb is not None
    size = [max(1, min(known, round(n / 2))) for known, n in zip(rgb.shape, full, strict=False)]
    return replace(
        content,
        rgb=resize(rgb, *size),
        alpha=None if alpha is None else resize(alpha[..., None], *size)[..., 0],
        regions=None if regions is None else resize(regions, *size),
        whole=None,
        whole_alpha=None,
        whole_regions=None,
        place=(0, 0),
        full=None,
        natural_side=content.painting_side,
    )


def _over(content: Content, small: Pixels, broad: Pixels) -> Content:
    """The second pass's input: `broad`, the first answer, enlarged, with DETAIL of what is lost in `small`."""
    change = broad - DETAIL * small
    if content.whole is None:
        return replace(content, rgb=_laid_over(content, change))
    layer = replace(content, rgb=content.whole, place=(0, 0), full=content.whole.shape[:2])
    return replace(content, rgb=_laid_over(content, change), whole=_laid_over(layer, change))


def _laid_over(content: Content, change: Pixels) -> Pixels:
    """DETAIL of `content` and the `change` of the small layer, enlarged; in [0, 1]."""
    changed = replace(content, whole=change, full=content.full or content.rgb.shape[:2])
    rgb = empty(content.rgb.shape, np.float32)
    for a, b, band in bands(change, *axes_from_whole(changed)):
        np.clip(DETAIL * content.rgb[a:b] + band, 0, 1, out=rgb[a:b])
        release_pages(content.rgb, rgb)
    return rgb
