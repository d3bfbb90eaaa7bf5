# SPDX-License-Identifier: Apache-2.0
"""A picture that is improved step by step: a feed-forward answer at once, then an optimisation from there, with previews.

Invariant: from the first answer on there is always a picture to keep, and `paint` ends with one, whenever it is asked to keep
what is shown, out of time, or out of memory. Needs no torch.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Event, Improver, Method, Pixels, Preview, Progress, Result, Runtime, Style, Weighted
from scumble.image.resample import resize
from scumble.methods import registry
from scumble.painting import mixing, regions
from scumble.painting.selection import doublings, painted_in_layer
from scumble.painting.stages import fast_method

log = logging.getLogger(__name__)

Quality = Literal["draft", "good", "best"]

FIRST = 0.1
"""Share of the run that the first answer counts as, where better ones follow."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Effort:
    """How much is done for a picture. `quality` None is the chosen method as it is; `seconds` limits the improvement, counted
    from the first answer; `keep` says whether the picture shown last is wanted as it is."""

    quality: Quality | None = None
    seconds: float | None = None
    keep: Callable[[], bool] = _never


@dataclass(frozen=True)
class Prepared:
    """A method with the styles of a run: what it made of them, and the styles themselves for another method."""

    method: Method
    options: Any
    styles: Sequence[tuple[Style, float]]
    states: Sequence[Weighted]


def paint(chosen: Prepared, content: Content, runtime: Runtime, effort: Effort) -> Iterator[Event]:
    """Run the chosen method, or, with a quality, the stages that lead to it; yields its events, one Result last."""
    if effort.quality is None:
        yield from _until_kept(_run(chosen, content, runtime), content.rgb, effort.keep)
        return
    if not chosen.method.capabilities.strength:
        content = replace(content, strength=1.0)  # the pipeline mixes pixels instead
    first = _first(chosen, content, runtime)
    answer = Result(content.rgb)
    with closing(_run(first, content, runtime)) as events:
        for event in events:
            if isinstance(event, Result):
                answer = event
            elif isinstance(event, Progress):
                share = 1.0 if effort.quality == "draft" else FIRST
                yield Progress(share * event.fraction, event.text)
            else:
                yield event
            del event
    fits = answer.rgb.shape == content.rgb.shape  # the pipeline refuses any other
    improver = _improver(chosen, runtime) if fits and effort.quality != "draft" and not effort.keep() else None
    if improver is None:
        yield answer
        return
    began = time.monotonic()
    better = _improved(first, improver, content, runtime, answer.rgb, effort.quality)
    for event in _until_kept(better, answer.rgb, lambda: effort.keep() or _late(began, effort.seconds)):
        if isinstance(event, Progress):
            past = 0.0 if effort.seconds is None else (time.monotonic() - began) / effort.seconds
            yield Progress(FIRST + (1 - FIRST) * min(1.0, max(event.fraction, past)), event.text)
        else:
            yield event
        del event


def _run(prepared: Prepared, content: Content, runtime: Runtime) -> Any:
    return regions.paint(prepared.method, content, prepared.states, prepared.options, runtime)


def _until_kept(events: Iterator[Event], base: Pixels, enough: Callable[[], bool]) -> Iterator[Event]:
    """The events up to the Result. Once there is `enough` and a picture has been shown, that is the Result, and the rest is
    not done. Previews of another size are shown as changes of `base`. Where memory ends, the last picture shown stays."""
    shown: Pixels | None = None
    with closing(cast(Any, events)):
        try:
            for event in events:
                if isinstance(event, Preview):
                    shown = event.rgb
                yield event
                if isinstance(event, Result):
                    return
                del event
                if shown is not None and enough():
                    break
        except Exception as e:
            if shown is None or not out_of_memory(e):
                raise
            log.warning("memory did not suffice to improve the picture any further: %s", e)
    if shown is not None:
        yield Result(_as_large(shown, base))


def _as_large(shown: Pixels, base: Pixels) -> Pixels:
    """A picture that was shown, with the finest detail of `base` where it was shown smaller than that."""
    if shown.shape == base.shape:
        return shown
    change = shown - resize(base, *shown.shape[:2])
    larger: Pixels = np.clip(base + resize(change, *base.shape[:2]), 0, 1)
    return larger


def _improved(
    first: Prepared, improver: Prepared, content: Content, runtime: Runtime, answer: Pixels, quality: Quality
) -> Iterator[Event]:
    """Improve an answer; of a selection, as a part of its layer."""
    method = cast(Improver, improver.method)

    def on(shown: Content, begun: Pixels, levels: int | None = None) -> Iterator[Event]:
        return method.improve_from(shown, improver.states, improver.options, runtime, begun, quality, levels)

    yield Preview(answer)
    if content.whole is None:
        yield from on(content, answer)
        return

    def paint_layer(layer: Content) -> Iterator[Event]:
        layer = replace(layer, strength=content.strength, regions=content.whole_regions)
        begun = layer.rgb
        for event in _run(first, layer, runtime):
            if isinstance(event, Result):
                begun = event.rgb
        yield from on(layer, begun)

    yield from painted_in_layer(content, paint_layer, lambda begun, levels: on(content, begun, levels), doublings(content))


def _first(chosen: Prepared, content: Content, runtime: Runtime) -> Prepared:
    """The chosen method, or, where that takes its time, the first fast one that can paint its styles."""
    if not chosen.method.capabilities.iterative:
        return chosen
    apart = content.regions is not None
    method = fast_method(chosen.styles, apart)
    if method is None:
        return chosen
    options = method.Options()
    return Prepared(method, options, chosen.styles, mixing.states(method, chosen.styles, options, runtime, apart=apart))


def _improver(chosen: Prepared, runtime: Runtime) -> Prepared | None:
    """The chosen method where it can improve an answer, else the first that can, and knows the styles."""
    if isinstance(chosen.method, Improver):
        return chosen
    for method in registry.methods().values():
        if isinstance(method, Improver) and all(method.available(style) for style, _ in chosen.styles):
            options = method.Options()
            try:
                states = [method.prepare(style, options, runtime) for style, _ in chosen.styles]
            except ScumbleError as e:
                log.warning("%s cannot improve this picture: %s", method.title, e)
                continue
            weighted = [Weighted(state, s.weight) for state, s in zip(states, chosen.states, strict=True)]
            return Prepared(method, options, chosen.styles, weighted)
    return None


def _late(began: float, seconds: float | None) -> bool:
    return seconds is not None and time.monotonic() - began >= seconds


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ended, by whatever name torch gives it on this device."""
    text = str(error)
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text))
    )
