# SPDX-License-Identifier: Apache-2.0
"""What one method asks of another, by name through the registry: a fast start for an optimisation, polishing for a network.

Invariant: of the other method only what `Method` and `Improver` declare is used, and styles are prepared by that method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scumble.api.errors import ScumbleError
from scumble.api.method import (
    Content,
    Cost,
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
from scumble.methods import registry
from scumble.painting.grid import WHOLE
from scumble.painting.selection import painted_in_layer

OPTIMISER = "gatys"
"""The method that polishes."""

OPTIMISING = Cost(bytes_per_pixel=1900, most_pixels=WHOLE)
"""Of an optimisation that cuts up what is larger: the values of its network's maps twice over, and 20 pairs of L-BFGS."""

PASSES = 20
"""About how many times as long as a network's pass a step of polishing takes."""

COARSEST = 256
"""Long side in pixels of the coarsest size at which a picture is polished, that of the crops of trainings or so: what is
broader than their strokes is reached there, sooner than at full size."""

Paint = Callable[[Content], Iterator[Event]]


def fast_method(styles: Sequence[tuple[Style, float]], apart: bool = False) -> Method | None:
    """The first method that paints at once and knows all `styles`; with masks that set them `apart` it need not mix them."""
    for method in registry.methods().values():
        fits = apart or len(styles) == 1 or method.capabilities.blend
        if not method.capabilities.iterative and fits and all(method.available(style) for style, _ in styles):
            return method
    return None


def fast_answer(
    content: Content, styles: Sequence[tuple[Style, float]], runtime: Runtime
) -> Generator[Event, None, Pixels | None]:
    """The answer of the first fast method that can paint these styles; None where there is none."""
    method = fast_method(styles)
    if method is None:
        return None
    options = method.Options()
    states = [Weighted(method.prepare(style, options, runtime), weight) for style, weight in styles]
    for event in method.run(content, states, options, runtime):
        if isinstance(event, Result):
            return event.rgb
        yield Progress(0.0, f"{method.title} begins")
    return None


@dataclass(frozen=True)
class Polish:
    """A network's answer, improved by so many steps of an optimisation at each of a few sizes."""

    steps: int
    styles: Sequence[Weighted]
    """As `strokes` prepared them."""
    runtime: Runtime

    def painted(self, content: Content, paint: Paint) -> Iterator[Event]:
        """Paint contents with `paint`, then polish the answer. A selection is polished as a part of its layer."""
        if content.whole is None:
            yield from self._painted(content, paint)
            return

        def in_layer(layer: Content) -> Iterator[Event]:
            return self._painted(replace(layer, strength=content.strength, regions=content.whole_regions), paint)

        def improve(answer: Pixels, levels: int) -> Iterator[Event]:
            return self._improved(content, answer, levels)

        yield from painted_in_layer(content, in_layer, improve, levels_of(content))

    def _painted(self, content: Content, paint: Paint) -> Iterator[Event]:
        share = 1 / (1 + PASSES * self.steps)
        answer = content.rgb
        for event in paint(content):
            if isinstance(event, Progress):
                yield Progress(share * event.fraction, event.text)
            elif isinstance(event, Result):
                yield Preview(event.rgb)
                answer = event.rgb
            del event  # a large picture must not stay while the next is computed
        for event in self._improved(content, answer, levels_of(content)):
            yield Progress(share + (1 - share) * event.fraction, event.text) if isinstance(event, Progress) else event
            del event

    def _improved(self, content: Content, answer: Pixels, levels: int) -> Iterator[Event]:
        optimiser = _optimiser()
        options = optimiser.Options(steps=self.steps)
        return optimiser.improve_from(content, self.styles, options, self.runtime, answer, "good", levels)


def strokes(style: Style, runtime: Runtime) -> Any:
    """The statistics that a picture's strokes are compared with when it is polished. Raises ScumbleError "style-
    unavailable"."""
    optimiser = _optimiser()
    if not optimiser.available(style):
        raise ScumbleError(
            "style-unavailable",
            f"The style {style.id!r} has neither a painting nor statistics of one to polish by.",
            "Set polish to 0, or add the painting to your own styles.",
        )
    return optimiser.prepare(style, optimiser.Options(), runtime)


def levels_of(content: Content) -> int:
    """Sizes at which a picture is polished."""
    return max(1, 1 + int(math.log2(max(content.rgb.shape[:2]) / COARSEST)))


def _optimiser() -> Improver:
    method = registry.method(OPTIMISER)
    assert isinstance(method, Improver)
    return method
