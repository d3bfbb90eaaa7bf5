# SPDX-License-Identifier: Apache-2.0
"""The loss of a large picture and its gradient, stage by stage and tile by tile.

A Gram matrix is a mean over the whole picture, so the picture is passed twice: once without gradients, for the matrices and
for the maps that each stage begins with; then backwards from the last stage, where each tile is computed again from those,
with the gradient of the loss by the matrices.
Invariant: losses and gradient are those of the picture in one piece but for rounding; beside maps of 30 bytes a pixel (of the
compact network) only a tile is held.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from scumble.image import mapped
from scumble.methods.gatys.objective import ContentTarget, Losses, Objective, Terms, objective, salient_weight
from scumble.nst.losses import distinctness, pixel_weight, squared_distance
from scumble.nst.style_statistics import FeatureStatistics
from scumble.nst.tensors import shrink
from scumble.nst.vgg import VGG
from scumble.painting.grid import WHOLE
from scumble.painting.tiling import Tile, tiles

VALUES = 1 << 20
"""Of a tile's largest map: 4 MiB as floats, of which a stage's backward pass holds some dozens. The margins, of at most four
cells, are then a fifth of the smallest tiles, and those are of the last stages, which cost least."""

ROWS = 1 << 20
"""Pixels whose own terms (colour, total variation) are computed at once."""

FILED = 1 << 26
"""Bytes of a map of the content from which on it lies in a file: it is needed once an evaluation."""


class InTiles(Objective):
    """The loss of large pictures. Make it with `objective_of_any_size`."""

    def evaluate(self, x: Tensor) -> Generator[float, None, Losses]:
        """As of any objective; yields after every tile."""
        return (yield from _evaluate(self, x))


def objective_of_any_size(
    net: VGG,
    terms: Terms,
    content: Tensor,
    styles: Sequence[tuple[float, Mapping[int, FeatureStatistics]]],
    alpha: Tensor | None = None,
    guides: Tensor | None = None,
) -> Generator[None, None, Objective]:
    """As `objective`; a content of more than WHOLE pixels is measured and compared in tiles."""
    if content.shape[2] * content.shape[3] <= WHOLE:
        return (yield from objective(net, terms, content, styles, alpha, guides))
    return InTiles(net, terms, (yield from _targets(net, terms, content, alpha)), styles, alpha, guides)


def _evaluate(loss: Objective, x: Tensor) -> Generator[float, None, Losses]:
    content, style = 0.0, 0.0
    scales = [scale for scale in loss.terms.scales if loss.wanted(scale)]
    plans = {scale: _plan(loss.net, loss.wanted(scale), _reduced_size(x, scale)) for scale in scales}
    count = _Count(3 * sum(len(stage) for plan in plans.values() for stage in plan))
    for scale, plan in plans.items():
        small = shrink(x, scale)
        maps, grams = yield from _forward(loss, small.detach(), plan, scale, count)
        pulls, part = _pulls(loss, grams, scale)
        style += part
        gradient, part = yield from _backward(loss, maps, pulls, plan, scale, count)
        content += part
        if small is x and x.grad is None:
            x.grad = gradient  # which backward would copy
        else:
            torch.autograd.backward(small, gradient)
        del small, gradient
    colour, tv = _pixels(loss, x)
    return loss.losses(content, style, colour, tv)


@dataclass
class _Count:
    """Passes over tiles, of which one forward counts once and one backward twice."""

    total: int
    done: int = 0

    def add(self, passes: int) -> float:
        """The share done."""
        self.done += passes
        return self.done / self.total


def _forward(
    loss: Objective, here: Tensor, plan: list[list[Tile]], scale: int, count: _Count
) -> Generator[float, None, tuple[list[Tensor], dict[str, list[Tensor]]]]:
    """The map that each stage begins with, and the Gram matrices of the whole picture, by layer one for each style."""
    maps, grams = [here], dict[str, list[Tensor]]()
    for number, layers in enumerate(loss.net.stages(loss.wanted(scale))):
        following = None if number + 1 == len(plan) else _next_map(loss.net, layers, maps[-1])
        for tile in plan[number]:
            with torch.no_grad():
                after, features = _pass(loss.net, layers, _cut(maps[-1], tile), tile)
                for name, parts in _grams(loss, features, maps[-1], tile, scale).items():
                    grams[name] = [a + b for a, b in zip(grams[name], parts, strict=True)] if name in grams else parts
                if following is not None:
                    _window(following, tile, 2).copy_(loss.net.pool(after))
            del after, features
            yield count.add(1)
        if following is not None:
            maps.append(following)
    return maps, grams


def _backward(
    loss: Objective, maps: list[Tensor], pulls: Mapping[str, list[Tensor]], plan: list[list[Tile]], scale: int, count: _Count
) -> Generator[float, None, tuple[Tensor | None, float]]:
    """The gradient at the first of `maps`, which are used up from the last to the first, and the loss of content."""
    content = 0.0
    gradient: Tensor | None = None
    for number, layers in reversed(list(enumerate(loss.net.stages(loss.wanted(scale))))):
        here = maps.pop()
        back = torch.zeros_like(here)
        for tile in plan[number]:
            y = _cut(here, tile).detach().requires_grad_()
            after, features = _pass(loss.net, layers, y, tile)
            grams = _grams(loss, features, here, tile, scale)
            outputs = [gram for name in grams for gram in grams[name]]
            gradients = [pull for name in grams for pull in pulls[name]]
            if scale == 1 and (part := _content(loss, features, here, tile)) is not None:
                content += float(part.detach())
                outputs.append(part)
                gradients.append(torch.full_like(part, loss.terms.content_weight))
            if gradient is not None:
                outputs.append(loss.net.pool(after))
                gradients.append(_window(gradient, tile, 2))
            torch.autograd.backward(outputs, gradients)
            assert y.grad is not None
            _inside(back, tile).add_(y.grad)
            del y, after, features, grams, outputs, gradients
            yield count.add(2)
        gradient = back
        del here, back
    return gradient, content


def _targets(
    net: VGG, terms: Terms, content: Tensor, alpha: Tensor | None
) -> Generator[None, None, Mapping[str, ContentTarget]]:
    """What `Objective.content` holds, of a large content (1, 3, H, W)."""
    maps, sums, squares = dict[str, Tensor](), dict[str, Tensor](), dict[str, Tensor]()
    here, plan = content, _plan(net, set(terms.content), (content.shape[2], content.shape[3]))
    for number, layers in enumerate(net.stages(terms.content)):
        following = None if number + 1 == len(plan) else _next_map(net, layers, here)
        for tile in plan[number]:
            with torch.no_grad():
                after, features = _pass(net, layers, _cut(here, tile), tile)
                for name in features.keys() & terms.content.keys():
                    f = features[name]
                    if name not in maps:
                        maps[name] = _room((1, f.shape[1], here.shape[2], here.shape[3]), f)
                        sums[name], squares[name] = f.new_zeros(2, dtype=torch.float64)
                    _window(maps[name], tile).copy_(f)
                    sums[name] += f.sum(dtype=torch.float64)
                    squares[name] += f.double().square().sum()
                    mapped.release_pages(getattr(maps[name], "filed", None))
                if following is not None:
                    _window(following, tile, 2).copy_(net.pool(after))
            yield
        if following is not None:
            here = following
    targets = {}
    for name, f in maps.items():
        mean = sums[name] / f.numel()
        variance = squares[name] / f.numel() - mean.square()
        divisor = variance.clamp_min(1e-6) if terms.relative else mean.clamp_min(1e-6).square()
        weight = None if alpha is None else pixel_weight(alpha, f.shape[2], f.shape[3])
        if terms.salient:
            weight = yield from _salient_weight(f, weight)
        targets[name] = ContentTarget(f, divisor.float(), weight)
    return targets


def _salient_weight(f: Tensor, weight: Tensor | None) -> Generator[None, None, Tensor]:
    """`salient_weight` of a large map (1, C, h, w), read twice, some rows at a time."""
    channels, height, width = f.shape[1:]
    step = max(1, VALUES // (channels * width))
    bands = [slice(a, a + step) for a in range(0, height, step)]
    mean = f.new_zeros(1, channels, 1, 1)
    for rows in bands:
        share = 1 / (height * width) if weight is None else weight[:, :, rows]
        mean += (f[:, :, rows] * share).sum((2, 3), keepdim=True)
        mapped.release_pages(getattr(f, "filed", None))
        yield
    distinct = []
    for rows in bands:
        distinct.append(distinctness(f[:, :, rows], mean))
        mapped.release_pages(getattr(f, "filed", None))
        yield
    return salient_weight(torch.cat(distinct, 2), weight)


def _plan(net: VGG, wanted: set[str], size: tuple[int, int]) -> list[list[Tile]]:
    """The tiles of each stage's map. They begin at even cells, as pooling does."""
    plan = []
    for layers in net.stages(wanted):
        side = max(8, int((VALUES / net.conv(layers[-1]).out_channels) ** 0.5))
        plan.append(tiles(*size, side, 2, 2 * -(-len(layers) // 2)))  # a 3 x 3 convolution reaches one cell
        size = -(-size[0] // 2), -(-size[1] // 2)
    return plan


def _reduced_size(x: Tensor, scale: int) -> tuple[int, int]:
    height, width = x.shape[2:]
    return -(-height // min(scale, height)), -(-width // min(scale, width))


def _next_map(net: VGG, layers: Sequence[str], here: Tensor) -> Tensor:
    """Room for what the stage after these layers begins with."""
    weight = net.conv(layers[-1]).weight
    size = 1, weight.shape[0], -(-here.shape[2] // 2), -(-here.shape[3] // 2)
    return weight.new_empty(size).contiguous(memory_format=torch.channels_last)


def _pass(net: VGG, layers: Sequence[str], y: Tensor, tile: Tile) -> tuple[Tensor, dict[str, Tensor]]:
    """The stage over a tile with its margin; its last map and all by name, without the margin."""
    after, features = net.stage(layers, y, pooled=True)
    rows, columns = slice(tile.top, tile.top + tile.y1 - tile.y0), slice(tile.left, tile.left + tile.x1 - tile.x0)
    return after[:, :, rows, columns], {name: f[:, :, rows, columns] for name, f in features.items()}


def _inside(here: Tensor, tile: Tile) -> Tensor:
    """A tile with its margin."""
    return here[:, :, tile.y0 - tile.top : tile.y1 + tile.bottom, tile.x0 - tile.left : tile.x1 + tile.right]


def _cut(here: Tensor, tile: Tile) -> Tensor:
    return _inside(here, tile).contiguous(memory_format=torch.channels_last)


def _window(here: Tensor, tile: Tile, ratio: int = 1) -> Tensor:
    """A tile in a map whose cells are `ratio` of its own wide."""
    y0, y1, x0, x1 = (-(-n // ratio) for n in (tile.y0, tile.y1, tile.x0, tile.x1))
    return here[:, :, y0:y1, x0:x1]


def _share(weight: Tensor | None, here: Tensor, tile: Tile) -> tuple[Tensor | None, float]:
    """The weights of a tile's cells, and by what a mean over these is multiplied to be their part of the whole's."""
    if weight is not None:
        return _window(weight, tile), 1.0
    return None, (tile.y1 - tile.y0) * (tile.x1 - tile.x0) / (here.shape[2] * here.shape[3])


def _grams(loss: Objective, features: Mapping[str, Tensor], here: Tensor, tile: Tile, scale: int) -> dict[str, list[Tensor]]:
    """A tile's part of the Gram matrices."""
    pairs = [_share(weight, here, tile) for weight in loss.weights(here)]
    weights, shares = [weight for weight, _ in pairs], [share for _, share in pairs]
    parts = {name: loss.grams(name, f, scale, weights) for name, f in features.items() if name in loss.terms.style}
    return {name: [share * gram for share, gram in zip(shares, grams, strict=True)] for name, grams in parts.items()}


def _pulls(loss: Objective, grams: Mapping[str, list[Tensor]], scale: int) -> tuple[dict[str, list[Tensor]], float]:
    """What pulls at each Gram matrix, and the loss of style."""
    if not grams:
        return {}, 0.0
    leaves = {name: [gram.detach().requires_grad_() for gram in parts] for name, parts in grams.items()}
    pull, part = loss.style(leaves, scale)
    torch.autograd.backward(loss.terms.style_weight * pull)
    return {name: [torch.zeros_like(g) if g.grad is None else g.grad for g in parts] for name, parts in leaves.items()}, part


def _content(loss: Objective, features: Mapping[str, Tensor], here: Tensor, tile: Tile) -> Tensor | None:
    """A tile's part of the loss of content."""
    parts = []
    for name in loss.terms.content.keys() & features.keys():
        target = loss.content[name]
        weight, share = _share(target.weight, here, tile)
        distance = squared_distance(features[name], _window(target.features, tile), weight)
        parts.append(loss.terms.content[name] * share * distance / target.divisor)
        mapped.release_pages(getattr(target.features, "filed", None))
    return reduce(torch.add, parts) if parts else None


def _pixels(loss: Objective, x: Tensor) -> tuple[float, float]:
    """The losses of colour and total variation, some rows at a time; their gradient is added to `x.grad`."""
    height, width = x.shape[2:]
    step = max(1, ROWS // width)
    weights, covariances = loss.weights(x), [torch.zeros(3, 3, device=x.device) for _ in loss.styles]
    bands = [(a, min(a + step, height)) for a in range(0, height, step)]

    def parts(band: Tensor, a: int, b: int) -> list[Tensor]:
        covariances_of_band = loss.colours(band, [None if weight is None else weight[:, :, a:b] for weight in weights])
        shares = [(b - a) / height if weight is None else 1.0 for weight in weights]
        return [share * covariance for share, covariance in zip(shares, covariances_of_band, strict=True)]

    for a, b in bands:
        covariances = [c + p for c, p in zip(covariances, parts(x[:, :, a:b].detach(), a, b), strict=True)]
    leaves = [c.requires_grad_() for c in covariances]
    colour, tv = loss.colour(leaves), 0.0
    torch.autograd.backward(loss.terms.colour_weight * colour)
    assert x.grad is not None
    for a, b in bands:
        end = min(b + 1, height)  # with the row below, for the differences to it
        band = x[:, :, a:end].detach().requires_grad_()
        across = (band[:, :, : b - a, 1:] - band[:, :, : b - a, :-1]).abs().sum() / (3 * height * max(1, width - 1))
        down = (band[:, :, 1:] - band[:, :, :-1]).abs().sum() / (3 * max(1, height - 1) * width)
        tv += float((across + down).detach())
        pulls = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]
        outputs = [loss.terms.tv_weight * (across + down), *parts(band[:, :, : b - a], a, b)]
        torch.autograd.backward(outputs, [torch.ones_like(across), *pulls])
        assert band.grad is not None
        x.grad[:, :, a:end] += band.grad
    return float(colour.detach()), tv


def _room(size: tuple[int, ...], like: Tensor) -> Tensor:
    """An empty float32 tensor on the device of another; a large one of the processor's lies in a file."""
    if like.device.type != "cpu":
        return like.new_empty(size, dtype=torch.float32)
    array = mapped.empty(size, "float32", FILED)
    tensor = torch.from_numpy(array)
    tensor.filed = array  # type: ignore[attr-defined]
    return tensor
