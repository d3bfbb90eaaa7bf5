# SPDX-License-Identifier: Apache-2.0
"""The dialogue of Filters > Artistic > Scumble…, as tests use it: where things are in it, and one GIMP for a module's tests."""

from __future__ import annotations

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

# Where things are in the dialogue; a negative number counts from its right or bottom.
FILTER, PREVIEW = (208, 15), (583, 150)
TILES = ((75, 100), (201, 100), (333, 100))
"""The thumbnails."""
NOTHING = (60, 60, 60)
"""The gallery's ground."""
ADD, LAYERS, FIRST_LAYER = (108, -159), (309, -159), (309, -127)
OTHER, SECOND = (208, -211), (208, -153)
WHERE, SKY_ENTRY = (146, -240), (146, -182)
"""The row of a second style, and entries of what it unfolds."""
KEEP, HISTOGRAM = (640, 395), (600, 490)
"""The ways to keep colours, and the last of them."""
RESET, INITIAL, FACTORY, STYLIZE = (-255, -61), (-255, -152), (-255, -114), (-69, -61)
STATUS = ((425, 490), (780, 550))
"""Two corners of the area where it says what is wrong."""


@pytest.fixture(scope="module")
def one_desk(host_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    picture = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.new("RGB", (400, 300), COLOUR).save(picture)
    with gimp_desk.desk(host_root, picture) as desk:
        yield desk


@pytest.fixture
def desk(one_desk: Desk) -> Desk:
    one_desk.reset()
    return one_desk


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
    desk.screen.until(lambda: desk.colour(name, window, PREVIEW) == colour, 60, "the preview does not come")


def press_stylize(desk: Desk, window: str) -> None:
    """The button."""

    def click() -> None:
        if desk.screen.windows(DIALOG):
            desk.click(window, STYLIZE)

    desk.insist(click, lambda: not desk.screen.windows(DIALOG), "the dialogue stays")
