# SPDX-License-Identifier: Apache-2.0
"""The dialogue of Filters > Artistic > Scumble…, as tests use it: where things are in it, and one GIMP for all tests of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from hosts import gimp, gimp_desk
from hosts.gimp_desk import DIALOG, Desk

COLOUR = (10, 20, 30)
WHITE = (255, 255, 255)
"""A window that has just appeared."""
INVERTED = (245, 235, 225)
BLEND = (57, 63, 69)
"""20 % of the one, 80 % of the other."""
CANCEL = (1122, 872)
"""The button in the status bar, on the screen."""

FIND, ADD, TRY_ALL = (
    f"answer = middle({what})" for what in ('shown("SearchEntry")[0]', 'button("+")', 'button("Try all styles")')
)
"""What `Desk.push` finds them by: the box to search in, the button that offers styles of one's own, and what tries all."""

# Where things are in the dialogue; a negative number counts from its right or bottom.
PREVIEW = (559, 220)
TILES = ((92, 135), (238, 135), (92, 300))
"""The thumbnails."""
NOTHING = (60, 60, 60)
"""The gallery's ground."""
HISTORY, USE, AGAIN_BUTTON = (90, 15), (89, -167), (238, -167)
"""The other tab, and its buttons."""
OTHER, SECOND = (-160, 55), (-160, 113)
WHERE, SKY_ENTRY = (-180, 126), (-180, 184)
"""The row of a second style, and entries of what it unfolds."""
QUALITY, GOOD = (-168, 109), (-168, 141)
KEEP, HISTOGRAM = (-168, 267), (-168, 362)
"""The ways to keep colours, and the last of them."""
RESET, INITIAL, FACTORY, STYLIZE = (-283, -62), (-283, -153), (-283, -115), (-75, -62)
STATUS = ((335, 522), (815, 560))
"""Two corners of the area where it says what is wrong."""


class Desks:
    """One GIMP for the tests of all modules, which each find as it was at first; another one where it has ended."""

    def __init__(self, host_root: Path, picture: Path) -> None:
        self._host_root, self._picture = host_root, picture
        self._open = contextlib.ExitStack()
        self._desk: Desk | None = None

    def ready(self) -> Desk:
        with contextlib.suppress(AssertionError):
            if self._desk is not None:
                self._desk.reset()
                return self._desk
        self.close()
        self._desk = self._open.enter_context(gimp_desk.desk(self._host_root, self._picture))
        self._desk.reset()
        return self._desk

    def close(self) -> None:
        self._desk = None
        self._open.close()


@pytest.fixture(scope="session")
def desks(host_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desks]:
    picture = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.new("RGB", (400, 300), COLOUR).save(picture)
    with contextlib.closing(Desks(host_root, picture)) as opened:
        yield opened


@pytest.fixture
def desk(desks: Desks) -> Desk:
    return desks.ready()


@pytest.fixture
def own_styles(desk: Desk) -> Iterator[None]:
    """Takes the styles away that a test adds, so that the thumbnails of the others stay where they are."""
    yield
    with desk.engine() as engine:
        for style in engine.catalogue().styles:
            if style.own and style.id != "test-style":
                engine.remove_style(style.id)


@pytest.fixture
def another_engine(desk: Desk) -> Iterator[None]:
    """For tests that record another engine than all others have."""
    desk.kill_engine()
    yield
    desk.kill_engine()
    gimp.record(desk.host, desk.host.engine_command(gimp.TEST_METHODS))


def wait_preview(desk: Desk, window: str, colour: tuple[int, ...], name: str) -> None:
    desk.screen.until(lambda: near(desk.colour(name, window, PREVIEW), colour), 60, "the preview does not come")


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """The same except for what rounding does."""
    return all(abs(a - b) <= 2 for a, b in zip(one, other, strict=True))


def jobs_finished(desk: Desk) -> int:
    """By the engine since it was started."""
    with desk.engine() as engine:
        return int(engine.status()["finished"])


def press_stylize(desk: Desk, window: str) -> None:
    """The button."""

    def click() -> None:
        if desk.screen.windows(DIALOG):
            desk.click(window, STYLIZE)

    desk.insist(click, lambda: not desk.screen.windows(DIALOG), "the dialogue stays")
