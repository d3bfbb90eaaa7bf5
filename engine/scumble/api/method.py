# SPDX-License-Identifier: Apache-2.0
"""The method contract: what a style transfer method offers the engine, and what it is handed.

Invariant: a method sees pictures as numpy arrays and styles as `Style`; it knows neither the wire, nor files, nor alpha
blending, nor strength. Those are for painting/pipeline.py, for every method alike.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from scumble.api.options import option_specs

Pixels = NDArray[np.float32]
"""(H, W, 3) float32 RGB, sRGB curve, nominally in [0, 1]."""


@dataclass(frozen=True)
class Capabilities:
    """The abilities of a method beyond one style over one picture."""

    arbitrary: bool = False
    """Any picture can be its style; otherwise only styles that carry its trained state."""
    blend: bool = False
    """Several weighted styles in one run."""
    regions: bool = False
    """Styles mixed by place in one run, as `Content.regions` says. With other methods the engine paints once a style."""
    tiling: bool = False
    """Given frozen statistics, tiled equals whole."""
    iterative: bool = False
    """Improves a picture step by step, so it yields previews and takes seconds or minutes."""
    refine: bool = False
    """Improves its state of a style in the engine's idle time: it is a `Refiner`."""
    strength: bool = False
    """Paints weaker by itself, as `Content.strength` asks, from the picture's own style to the painting's. The engine then
    mixes pixels only below a strength of 0.6, so that 0 is the picture itself."""


@dataclass(frozen=True)
class Content:
    """The picture to stylize, at the scale the method works at. Colours under alpha 0 are already filled."""

    rgb: Pixels
    alpha: NDArray[np.float32] | None = None
    """(H, W) in [0, 1]; how much each pixel counts in statistics. None is opaque."""
    whole: Pixels | None = None
    """A small copy of the whole layer, same scale rule, where `rgb` is a selection of it: statistics come from it."""
    whole_alpha: NDArray[np.float32] | None = None
    strength: float = 1.0
    """In (0, 1], for methods with the capability; others always paint in full."""
    regions: NDArray[np.float32] | None = None
    """(H, W, S): how much of each pixel belongs to each of S >= 2 styles, their weights included; they sum to 1 everywhere, as
    precisely as float32 does. Only for methods with the capability, and only where styles have masks that differ; else None."""
    whole_regions: NDArray[np.float32] | None = None
    """The same of `whole`, continued beyond the selection; there when `regions` and `whole` are."""
    place: tuple[int, int] = (0, 0)
    """(y, x) in the whole layer, in pixels of `rgb`: what a strided network samples must not depend on the selection."""
    full: tuple[int, int] | None = None
    """(height, width) of the whole layer, in pixels of `rgb`; None where `whole`, if any, has these."""
    natural_side: float | None = None
    """The whole layer's long side at brush size 1, in the pixels `rgb` would then have; None where `rgb` has these."""

    @property
    def painting_side(self) -> float:
        """The long side at which to look at a painting, so that its strokes are as broad in proportion to the picture as the
        brush size asks: a network that works on fewer pixels sees, and paints, larger ones."""
        whole = self.rgb if self.whole is None else self.whole
        return max(whole.shape[:2]) if self.natural_side is None else self.natural_side


@runtime_checkable
class Style(Protocol):
    """A style as a method sees it."""

    @property
    def id(self) -> str: ...

    @property
    def revision(self) -> int: ...

    @property
    def has_picture(self) -> bool:
        """Whether `picture` gives one; cheap, unlike `picture`."""

    def picture(self) -> Pixels | None:
        """The painting, or None where only trained states ship."""

    def state(self, method: str) -> Any | None:
        """Path of the weight file with the trained or refined state of `method`, or None.

        `library.weights.load_weights` reads it as tensors, `read_state` as arrays.
        """


@dataclass(frozen=True)
class Weighted:
    """One style of a run: what `prepare` made of it, and its share of the whole picture (weights of a run sum to 1).

    Where the content has regions, these are the shares that count: style number s is mixed by `regions[..., s]`.
    """

    state: Any
    weight: float = 1.0


@dataclass(frozen=True)
class Progress:
    """`fraction` in [0, 1] of the whole run."""

    fraction: float
    text: str = ""


@dataclass(frozen=True)
class Preview:
    """An unfinished picture of any size, to be shown and forgotten."""

    rgb: Pixels


@dataclass(frozen=True)
class Result:
    """The finished picture, same height and width as the content."""

    rgb: Pixels
    whole: Pixels | None = None
    """`Content.whole` painted likewise, of any size, by methods that look at it anyway: a palette taken from it does not
    depend on how tightly a selection was drawn."""


Event = Progress | Preview | Result

Arrays = Mapping[str, NDArray[Any]]
"""Tensors by name: floats (all finite), integers or bools, `states.MAX_STATE` bytes at most in all."""


@dataclass(frozen=True)
class Checkpoint:
    """A state from which `refine` can go on, in another process or on another day. The arrays must not change any more."""

    arrays: Arrays


@dataclass(frozen=True)
class Refined:
    """A style's refined state, which `style.state(method.id)` gives from now on as the path of a weight file."""

    arrays: Arrays
    card: Mapping[str, Any] = field(default_factory=dict)
    """What people may want to know, as JSON of some lines: loss before and after, steps, seconds; and what the state is of
    use with, for the method to compare when it reads the file. It becomes part of the file's card."""


Refinement = Progress | Checkpoint | Refined


class Helpers(Protocol):
    """Other processes that paint tiles of the same picture, with the same result as this one; a tile is a number."""

    def set_network(self, net: Any, statistics: Any, half: bool) -> None:
        """Set the network that paints the tiles from now on, its norms' frozen statistics, and whether it computes in
        bfloat16."""

    @property
    def free(self) -> bool:
        """Whether one of them can begin another tile."""

    def ask(self, tile: int, inputs: Sequence[NDArray[np.float32]]) -> None:
        """Have a tile painted; `inputs` as `painting.tiling.paint_tile` takes them."""

    def done(self) -> list[tuple[int, Pixels | None]]:
        """The tiles that have come since the last call; None for one that was lost. Does not wait."""

    def drop(self, tile: int) -> None:
        """Cancel a tile that is not needed any more."""


@dataclass(frozen=True)
class Runtime:
    """Where and how to compute. `device` is a torch device name; `tile` the side of a tile in pixels."""

    device: str = "cpu"
    half: bool = False
    """bfloat16 where the network allows it."""
    tile: int = 512
    helpers: Helpers | None = None
    """Other processes that paint tiles of the picture, if any."""


@dataclass(frozen=True)
class Cost:
    """What a run takes at least, so that a picture that cannot fit is refused before it costs anything."""

    bytes_per_pixel: int = 0
    """For each pixel that is processed in one piece, beside the picture and its result."""
    most_pixels: int | None = None
    """Processed in one piece at most, where the method cuts up what is larger; with `Capabilities.tiling` the engine does."""
    options: Mapping[str, Cost] = field(default_factory=dict)
    """What it takes instead, if that is more, where the option of this name is not 0."""

    def bytes(self, pixels: int, options: Any, most: int | None = None) -> int:
        """For so many pixels, of which no more than `most` are processed in one piece (None: than `most_pixels`)."""
        bound = self.most_pixels if most is None else most
        own = self.bytes_per_pixel * (pixels if bound is None else min(pixels, bound))
        chosen = dataclasses.asdict(options)
        return max([own, *(cost.bytes(pixels, options) for name, cost in self.options.items() if chosen[name])])


@runtime_checkable
class Refiner(Protocol):
    """What improves a method's state of a style on the user's own machine, in the engine's idle time (`Method.refiner`).

    The method's `prepare` then takes what `style.state(method.id)` names, where it names something (grade 1), and else makes
    what it can of the picture at once (grade 0). Caches must be keyed by `style.id` and `style.revision`: each refinement is a
    new revision, and an older one goes on meaning what it meant. A state that cannot be used raises ScumbleError
    "weights-corrupt": a revision never quietly looks like another.
    """

    def outdated(self, style: Style) -> bool:
        """Whether the style's state is outdated, because it belongs to networks that an update of Scumble has
        replaced. Such a style is no longer listed as refined, and is refined again."""
        return False

    def refine(
        self, style: Style, contents: Sequence[Pixels], runtime: Runtime, checkpoint: Arrays | None = None
    ) -> Iterator[Refinement]:
        """Yield Progress at least every 0.2 s, a Checkpoint now and then, and one Refined last.

        `contents` are pictures of the user's at the working scale (about 1024 px), newest first; often there are none. Between
        two yields the refinement may be closed, because a picture is to be painted, say; it goes on later, in a new call,
        from the last Checkpoint it yielded, which the caller saves (as often as it likes: a method may yield one a step).
        `style` and `checkpoint` are then the same, `contents` perhaps not. A checkpoint that it can make nothing of, of another
        version of itself, say, the method ignores. A style that has been refined before is refined further.

        Raises ScumbleError as `prepare` does.
        """
        raise NotImplementedError


@runtime_checkable
class Method(Protocol):
    """One paper: subclass it. Instances hold no state between runs but caches of what `prepare` gives."""

    id: str
    title: str
    paper: str
    """Authors, year and arXiv number."""
    purpose: str
    """One sentence for a painter: when to use it."""
    capabilities: Capabilities
    Options: type
    """A frozen dataclass; every field is made by `option`."""
    cost: Cost = Cost()
    refiner: Refiner | None = None
    """What improves its state of a style, where `Capabilities.refine` says that something does."""

    def available(self, style: Style) -> bool:
        """Whether `prepare` can be expected to succeed; cheap, reads no weights."""

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> Any:
        """Load or compute the style's state.

        Raises ScumbleError "weights-corrupt", "style-unavailable" or "style-needs-picture".
        """

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        """Yield Progress and Preview, and one Result last. Between two yields the run may be closed: a cancel."""

    def forget(self) -> None:
        """Drop what is cached; the next run loads it again. The engine calls it after a minute without a job."""

    def half_for_8_bits(self, device: str) -> bool:
        """Whether pictures of 8 bits are as good, and sooner done, in bfloat16; `Runtime.half` is then set from the first."""
        return False


@runtime_checkable
class Improver(Method, Protocol):
    """A method that can go on from another method's answer, step by step: what comes after the first picture of a job that
    has a quality (docs/protocol.md, section 5)."""

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
        """Yield Progress and Preview, and one Result last, as `run` does; it may be closed after any of them.

        `answer` has the content's height and width. Other than `run` this follows `content.strength` and `content.regions`.
        `levels` is at how many sizes, each half the next, to work; None is the method's own choice.
        """


def describe(method: Method) -> dict[str, Any]:
    """A method as the catalogue shows it (docs/protocol.md, section 4)."""
    return {
        "id": method.id,
        "title": method.title,
        "paper": method.paper,
        "purpose": method.purpose,
        "capabilities": dataclasses.asdict(method.capabilities),
        "options": [dataclasses.asdict(s) for s in option_specs(method.Options)],
    }
