# SPDX-License-Identifier: Apache-2.0
"""Gatys, Ecker and Bethge 2015: optimise the picture itself (arXiv 1508.06576).

Invariant: nothing here was trained for a style; content, painting and a perceptual network decide alone. What the published
presets and ours compare, and why, is in README.md and presets.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.api.hookspecs import hookimpl
from scumble.api.method import (
    Capabilities,
    Content,
    Event,
    Improver,
    Method,
    Pixels,
    Preview,
    Progress,
    Result,
    Runtime,
    Style,
    Weighted,
)
from scumble.methods.gatys.optimize import Step, descend
from scumble.methods.gatys.pace import Pace
from scumble.methods.gatys.presets import Options as Options
from scumble.methods.gatys.presets import Preset, chosen
from scumble.methods.gatys.pyramid import begin, level_sizes, reduced_to, to_size
from scumble.methods.gatys.statistics_file import load_statistics
from scumble.methods.gatys.tiled_loss import objective_of_any_size
from scumble.nst.pretrained import Network, load_perceptual
from scumble.nst.style_statistics import FeatureStatistics, StyleStatistics, between, measure
from scumble.nst.tensors import shrink, to_pixels, to_tensor
from scumble.nst.vgg import VGG, computes_bfloat16, halved
from scumble.painting.grid import WHOLE
from scumble.painting.selection import painted_in_layer
from scumble.painting.stages import OPTIMISING, fast_answer

MAX_PREVIEW = 1024
"""Longest side of a preview: the pipeline shows none larger."""
IMPROVED, FINISH = 3.0, 1.5
"""How much more the style counts when another method's answer is improved, and again in the last third of the steps at the
finest size, where a limit in seconds leaves time for them: by the preset's own weight a picture that is painted already went
back towards the photograph."""
STEPS = {"draft": 1, "good": 40, "best": 150}
"""Steps at each size for a quality, from another method's answer; with a limit in seconds the last ones are not reached."""
COARSEST = 256
"""Long side in pixels of the coarsest size at which an answer is improved."""


@dataclass(frozen=True)
class State:
    """A prepared style."""

    style: Style
    statistics: StyleStatistics


class Gatys(Improver):
    """Optimises the picture."""

    id = "gatys"
    title = "Gatys (optimised)"
    paper = "Gatys, Ecker and Bethge 2015, arXiv 1508.06576"
    purpose = "The most a painting can give a picture, step by step; takes seconds to minutes, and any picture as its style."
    Options = Options
    capabilities = Capabilities(arbitrary=True, blend=True, iterative=True)
    cost = OPTIMISING  # tiled_loss.py cuts up what is larger

    def __init__(self, load: Callable[[Network, Literal["max", "average"]], VGG] = load_perceptual) -> None:
        """`load` gives a network by its name and pooling: those that ship and torchvision's, or what somebody compares."""
        self._load = load
        self._networks: dict[tuple[str, str, str, bool], VGG] = {}

    def available(self, style: Style) -> bool:
        return style.has_picture or style.state(self.id) is not None

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> State:
        """The painting, or the statistics that ship in its place."""
        painting = style.picture()
        if painting is not None:
            return State(style, StyleStatistics(painting=to_tensor(painting)))
        if options.network in ("vgg16", "vgg19"):
            raise ScumbleError(
                "style-needs-picture",
                f"The style {style.id!r} ships without its painting, which {options.network} has to see.",
                "Use the network half, or add the painting to your own styles.",
            )
        path = style.state(self.id)
        if path is None:
            raise ScumbleError(
                "style-unavailable",
                f"The style {style.id!r} has neither a painting nor statistics of one.",
                "Add the painting to your own styles, or choose another method.",
            )
        statistics = load_statistics(Path(path))
        missing = set(chosen(_with_network(options, [statistics])).terms.style) - statistics.layers
        if missing:
            raise ScumbleError(
                "style-needs-picture",
                f"The style {style.id!r} ships without its painting, and without what the preset {options.preset} compares "
                f"({', '.join(sorted(missing))}).",
                "Use the preset scumble, or add the painting to your own styles.",
            )
        return State(style, statistics)

    def forget(self) -> None:
        """Release the networks; the next run loads them again."""
        self._networks.clear()

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        """Of a selection the whole layer is painted at a small size; what has more pixels than that goes on by itself."""
        options = _with_network(options, [style.state.statistics for style in styles])
        paint = partial(self._begun, styles=styles, options=options, runtime=runtime)
        if content.whole is None:
            yield from paint(content)
            return

        def improve(answer: Pixels, levels: int) -> Iterator[Event]:
            begun = torch.from_numpy(answer).permute(2, 0, 1)[None].to(runtime.device)
            return self.improve(replace(content, strength=1.0), styles, replace(options, levels=levels), runtime, begun)

        yield from painted_in_layer(content, paint, improve, chosen(options).levels)

    def _begun(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        answer: Tensor | None = None
        if chosen(options).start == "fast":
            fast = yield from fast_answer(content, [(style.state.style, style.weight) for style in styles], runtime)
            answer = None if fast is None else to_tensor(fast).to(runtime.device)
        yield from self.improve(replace(content, strength=1.0), styles, options, runtime, answer)

    def improve(
        self,
        content: Content,
        styles: Sequence[Weighted],
        options: Any,
        runtime: Runtime,
        answer: Tensor | None = None,
        finish: float = 1.0,
    ) -> Iterator[Event]:
        """Descend from another method's `answer` (1, 3, H, W), or from what the options say; `finish` is the finest size's.

        Other than `run` this follows the content's regions, by a Gram matrix for each style's places, and its strength.
        """
        options = _with_network(options, [style.state.statistics for style in styles])
        preset = chosen(options)
        picture = torch.from_numpy(content.rgb).permute(2, 0, 1)[None].to(runtime.device)  # no copy of a large one
        sizes = level_sizes(picture.shape[2], picture.shape[3], preset.levels)
        work = [h * w for h, w in sizes]
        pace, x = Pace(), answer
        origin: Tensor | None = None
        for level, size in enumerate(sizes):
            small = to_size(picture, size)
            origin, coarser = small if answer is None else to_size(answer, size), origin
            first = partial(begin, origin, coarser, x, preset.start, options.seed)
            done, share = sum(work[:level]) / sum(work), work[level] / sum(work)
            text = f"{size[1]} x {size[0]}"
            last = finish if level == len(sizes) - 1 else 1.0
            for step in self._level(preset, small, content, styles, options, runtime, first, last):
                part = step * share / preset.steps if isinstance(step, float) else 0.0
                if isinstance(step, Step):
                    x = step.best
                    text = f"{size[1]} x {size[0]}, step {step.number} of {preset.steps}, loss {step.losses.total:.4f}"
                    done += share / preset.steps
                    if pace.preview_due():
                        yield Preview(to_pixels(_shown(step.picture)))
                if isinstance(step, Step) or pace.tick_due():
                    yield Progress(done + part, text)
                del step  # a large picture must not stay while the next is computed
        assert x is not None
        yield Result(to_pixels(x))

    def improve_from(
        self,
        content: Content,
        styles: Sequence[Weighted],
        options: Any,
        runtime: Runtime,
        answer: Pixels,
        quality: Literal["draft", "good", "best"],
        levels: int | None = None,
    ) -> Iterator[Event]:
        """Descend from another method's answer, from a size near 256 pixels up: the answer has the large forms already."""
        usual = max(1, 1 + int(math.log2(max(content.rgb.shape[:2]) / COARSEST)))
        steps = options.steps or STEPS[quality]
        weight = IMPROVED * options.style_weight
        how = replace(options, start="fast", steps=steps, levels=levels or options.levels or usual, style_weight=weight)
        begun = torch.from_numpy(np.ascontiguousarray(answer)).permute(2, 0, 1)[None].to(runtime.device)
        yield from self.improve(content, styles, how, runtime, begun, FINISH)

    def _level(
        self,
        preset: Preset,
        small: Tensor,
        content: Content,
        styles: Sequence[Weighted],
        options: Any,
        runtime: Runtime,
        first: Callable[[], Tensor],
        finish: float,
    ) -> Iterator[Step | float | None]:
        """One size: look at the content and the paintings, then descend from `first()`."""
        net = self._network(options.network, preset.pooling, runtime.device)
        alpha = None if content.alpha is None else torch.from_numpy(content.alpha)[None, None].to(runtime.device)
        guides, weights = None, [style.weight for style in styles]
        if content.regions is not None:
            guides = torch.from_numpy(content.regions).to(runtime.device).permute(2, 0, 1)[:, None]
            weights = guides.mean((1, 2, 3)).tolist()
        side = options.style_scale * content.painting_side * max(small.shape[2:]) / max(content.rgb.shape[:2])
        layers, scales = tuple(preset.terms.style), preset.terms.scales
        own: dict[int, FeatureStatistics] = {}
        if content.strength < 1:
            reduced = to_size(small, reduced_to(WHOLE, small))
            for scale in scales:
                own[scale] = yield from measure(net, shrink(reduced, scale), layers)
        targets = []
        for weight, style in zip(weights, styles, strict=True):
            by_scale: dict[int, FeatureStatistics] = {}
            for scale in scales:
                measured = yield from style.state.statistics.at(max(1, round(side / scale)), net, layers)
                by_scale[scale] = between(own[scale], measured, content.strength) if own else measured
            targets.append((weight, by_scale))
        exact = yield from objective_of_any_size(net, preset.terms, small, targets, alpha, guides)
        half = runtime.half or (preset.half and computes_bfloat16(runtime.device))
        through = self._network(options.network, preset.pooling, runtime.device, half)
        loss = replace(exact, net=through, delta=preset.delta)
        yield from descend(loss, first(), preset.steps, options.optimiser, preset.exponent, preset.history, finish)

    def _network(self, network: Network, pooling: Literal["max", "average"], device: str, half: bool = False) -> VGG:
        """The network on the device, kept for the next run; `half` gives its convolutions in bfloat16."""
        key = (network, pooling, device, half)
        if key not in self._networks:
            if half:
                net = halved(self._network(network, pooling, device))
            else:
                net = self._load(network, pooling).to(device).to(memory_format=torch.channels_last)
            self._networks[key] = net
        return self._networks[key]


def _with_network(options: Any, styles: Sequence[StyleStatistics]) -> Any:
    """The options with the network that all `styles` can be compared in: one without its painting knows one network only.

    Raises ScumbleError "style-needs-picture" where two such styles know different networks.
    """
    known = {style.network for style in styles if style.network}
    if len(known) > 1:
        raise ScumbleError(
            "style-needs-picture",
            f"These styles ship without their paintings, measured in different networks ({', '.join(sorted(known))}).",
            "Use one of them alone, or add the paintings to your own styles.",
        )
    return replace(options, network=known.pop()) if known else options


def _shown(x: Tensor) -> Tensor:
    """A picture for a preview, no larger than anybody looks at it."""
    ratio = min(1.0, MAX_PREVIEW / max(x.shape[2:]))
    return to_size(x, (max(1, round(x.shape[2] * ratio)), max(1, round(x.shape[3] * ratio))))


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Gatys())
