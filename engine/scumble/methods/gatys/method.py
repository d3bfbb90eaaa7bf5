# SPDX-License-Identifier: Apache-2.0
"""Gatys, Ecker and Bethge 2015: optimise the picture itself (arXiv 1508.06576).

Invariant: nothing here was trained for a style; content, painting and a perceptual network decide alone. What the published
presets and ours compare, and why, is in README.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Event, Method, Pixels, Preview, Progress, Result, Runtime, Style, Weighted
from scumble.api.options import option
from scumble.methods.gatys.objective import Terms
from scumble.methods.gatys.optimize import Step, descend
from scumble.methods.gatys.pace import Pace
from scumble.methods.gatys.pyramid import begin, level_sizes, reduced_to, to_size
from scumble.methods.gatys.tiled_loss import objective
from scumble.nst.pretrained import Network, load_perceptual
from scumble.nst.style_statistics import Statistics, StyleStatistics, between, load_ladder, measure
from scumble.nst.tensors import shrink, to_pixels, to_tensor
from scumble.nst.vgg import VGG, computes_bfloat16, halved
from scumble.painting.grid import WHOLE
from scumble.painting.selection import painted_in_layer

MAX_PREVIEW = 1024
"""Longest side of a preview: the pipeline shows none larger."""
STEPS = {"draft": 1, "good": 40, "best": 150}
"""Steps at each size for a quality, from another method's answer; with a limit in seconds the last ones are not reached."""
COARSEST = 256
"""Long side in pixels of the coarsest size at which an answer is improved."""


@dataclass(frozen=True)
class Preset:
    """Published or chosen values that belong together."""

    terms: Terms
    steps: int
    start: Literal["content", "noise", "fast"]
    pooling: Literal["max", "average"] = "max"
    levels: int = 1
    exponent: float = 0.0
    """Of the change of variables (optimise.Spectrum); 0 optimises plain pixels."""
    patience: float = 0.0
    """With the terms of style that begin very large (objective.Objective)."""
    half: bool = False
    """Descend through the network in bfloat16 wherever the machine computes in it; targets are always taken in float32."""
    history: int = 100
    """Pairs that L-BFGS remembers; 100 is the default of the authors' library."""


PUBLISHED = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
WIDTHS = (64, 128, 256, 512, 512)
"""VGG-19's, which the code's weights are divided by, squared, in any network."""

PAPER_CELLS = 64 * 64 * 512
"""Values of relu4_2 for a picture of 512 x 512: the paper's content loss is a sum, so its weight depends on the size."""

PRESETS: Mapping[str, Preset] = {
    # Section 2 of the paper: alpha/beta 1e-3; content 1/2 sum (F - P)^2; style 1/5 sum (G - A)^2 / (4 N^2 M^2) a layer.
    "paper": Preset(
        Terms(
            content={"relu4_2": 0.5 * PAPER_CELLS},
            style=dict.fromkeys(PUBLISHED, 1 / 5 / 4),
            content_weight=1e-3,
            relative=False,
        ),
        steps=500,
        start="noise",
        pooling="average",
    ),
    # The authors' PyTorch code: style weights 1e3/n^2, content weight 1, means, 500 steps from the content.
    "code": Preset(
        Terms(
            content={"relu4_2": 1.0},
            style={layer: 1e3 / n**2 for layer, n in zip(PUBLISHED, WIDTHS, strict=True)},
            relative=False,
        ),
        steps=500,
        start="content",
    ),
    "scumble": Preset(
        Terms(
            content={"relu3_3": 0.5, "relu4_2": 0.5},
            style={"relu1_1": 1/13, "relu1_2": 1/13, "relu2_1": 1/13, "relu2_2": 1/13,
                   "relu3_1": 2/13, "relu3_3": 2/13, "relu4_1": 3/13, "relu5_1": 3/13},
            style_weight=10.0,
            colour_weight=0.5,
            tv_weight=0.5,
            scales=(1, 2),
        ),
        steps=40,
        start="content",
        levels=4,
        exponent=0.25,
        patience=0.05,
        half=True,
        history=20,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """What can be chosen. Weights are multiples of the preset's, so 1 is always the preset's own."""

    preset: Literal["scumble", "paper", "code"] = option(
        "scumble",
        "scumble is fast and made for the compact network; paper and code follow the paper and its authors' later code.",
    )
    network: Literal["compact", "vgg19", "vgg16"] = option(
        "compact",
        "What judges the picture. compact ships with Scumble; the VGG networks are downloaded once (550 MB), take many times "
        "as long, and need the painting itself.",
    )
    style_scale: float = option(
        1.0,
        "Size of the painting relative to the picture; smaller gives finer strokes.",
        minimum=0.25,
        maximum=2.0,
        step=0.05,
        unit="x",
    )
    style_weight: float = option(
        1.0, "How much the painting counts, in multiples of the preset's weight.", minimum=0, maximum=100, step=0.1, unit="x"
    )
    content_weight: float = option(
        1.0, "How much the picture counts, in multiples of the preset's weight.", minimum=0, maximum=100, step=0.1, unit="x"
    )
    tv_weight: float = option(
        1.0,
        "How smooth the result is (total variation), in multiples of the preset's weight; paper and code have none.",
        title="Smoothness",
        minimum=0,
        maximum=100,
        step=0.1,
        unit="x",
    )
    steps: int = option(0, "Steps at each size; 0 takes the preset's number.", minimum=0, maximum=5000, step=10)
    levels: int = option(
        0, "Sizes to work at, each half the next; 0 takes the preset's number, 1 only the full size.", minimum=0, maximum=6
    )
    start: Literal["preset", "content", "noise", "fast"] = option(
        "preset",
        "What to begin with: your picture, noise, or the answer of a fast method that knows the style.",
        title="Begin with",
    )
    optimiser: Literal["lbfgs", "adam"] = option("lbfgs", "adam takes more steps; up to 2 megapixels it takes less memory.")
    pooling: Literal["preset", "max", "average"] = option(
        "preset", "How VGG reduces its maps; the compact network always takes the maximum, which it was trained with."
    )
    seed: int = option(0, "Another number, another noise.", minimum=0, maximum=2**31 - 1)


@dataclass(frozen=True)
class State:
    """A prepared style."""

    style: Style
    statistics: StyleStatistics


class Gatys:
    """Optimises the picture."""

    id = "gatys"
    title = "Gatys (optimised)"
    paper = "Gatys, Ecker and Bethge 2015, arXiv 1508.06576"
    purpose = "The most a painting can give a picture, step by step; takes seconds to minutes, and any picture as its style."
    Options = Options
    capabilities = Capabilities(arbitrary=True, blend=True, iterative=True)
    pixel_bytes = 1400  # measured with the default preset: 1480 in bfloat16, 1910 in float32
    most_pixels = WHOLE  # tiled_loss.py cuts up what is larger

    def __init__(self) -> None:
        self._networks: dict[tuple[str, str, str, bool], VGG] = {}

    def available(self, style: Style) -> bool:
        return style.has_picture or style.state(self.id) is not None

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> State:
        """The painting, or the statistics that ship in its place."""
        painting = style.picture()
        if painting is not None:
            return State(style, StyleStatistics(painting=to_tensor(painting)))
        if options.network != "compact":
            raise ScumbleError(
                "style-needs-picture",
                f"The style {style.id!r} ships without its painting, which {options.network} has to see.",
                "Use the compact network, or add the painting to your own styles.",
            )
        path = style.state(self.id)
        if path is None:
            raise ScumbleError(
                "style-unavailable",
                f"The style {style.id!r} has neither a painting nor statistics of one.",
                "Add the painting to your own styles, or choose another method.",
            )
        return State(style, StyleStatistics(ladder=load_ladder(Path(path))))

    def forget(self) -> None:
        """Let go of the networks; the next run loads them again."""
        self._networks.clear()

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        """Of a selection the whole layer in small is painted; what has more pixels than that goes on from there by itself."""
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
            answer = yield from _fast_answer(content, styles, runtime)
        yield from self.improve(replace(content, strength=1.0), styles, options, runtime, answer)

    def improve(
        self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime, answer: Tensor | None = None
    ) -> Iterator[Event]:
        """Descend from another method's `answer` (1, 3, H, W), or from what the options say.

        Other than `run` this heeds the content's regions, with a Gram matrix for each style's own places, and its strength,
        with targets as far between the content's own statistics and the painting's.
        """
        preset = chosen(options)
        net = self._network(options.network, preset.pooling, runtime.device)
        picture = torch.from_numpy(content.rgb).permute(2, 0, 1)[None].to(runtime.device)  # no copy of a large one
        sizes = level_sizes(picture.shape[2], picture.shape[3], preset.levels)
        work = [h * w for h, w in sizes]
        pace = Pace()
        x = answer
        before: Tensor | None = None
        for level, size in enumerate(sizes):
            small = to_size(picture, size)
            origin = small if answer is None else to_size(answer, size)
            first = partial(begin, origin, before, x, preset.start, options.seed)
            before = origin
            done, share = sum(work[:level]) / sum(work), work[level] / sum(work)
            text = f"{size[1]} x {size[0]}"
            for step in self._level(net, preset, small, content, styles, options, runtime, first):
                part = 0.0
                if isinstance(step, Step):
                    x = step.best
                    text = f"{size[1]} x {size[0]}, step {step.number} of {preset.steps}, loss {step.losses.total:.4f}"
                    done += share / preset.steps
                    if pace.preview_due():
                        yield Preview(to_pixels(_shown(step.picture)))
                elif step is not None:
                    part = step * share / preset.steps
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
        how = replace(options, start="fast", steps=steps, levels=levels or options.levels or usual)
        begun = torch.from_numpy(np.ascontiguousarray(answer)).permute(2, 0, 1)[None].to(runtime.device)
        yield from self.improve(content, styles, how, runtime, begun)

    def _level(
        self,
        net: VGG,
        preset: Preset,
        small: Tensor,
        content: Content,
        styles: Sequence[Weighted],
        options: Any,
        runtime: Runtime,
        first: Callable[[], Tensor],
    ) -> Iterator[Step | float | None]:
        """One size: look at the content and the paintings, then descend from `first()`."""
        alpha = None if content.alpha is None else torch.from_numpy(content.alpha)[None, None].to(runtime.device)
        guides, weights = None, [style.weight for style in styles]
        if content.regions is not None:
            guides = torch.from_numpy(content.regions).to(runtime.device).permute(2, 0, 1)[:, None]
            weights = guides.mean((1, 2, 3)).tolist()
        side = options.style_scale * content.painting_side * max(small.shape[2:]) / max(content.rgb.shape[:2])
        layers, scales = tuple(preset.terms.style), preset.terms.scales
        own: dict[int, Statistics] = {}
        if content.strength < 1:
            seen = to_size(small, reduced_to(WHOLE, small))
            for scale in scales:
                own[scale] = yield from measure(net, shrink(seen, scale), layers)
        targets = []
        for weight, style in zip(weights, styles, strict=True):
            by_scale: dict[int, Statistics] = {}
            for scale in scales:
                found = yield from style.state.statistics.at(max(1, round(side / scale)), net, layers)
                by_scale[scale] = between(own[scale], found, content.strength) if own else found
            targets.append((weight, by_scale))
        exact = yield from objective(net, preset.terms, small, targets, alpha, guides)
        half = runtime.half or (preset.half and computes_bfloat16(runtime.device))
        through = self._network(options.network, preset.pooling, runtime.device, half)
        loss = replace(exact, net=through, patience=preset.patience)
        yield from descend(loss, first(), preset.steps, options.optimiser, preset.exponent, preset.history)

    def _network(self, network: Network, pooling: Literal["max", "average"], device: str, half: bool = False) -> VGG:
        """The network on the device, kept for the next run; `half` gives its convolutions in bfloat16."""
        key = (network, pooling, device, half)
        if key not in self._networks:
            if half:
                net = halved(self._network(network, pooling, device))
            else:
                net = load_perceptual(network, pooling).to(device).to(memory_format=torch.channels_last)
            self._networks[key] = net
        return self._networks[key]


def chosen(options: Options) -> Preset:
    """The preset with what the options change."""
    preset = PRESETS[options.preset]
    terms = replace(
        preset.terms,
        colour_weight=preset.terms.colour_weight * options.style_weight,
        content_weight=preset.terms.content_weight * options.content_weight,
        style_weight=preset.terms.style_weight * options.style_weight,
        tv_weight=preset.terms.tv_weight * options.tv_weight,
    )
    pooling = preset.pooling if options.pooling == "preset" else options.pooling
    return replace(
        preset,
        terms=terms,
        steps=options.steps or preset.steps,
        levels=options.levels or preset.levels,
        start=preset.start if options.start == "preset" else options.start,
        pooling="max" if options.network == "compact" else pooling,
    )


def _fast_answer(content: Content, styles: Sequence[Weighted], runtime: Runtime) -> Generator[Event, None, Tensor | None]:
    """What the first fast method that can paint these styles makes of the picture; None where there is none."""
    from scumble.methods import registry

    for method in registry.methods().values():
        fits = len(styles) == 1 or method.capabilities.blend
        if method.capabilities.iterative or not fits or not all(method.available(s.state.style) for s in styles):
            continue
        options = method.Options()
        states = [Weighted(method.prepare(s.state.style, options, runtime), s.weight) for s in styles]
        for event in method.run(content, states, options, runtime):
            if isinstance(event, Result):
                return to_tensor(event.rgb).to(runtime.device)
            yield Progress(0.0, f"{method.title} begins")
    return None


def _shown(x: Tensor) -> Tensor:
    """A picture for a preview, no larger than anybody looks at it."""
    ratio = min(1.0, MAX_PREVIEW / max(x.shape[2:]))
    return to_size(x, (max(1, round(x.shape[2] * ratio)), max(1, round(x.shape[3] * ratio))))


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Gatys())
