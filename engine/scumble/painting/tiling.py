# SPDX-License-Identifier: Apache-2.0
"""Runs a feed-forward network over a picture of any size, in tiles that fit together without a seam.

Invariants: the norms' statistics are collected once, over the whole layer, and frozen, so that a picture in tiles equals
the picture in one piece (1e-4 in fp32, 1/255 in bf16); memory beside the picture does not grow with it; and between any
two layers the run can be closed.
"""

from __future__ import annotations

import dataclasses
import math
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scumble.api.method import Content, Event, Pixels, Preview, Progress, Result, Runtime
from scumble.image.mapped import empty, release_pages
from scumble.image.resample import resize
from scumble.nst.norms import NormStatistics, collected_statistics, frozen_statistics
from scumble.painting.grid import LEAST_SHARE, USUAL_TILE, WHOLE
from scumble.painting.sharing import shared

STATISTICS = 1 << 20
"""A larger one is resampled to this many for its statistics."""

TICK = 0.2
"""Seconds between two signs of life while a network computes."""

_THREAD = ThreadPoolExecutor(1, thread_name_prefix="network")
"""Where networks compute. It stays, because a new thread would begin with new threads and new memory of torch's own, which
costs a quarter of the time of a small picture."""


@dataclass(frozen=True)
class Tile:
    """Rows y0..y1 and columns x0..x1 of the picture, and how far the network's input reaches beyond each of them."""

    y0: int
    y1: int
    x0: int
    x1: int
    top: int
    bottom: int
    left: int
    right: int

    @property
    def work(self) -> int:
        """Pixels the network sees."""
        return (self.top + self.y1 - self.y0 + self.bottom) * (self.left + self.x1 - self.x0 + self.right)


def tiles(height: int, width: int, side: int, stride: int, margin: int) -> list[Tile]:
    """Tiles of about `side` that cover a picture (sides multiples of `stride`), with their margins, clipped at its borders.

    They start at multiples of `stride` and `margin` is one, so that strided layers sample each tile as they do the whole.
    """
    cuts = [_cuts(n, side, stride) for n in (height, width)]
    return [
        Tile(y0, y1, x0, x1, min(y0, margin), min(height - y1, margin), min(x0, margin), min(width - x1, margin))
        for y0, y1 in cuts[0]
        for x0, x1 in cuts[1]
    ]


def _cuts(length: int, side: int, stride: int) -> list[tuple[int, int]]:
    count = math.ceil(length / max(side, stride))
    step = stride * math.ceil(length / count / stride)
    return [(a, min(a + step, length)) for a in range(0, length, step)]


def run_tiled(net: nn.Module, content: Content, runtime: Runtime, *, stride: int, margin: int) -> Iterator[Event]:
    """Progress, at most one Preview, and the Result, in [0, 1].

    `net` takes and gives (1, 3, H, W) with sides that are multiples of `stride`; where the content has regions, it takes their
    shares as well, (S, 1, H, W), cut as the picture is. An output pixel depends on no input pixel further than `margin`, a
    multiple of `stride`. Its weights lie on the runtime's device.
    """
    top, left = (n % stride for n in content.place)
    if top or left:
        for event in run_tiled(net, _begun_before(content, top, left), runtime, stride=stride, margin=margin):
            yield dataclasses.replace(event, rgb=event.rgb[top:, left:]) if isinstance(event, Result) else event
        return
    height, width = (stride * math.ceil(n / stride) for n in content.rgb.shape[:2])
    own = content.whole is None
    source = content if content.whole is None else _whole(content, content.whole)
    small = _reduced(source, max((runtime.tile / USUAL_TILE) ** 2, LEAST_SHARE))
    plan = [] if own and small is source else tiles(height, width, runtime.tile, stride, margin)
    first = small.rgb.shape[0] * small.rgb.shape[1]
    total = first + sum(t.work for t in plan)

    weight = None if small.alpha is None else _weight(small.alpha, stride, runtime.device)
    with collected_statistics(net, weight) as statistics:
        look = _forward(net, _inputs(small, stride, runtime.device), runtime)
        answer = yield from _counted(look, 0, first, total, "looking at the whole")
    answer = answer[: small.rgb.shape[0], : small.rgb.shape[1]]
    if not plan:
        yield Result(answer)
        return
    if own:
        yield Preview(answer)
    whole = None if own else answer
    del answer, small, source, weight
    for event in _painted(net, content, runtime, plan, statistics, stride, first, total):
        yield Result(event.rgb, whole) if isinstance(event, Result) else event


def _painted(
    net: nn.Module,
    content: Content,
    runtime: Runtime,
    plan: list[Tile],
    statistics: NormStatistics,
    stride: int,
    done: int,
    total: int,
) -> Iterator[Event]:
    result = empty(content.rgb.shape, np.float32)

    def cut(number: int) -> list[Pixels]:
        return _cut_out(content, stride, plan[number])

    def paint(number: int) -> Generator[float, None, Pixels]:
        return _forward(net, _tensors(cut(number), runtime.device), runtime)

    helpers = runtime.helpers if len(plan) > 1 else None
    if helpers is not None:
        helpers.set_network(net, statistics, runtime.half)
    finished = 0
    with frozen_statistics(net, statistics), closing(shared(len(plan), paint, cut, helpers)) as painted:
        for number, y in painted:
            t = plan[number]
            if isinstance(y, float):
                text = f"tile {finished + 1} of {len(plan)}" if len(plan) > 1 else "painting"
                yield Progress((done + t.work * y) / total, text)
                continue
            target = result[t.y0 : t.y1, t.x0 : t.x1]
            target[...] = y[t.top : t.top + target.shape[0], t.left : t.left + target.shape[1]]
            done, finished = done + t.work, finished + 1
            release_pages(content.rgb, result)
    yield Result(result)


def paint_tile(net: nn.Module, statistics: NormStatistics, inputs: Sequence[Pixels], runtime: Runtime) -> Pixels:
    """What `run_tiled` makes of a tile and its margins, (h, w, 3) in [0, 1]. `inputs` are the picture cut out, (h, w, 3), and,
    where there are regions, their shares, (h, w, S)."""
    with frozen_statistics(net, statistics):
        steps = _forward(net, _tensors(inputs, runtime.device), runtime)
        try:
            while True:
                next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def _counted(
    steps: Generator[float, None, Pixels], done: int, work: int, total: int, text: str
) -> Generator[Progress, None, Pixels]:
    """The Progress of `work` more pixels after `done` of `total`; returns what the steps return."""
    try:
        while True:
            yield Progress((done + work * next(steps)) / total, text)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        steps.close()


class _Closed(Exception):
    """Ends a network's forward pass whose result is not needed any more."""


def _forward(net: nn.Module, inputs: Sequence[Tensor], runtime: Runtime) -> Generator[float, None, Pixels]:
    """The network's answer, (1, 3, H, W), as (H, W, 3) in [0, 1]; yields the share of its layers that are done.

    A large picture takes seconds on a processor, and a painter who cancels must not wait for them: so the network runs
    in a thread, which a closed generator stops before the next layer.
    """
    layers = [m for m in net.modules() if next(m.children(), None) is None]
    threads = torch.get_num_threads()
    begun: set[nn.Module] = set()  # a layer may be called strip by strip
    closed = threading.Event()

    def before_layer(layer: nn.Module, _: object) -> None:
        if closed.is_set():
            raise _Closed
        begun.add(layer)

    def work() -> Pixels:
        kind = torch.device(runtime.device).type
        torch.set_num_threads(threads)  # torch keeps the number thread by thread, and the bytes depend on it
        with torch.inference_mode(), torch.autocast(kind, torch.bfloat16, enabled=runtime.half):
            y = net(*inputs)[0].float().clamp(0, 1).permute(1, 2, 0)
            return y.contiguous().cpu().numpy()  # type: ignore[no-any-return]

    hooks = [layer.register_forward_pre_hook(before_layer) for layer in layers]
    try:
        answer = _THREAD.submit(work)
        try:
            yield 0.0
            while not wait([answer], TICK).done:
                yield len(begun) / len(layers)
        finally:
            closed.set()
            wait([answer])
        return answer.result()
    finally:
        for hook in hooks:
            hook.remove()


def _inputs(content: Content, stride: int, device: str) -> list[Tensor]:
    """The network's input for the whole picture."""
    return _tensors(_cut_out(content, stride), device)


def _tensors(inputs: Sequence[Pixels], device: str) -> list[Tensor]:
    """The picture, (1, 3, h, w), and, where there are regions, their shares, (S, 1, h, w)."""
    x = torch.from_numpy(inputs[0]).to(device).permute(2, 0, 1)[None].contiguous(memory_format=torch.channels_last)
    return [x, *(torch.from_numpy(shares).to(device).permute(2, 0, 1)[:, None].contiguous() for shares in inputs[1:])]


def _cut_out(content: Content, stride: int, tile: Tile | None = None) -> list[Pixels]:
    """A tile (or all) of the picture, (h, w, 3), and of the regions' shares, (h, w, S), where there are some, mirrored at the
    far borders to multiples of `stride`."""
    height, width = content.rgb.shape[:2]
    if tile is None:
        rows, columns = np.arange(-(-height // stride) * stride), np.arange(-(-width // stride) * stride)
    else:
        rows, columns = (
            np.arange(tile.y0 - tile.top, tile.y1 + tile.bottom),
            np.arange(tile.x0 - tile.left, tile.x1 + tile.right),
        )
    return [_cut(plane, rows, columns) for plane in (content.rgb, content.regions) if plane is not None]


def _cut(picture: Pixels, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Pixels:
    """A copy of consecutive rows and columns; those beyond the picture are mirrored."""
    height, width = picture.shape[:2]
    if rows[-1] < height and columns[-1] < width:  # a quarter of the time
        return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    return picture[np.ix_(_mirrored(rows, height), _mirrored(columns, width))]


def _begun_before(content: Content, top: int, left: int) -> Content:
    """The content with so many mirrored rows and columns before it, which begins where the stride of its layer does."""
    height, width = content.rgb.shape[:2]
    window = np.ix_(_mirrored(np.arange(-top, height), height), _mirrored(np.arange(-left, width), width))
    alpha, regions = (None if x is None else x[window] for x in (content.alpha, content.regions))
    return dataclasses.replace(content, rgb=content.rgb[window], alpha=alpha, regions=regions, place=(0, 0))


def _mirrored(index: NDArray[np.intp], length: int) -> NDArray[np.intp]:
    """Indices beyond the last turn back, without repeating it."""
    period = max(1, 2 * (length - 1))
    index = index % period
    return np.where(index < length, index, period - index)


def _weight(alpha: NDArray[np.float32], stride: int, device: str) -> Tensor:
    """Alpha as weights of the statistics, (1, 1, h, w); what is mirrored weighs nothing."""
    padding = [(0, -n % stride) for n in alpha.shape]
    return torch.from_numpy(np.pad(alpha, padding)).to(device)[None, None]


def _whole(content: Content, whole: Pixels) -> Content:
    """The whole layer, of which the content is a selection."""
    return Content(whole, content.whole_alpha, regions=content.whole_regions)


def _reduced(content: Content, room: float) -> Content:
    """The picture that statistics are collected over: as it is, or reduced where it is large for `room`."""
    height, width = content.rgb.shape[:2]
    if height * width <= WHOLE * room:
        return content
    ratio = math.sqrt(STATISTICS * room / (height * width))
    size = [max(1, math.floor(n * ratio)) for n in (height, width)]
    alpha = None if content.alpha is None else resize(content.alpha[..., None], *size)[..., 0]
    regions = None if content.regions is None else resize(content.regions, *size)
    return Content(resize(content.rgb, *size), alpha, regions=regions)
