# SPDX-License-Identifier: Apache-2.0
"""The contenders: every method through its contract, peers from a folder, and the photograph as it is.

Invariant: a contender sees the photograph and the painting at the size they are judged at, and nothing else.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol, cast

import numpy as np
import torch

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Method, Pixels, Refined, Refiner, Result, Runtime, Style
from scumble.evaluate import digests
from scumble.library.atomic import cannot_write
from scumble.library.refinements import KEPT
from scumble.library.weights import pack_state, read_state, write_state
from scumble.methods import registry
from scumble.nst.tensors import to_pixels, to_tensor
from scumble.painting import mixing, pipeline

PEERS_FILE = "peers.py"


@dataclass(frozen=True)
class Painting:
    """A painting as a style; implements `api.method.Style`. `trained` is the shipped style of the same title, if any."""

    id: str
    title: str
    pixels: Pixels
    trained: Style | None = None
    revision: int = 1
    has_picture: bool = True

    def picture(self) -> Pixels:
        return self.pixels

    def state(self, method: str) -> Any | None:
        return None if self.trained is None else self.trained.state(method)


@dataclass(frozen=True)
class Answer:
    """A picture (H, W, 3) in [0, 1], the seconds from photograph to picture, and those the style took before."""

    rgb: Pixels
    seconds: float
    prepared: float


@dataclass(frozen=True)
class Contender:
    """A method or peer that is compared.

    `paint` paints one photograph by one painting; as it may be foreign code, it may raise any exception. `can` says cheaply
    whether it will paint. `weaker` paints at a strength in (0, 1), where that is more than a mixture with the photograph.
    """

    name: str
    title: str
    paint: Callable[[Pixels, Painting], Answer]
    can: Callable[[Painting], bool] = lambda painting: True
    weaker: Callable[[Pixels, Painting, float], Answer] | None = None


def unchanged() -> Contender:
    """The photograph itself: what any method has to be better than."""
    return Contender("input", "the photograph as it is", lambda rgb, painting: Answer(rgb, 0.0, 0.0))


@dataclass(frozen=True)
class Variant:
    """A method once more, with other options, or with each painting refined first: "refined" without pictures of the user's,
    "practised" as for a user who has painted the photographs of the evaluation before, of which the engine keeps a few."""

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    refined: Literal["", "refined", "practised"] = ""

    @property
    def name(self) -> str:
        """The name of its folder of pictures: "memory-polish-20"."""
        options = [f"{name}-{value}" for name, value in self.options.items()] + [self.refined] * bool(self.refined)
        return "-".join([self.method, *options]).replace("_", "-")


class Paint(Protocol):
    """A function that paints a photograph by a style at a strength in (0, 1]."""

    def __call__(self, rgb: Pixels, style: Style, strength: float = 1.0) -> Answer: ...


def painter(method: Method, given: Mapping[str, Any], runtime: Runtime) -> Paint:
    """A function that paints by a method with those options. Raises ScumbleError "bad-options" at once."""
    _, options = pipeline.parse_options(method, dict(given))

    def paint(rgb: Pixels, style: Style, strength: float = 1.0) -> Answer:
        begun = time.perf_counter()
        states = mixing.states(method, [(style, 1.0)], options, runtime)
        ready = time.perf_counter()
        result: Pixels | None = None
        with closing(cast(Any, method.run(Content(rgb, strength=strength), states, options, runtime))) as events:
            for event in events:
                if isinstance(event, Result):
                    result = event.rgb
        if result is None or result.shape != rgb.shape:
            raise ScumbleError("internal", f"{method.title} gave no picture of the size of the photograph.")
        return Answer(np.clip(result, 0, 1), time.perf_counter() - ready, ready - begun)

    return paint


def method_contender(method_id: str, given: Mapping[str, Any], runtime: Runtime) -> Contender:
    """A method with its options. Raises ScumbleError "method-unknown" and "bad-options"."""
    method: Method = registry.method(method_id)
    paint = painter(method, given, runtime)
    return Contender(method_id, method.title, paint, method.available, paint if method.capabilities.strength else None)


def variant_contender(
    variant: Variant,
    given: Mapping[str, Any],
    runtime: Runtime,
    photographs: Sequence[Pixels],
    folder: Path,
    note: Callable[[str], None],
) -> Contender:
    """A variant, with what it does not say itself as `given`. Refined states are kept in `folder`, under names that say what
    they come from, and taken from there with the seconds that they took.

    Raises ScumbleError "method-unknown" and "bad-options".
    """
    plain = method_contender(variant.method, {**given, **variant.options}, runtime)
    if not variant.refined:
        return dataclasses.replace(plain, name=variant.name)
    method = registry.method(variant.method)
    refiner = method.refiner
    if refiner is None:
        raise ScumbleError("bad-options", f"{method.title} does not refine styles.", "Leave out its refined variant.")
    practised_on = photographs[:KEPT] if variant.refined == "practised" else []
    conditions = (digests.of_pixels(practised_on), digests.of_networks(variant.method), repr(runtime))

    def paint(rgb: Pixels, painting: Painting) -> Answer:
        name = f"{painting.id}-{digests.of_texts(digests.of_pixels([painting.pixels]), *conditions)}"
        path = folder / f"{variant.method}_{name}.safetensors"
        if not path.is_file():
            note(f"{variant.name}: refining {painting.id}")
            unrefined = dataclasses.replace(painting, id=f"own-{name}", trained=None)
            _refine(method.id, refiner, unrefined, practised_on, runtime, path)
        better = dataclasses.replace(painting, id=name, trained=_Refined(painting.id, variant.method, path))
        _check_fits(method, refiner, better, path)
        return dataclasses.replace(plain.paint(rgb, better), prepared=read_state(path)[1]["seconds"])

    return dataclasses.replace(plain, name=variant.name, paint=paint, weaker=None)


@dataclass(frozen=True)
class _Refined:
    """A style that is nothing but a method's refined state."""

    id: str
    method: str
    path: Path
    revision: int = 2
    has_picture: bool = False

    def picture(self) -> None:
        return None

    def state(self, method: str) -> Path | None:
        return self.path if method == self.method else None


def _refine(
    method: str, refiner: Refiner, painting: Painting, photographs: Sequence[Pixels], runtime: Runtime, path: Path
) -> None:
    """Refine a style as the engine does in its idle time for a user who has painted these photographs. Raises ScumbleError
    "disk-full" and "no-write"."""
    begun = time.perf_counter()
    for event in refiner.refine(painting, photographs, runtime):
        if isinstance(event, Refined):
            about = {"style": painting.id, "method": method, "seconds": round(time.perf_counter() - begun, 4)}
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                write_state(path, pack_state(event.arrays), {**event.card, **about})
            except OSError as e:
                raise cannot_write(e, path) from e


def _check_fits(method: Method, refiner: Refiner, style: Style, path: Path) -> None:
    """A method may paint by the picture where the state is of no use to it, which would then pass for refined.

    Raises ScumbleError "style-unavailable".
    """
    if refiner.outdated(style):
        raise ScumbleError(
            "style-unavailable",
            f"The refined state {path.name} belongs to other networks than {method.title} has now.",
            "Delete it, and it is refined again.",
        )


def peer_contenders(folder: Path, note: Callable[[str], None]) -> list[Contender]:
    """The contenders of `folder`/peers.py that paint any style: its PEERS maps a name to a function that makes one.

    A peer has `style(painting)` and is called with (photograph, what that gave), both (1, 3, H, W) in [0, 1]. One that
    cannot be loaded, or paints one style only, is left out with a note. Raises ScumbleError "bad-options".
    """
    contenders = []
    for name, make in _peers(folder).PEERS.items():
        try:
            peer = make()
            arbitrary = peer.style(torch.full((1, 3, 64, 64), 0.5)) is not None
        except Exception as e:  # code that is not ours, and packages that are not here
            note(f"{name} is left out: {e}")
            continue
        if arbitrary:
            contenders.append(Contender(name, f"{name} (peer)", _peer_painter(peer)))
        else:
            note(f"{name} is left out: it paints one style only")
    return contenders


def _peer_painter(peer: Any) -> Callable[[Pixels, Painting], Answer]:
    def paint(rgb: Pixels, painting: Painting) -> Answer:
        begun = time.perf_counter()
        with torch.inference_mode():
            style = peer.style(to_tensor(painting.pixels))
            ready = time.perf_counter()
            y = peer(to_tensor(rgb), style)
        took = time.perf_counter() - ready
        return Answer(to_pixels(y), took, ready - begun)

    return paint


def _peers(folder: Path) -> ModuleType:
    path = folder / PEERS_FILE
    spec = importlib.util.spec_from_file_location("scumble_peers", path) if path.is_file() else None
    if spec is None or spec.loader is None:
        raise ScumbleError("bad-options", f"There is no peers.py in {folder}.", "--peers takes the folder that holds it.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        module.PEERS.items  # noqa: B018 - must be there
    except Exception as e:
        raise ScumbleError("bad-options", f"{path} cannot be used: {e}.", "It must define PEERS.") from e
    return module
