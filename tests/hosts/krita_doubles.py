# SPDX-License-Identifier: Apache-2.0
"""A host program and an engine session that are none, for tests of the Krita plug-in's model in this process."""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest

from scumble.install import krita
from scumble.install.core import Place

PACKAGE = "scumble_krita"


@pytest.fixture(scope="module")
def krita_plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The plug-in as the installer writes it, under a name of its own: its folder's name is the engine's."""
    place = Place("Krita", tmp_path_factory.mktemp("krita") / "pykrita" / "scumble")
    krita.install(place, ["scumble", "serve"])
    package = types.ModuleType(PACKAGE)
    package.__path__ = [str(place.folder)]
    sys.modules[PACKAGE] = package
    yield
    for name in [name for name in sys.modules if name.split(".")[0] == PACKAGE]:
        del sys.modules[name]


def module(name: str) -> Any:
    return importlib.import_module(f"{PACKAGE}.{name}")


class Layer:
    def __init__(self, name: str = "layer", sequence: str = "") -> None:
        self.name = self.key = name
        self.sequence = sequence


class Source:
    band = 8

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.shape = module("ports").Shape(0, 0, 4, 3, "u8", "bgra")

    def read(self, y: int, rows: int) -> bytes:
        return bytes([y] * 16 * rows)

    def where(self, place: str, y: int, rows: int) -> bytes:
        return bytes([0, 100, 200, 255]) * rows

    def context(self) -> None:
        return None

    def release(self) -> None:
        pass


class Target:
    band = 8

    def __init__(self, host: Host, name: str) -> None:
        self.host, self.name = host, name
        self.rows = 0

    def write(self, y: int, rows: int, data: Any) -> None:
        self.rows += rows

    def insert(self) -> Any:
        assert self.rows == 3
        self.host.inserted.append(self.name)
        return module("ports").Placed.WHOLE

    def thumbnail(self, side: int) -> bytes:
        return b"png"


class Growing:
    """An unfinished result; `there` is whether it is in the document."""

    def __init__(self, host: Host, name: str) -> None:
        self.host, self.name = host, name
        self.shown: list[Any] = []
        self.there = True
        self.completed = self.withdrawn = False

    def show(self, raster: Any) -> None:
        assert not self.host.way
        self.shown.append(raster)

    def complete(self, result: Target) -> bool:
        assert not self.host.way
        self.completed = self.there
        return self.there

    def withdraw(self) -> None:
        assert not self.host.way
        self.withdrawn = True


class LiveLayer:
    def __init__(self, host: Host, source: str, name: str) -> None:
        self.host, self.source, self.name = host, source, name
        self.gone, self.pause = False, ""
        self.sides: list[int] = []
        self.written: list[int] = []
        self.shares: list[float] = []
        self.finished: str | None = None
        self.visible, self.elsewhere = True, False

    def rename(self, name: str) -> None:
        self.name = name

    def read(self, side: int, settings: Any) -> Any:
        self.sides.append(side)
        width = side or 2000
        pixels = bytes([self.host.drawn]) * (4 * width)
        return module("ports").Shot(
            "place", module("scumble_client.raster").Raster(width, 1, "u8", "bgra", pixels), None, None, None
        )

    def write(self, shot: Any, raster: Any, share: float) -> None:
        assert not self.host.way
        self.shares.append(share)
        self.written.append(shot.raster.data[0])

    def show(self, visible: bool) -> None:
        assert not self.host.way
        self.visible = visible

    def finish(self, name: str) -> None:
        assert name or not self.host.way, "taking it away changes the document"
        self.finished = name


class Host:
    name = "Nobody 1.0"

    def __init__(self) -> None:
        self.selected = [Layer()]
        self.inserted: list[str] = []
        self.document = ""
        self.kept: dict[str, str] = {}
        self.messages: list[str] = []
        self.gone = False
        self.opened: list[Any] = []
        self.brushes: list[float] = []
        self.sides: list[int] = []
        self.alone: list[bool] = []
        self.way, self.lefts = "", 0
        self.lives: list[LiveLayer] = []
        self.growings: list[Growing] = []
        self.huge = False
        """Unfinished pictures of its layers would keep the painter waiting."""
        self.drawn = 0
        """What the layer looks like."""
        self.empty: set[str] = set()

    def layers(self) -> list[Layer]:
        return self.selected

    def places(self) -> list[tuple[str, str]]:
        return [("selection", "The selection"), ("{1}", "Sky")]

    def open(self, layer: Layer, places: Any = (), brush_size: float = 1.0) -> Source:
        if layer.name in self.empty:
            raise module("scumble_client.errors").EngineError("layer-empty", f"The layer “{layer.name}” is empty.", "Draw.")
        self.opened.append(list(places))
        self.brushes.append(brush_size)
        self._there(places)
        return Source(layer)

    def small_place(self, layer: Layer, place: tuple[str, str], side: int) -> bytes:
        self._there([place])
        return bytes([0, 255, 255, 255])

    def _there(self, places: Any) -> None:
        for place, name in places:
            if all(place != known for known, _ in self.places()):
                raise module("scumble_client.errors").EngineError("place-gone", f"“{name}” is not in this document any more.")

    def small(self, layer: Layer, side: int) -> Any:
        self.sides.append(side)
        return module("scumble_client.raster").Raster(2, 2, "u8", "bgra", bytes(16))

    def target(self, source: Source, name: str, alone: bool = False) -> Target:
        self.alone.append(alone)
        if self.gone:
            raise module("scumble_client.errors").EngineError("layer-gone", "The layer is not there any more.")
        return Target(self, name)

    def growing(self, source: Source, name: str) -> Growing | None:
        if self.huge:
            return None
        self.growings.append(Growing(self, name))
        return self.growings[-1]

    def visible(self) -> Layer | None:
        return Layer("What I see") if self.layers() else None

    def finish_left(self) -> bool:
        self.lefts += 1
        return not self.way

    def in_the_way(self, what: Any) -> str:
        return self.way

    def watch(self, changed: Any) -> None:
        self.stroke = changed

    def live(self, source: str, name: str) -> LiveLayer:
        if self.way:
            raise module("scumble_client.errors").EngineError("host-busy", f"Live painting {self.way}.")
        left = [layer for layer in self.lives if layer.finished is None and not layer.gone]
        if left:  # Krita's goes on with the layer that bears its note
            return left[0]
        self.lives.append(LiveLayer(self, source, name))
        return self.lives[-1]

    def target_here(self, source: Source, name: str) -> Target:
        return Target(self, name)

    def notes(self, layer: Layer | None) -> str:
        return self.document

    def keep_notes(self, source: Source | None, text: str) -> None:
        self.document = text

    def setting(self, name: str) -> str:
        return self.kept.get(name, "")

    def keep_setting(self, name: str, value: str) -> None:
        self.kept[name] = value

    def tell(self, text: str, trouble: bool = False) -> None:
        self.messages.append(text)


class Session:
    """Says what a test makes it say."""

    def __init__(self) -> None:
        events = module("scumble_client.events")
        self.state = events.State.READY
        self.welcome = events.Welcome("0.1.0", 1, "ready", (), {}, 1)
        self.requests: list[Any] = []
        self.cancelled: list[str] = []
        self.kept: list[str] = []
        self.asked = 0
        self.coming: list[Any] = []

    def submit(self, request: Any) -> str:
        self.requests.append(request)
        return f"job{len(self.requests)}"

    def put_style(self, name: str, raster: Any) -> str:
        return "style1"

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)

    def keep(self, job: str) -> None:
        self.kept.append(job)

    def _ask(self, *_: Any) -> int:
        self.asked += 1
        return self.asked

    catalogue = status = shutdown = remove_style = rename_style = refine_style = _ask

    def pump(self, timeout: float, budget: int) -> list[Any]:
        events, self.coming = self.coming, []
        return events

    def close(self) -> None:
        pass


def event(name: str, *values: Any) -> Any:
    return getattr(module("scumble_client.events"), name)(*values)


def catalogue() -> Any:
    kinds = module("scumble_client.catalogue")
    brush = kinds.Option("brush_size", "Brush size", "", "float", 1.0, 0.25, 4.0)
    methods = tuple(
        kinds.Method(name, name.title(), "", "", {"blend": blend, "iterative": name == "deep"}, (brush,))
        for name, blend in (("fast", False), ("deep", True))
    )
    styles = (
        kinds.Style("night", 2, "The Night", "Van Somebody", None, None, False, ("fast", "deep"), None),
        kinds.Style("wave", 1, "The Wave", None, None, None, False, ("deep",), None),
    )
    return kinds.Catalogue(methods, styles, 1)


@pytest.fixture
def host(krita_plugin: None) -> Host:
    return Host()


@pytest.fixture
def session(krita_plugin: None) -> Session:
    return Session()


@pytest.fixture
def studio(host: Host, session: Session) -> Any:
    """With its catalogue."""
    studio = module("studio").Studio(host, lambda name: session)
    studio.wake()
    session.coming.append(event("Listed", session.asked, catalogue()))
    studio.tick()
    return studio


def ticks(studio: Any, count: int = 6) -> None:
    for _ in range(count):
        studio.tick()


def finish(studio: Any, session: Session) -> None:
    """The engine is done with the newest job."""
    request = session.requests[-1]
    styles = tuple(f"{style.partition('@')[0]}@2" for style, _ in request.styles)
    session.coming.append(event("Done", f"job{len(session.requests)}", request.raster, styles, 1.5, "cpu"))
    ticks(studio)
