# SPDX-License-Identifier: Apache-2.0
"""Who paints: every method through its contract, peers from a folder, and the photograph as it is.

Invariant: a contestant sees the photograph and the painting at the size they are judged at, and nothing else.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import torch

from scumble import pipeline, plugins
from scumble.errors import ScumbleError
from scumble.methods import base
from scumble.methods.base import Content, Method, Pixels, Result, Runtime, Style
from scumble.tensors import to_pixels, to_tensor


@dataclass(frozen=True)
class Painting:
    """A painting as a style; implements `methods.base.Style`. `trained` is the shipped style of the same title, if any."""

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
class Contestant:
    """`paint` answers one photograph and painting, or raises ScumbleError; `can` says cheaply whether it will."""

    name: str
    title: str
    paint: Callable[[Pixels, Painting], Answer]
    can: Callable[[Painting], bool] = lambda painting: True


def unchanged() -> Contestant:
    """The photograph itself: what any method has to be better than."""
    return Contestant("input", "the photograph as it is", lambda rgb, painting: Answer(rgb, 0.0, 0.0))


def method_contestant(method_id: str, given: Mapping[str, Any], runtime: Runtime) -> Contestant:
    """A method with its options. Raises ScumbleError "method-unknown" and "bad-options"."""
    method: Method = plugins.method(method_id)
    _, options = pipeline.parse_options(method, dict(given))

    def paint(rgb: Pixels, painting: Painting) -> Answer:
        begun = time.perf_counter()
        states = base.states(method, [(painting, 1.0)], options, runtime)
        ready = time.perf_counter()
        result: Pixels | None = None
        with closing(cast(Any, method.run(Content(rgb), states, options, runtime))) as events:
            for event in events:
                if isinstance(event, Result):
                    result = event.rgb
        if result is None or result.shape != rgb.shape:
            raise ScumbleError("internal", f"{method.title} gave no picture of the size of the photograph.")
        return Answer(np.clip(result, 0, 1), time.perf_counter() - ready, ready - begun)

    return Contestant(method_id, method.title, paint, method.available)


def peer_contestants(folder: Path, note: Callable[[str], None]) -> list[Contestant]:
    """Those of `folder`/peers.py that paint any style: its PEERS maps a name to what makes one.

    A peer has `style(painting)` and is called with (photograph, what that gave), both (1, 3, H, W) in [0, 1]. One that
    cannot be loaded, or paints one style only, is left out with a note. Raises ScumbleError "bad-options".
    """
    contestants = []
    for name, make in _peers(folder).PEERS.items():
        try:
            peer = make()
            arbitrary = peer.style(torch.full((1, 3, 64, 64), 0.5)) is not None
        except Exception as e:  # code that is not ours, and packages that are not here
            note(f"{name} is left out: {e}")
            continue
        if arbitrary:
            contestants.append(Contestant(name, f"{name} (peer)", _peer_painter(name, peer)))
        else:
            note(f"{name} is left out: it paints one style only")
    return contestants


def _peer_painter(name: str, peer: Any) -> Callable[[Pixels, Painting], Answer]:
    def paint(rgb: Pixels, painting: Painting) -> Answer:
        begun = time.perf_counter()
        try:
            with torch.inference_mode():
                style = peer.style(to_tensor(painting.pixels))
                ready = time.perf_counter()
                y = peer(to_tensor(rgb), style)
        except Exception as e:
            raise ScumbleError("internal", f"{name} failed: {e}.") from e
        took = time.perf_counter() - ready
        return Answer(to_pixels(y), took, ready - begun)

    return paint


def _peers(folder: Path) -> ModuleType:
    path = folder / "peers.py"
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
