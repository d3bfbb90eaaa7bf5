# SPDX-License-Identifier: Apache-2.0
"""What the dialogue and the window beside it show: the chosen style, the selection, the history, a picture that gets better."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from hosts import gimp
from hosts.gimp_desk import DIALOG, FRAMED, MESSAGE, Desk, Point
from hosts.gimp_dialog import (
    AGAIN_BUTTON,
    COLOUR,
    GOOD,
    HISTORY,
    INVERTED,
    QUALITY,
    TILES,
    TRY_ALL,
    jobs_finished,
    near,
    press_stylize,
    wait_preview,
)
from hosts.gimp_scenes import FAVOURITES, HISTORY_OF, RECENT
from support.engine import TEST_METHODS

GALLERY = ((20, 80), (300, 490))
"""Two corners of the thumbnails."""
LEFT, RIGHT = (450, 220), (690, 220)
"""Points of the preview."""
PAINTS = "^Scumble paints"
CORNER = """
view = next(one for one in shown("EventBox"))
answer = list(next(one for one in shown("Image") if one.is_ancestor(view)).get_pixbuf().get_pixels()[:3])
"""
"""The first pixel of the picture that is looked at."""
SLOWLY = {"style": "test-style", "method": "darkening", "quality": "best", "more": {"pause": 2.0}}


def framed(desk: Desk, window: str, name: str, corners: tuple[Point, Point]) -> int:
    """How many pixels are of the frame of a picked style."""
    x, y, _, _ = desk.screen.place(window)
    (left, top), (right, bottom) = corners
    with Image.open(desk.screen.shot(name)) as shot:
        area = shot.convert("RGB").crop((x + left, y + top, x + right, y + bottom))
    return sum(count for count, colour in area.getcolors(1 << 20) if colour == FRAMED)


@pytest.fixture
def improving_engine(desk: Desk) -> Iterator[None]:
    """One with a method that makes pictures better, and darker."""
    desk.kill_engine()
    gimp.record(desk.host, desk.host.engine_command(f"{TEST_METHODS},scumble_improving"))
    desk.warm()
    yield
    desk.kill_engine()
    gimp.record(desk.host, desk.host.engine_command(TEST_METHODS))


def test_the_gallery_opens_at_the_chosen_style(desk: Desk) -> None:
    """It used to open at the top, with the chosen style somewhere far below."""
    desk.warm()
    desk.remember(style="starry-night", strength=1.0)
    desk.press(gimp.AGAIN)
    desk.wait_layers(2)
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "at-the-style")
    desk.screen.until(lambda: framed(desk, window, "at-the-style", GALLERY) > 200, 60, "the chosen style is not in sight")
    desk.answer(window, "Escape")
    desk.wait_plugin()


def test_the_preview_shows_what_the_selection_leaves(desk: Desk) -> None:
    desk.warm()
    desk.spy("image.select_rectangle(Gimp.ChannelOps.REPLACE, 0, 0, 200, 300)")
    window = desk.open_dialog()
    desk.screen.until(lambda: near(desk.colour("selected", window, LEFT), INVERTED), 60, "the preview does not come")
    assert near(desk.colour("selected", window, RIGHT), COLOUR)
    desk.answer(window, "Escape")
    desk.wait_plugin()


def test_an_entry_of_the_history_is_painted_again(desk: Desk) -> None:
    desk.warm()
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "history-first")
    desk.pick(window, TILES[1])
    press_stylize(desk, window)
    first = desk.wait_layers(2)[0][0]
    assert [(entry["title"], entry["layer"]) for entry in desk.spy(HISTORY_OF)] == [(first, "picture.png")]
    assert desk.spy(HISTORY_OF)[0]["picture"], "there is a small picture of it"
    desk.spy("image.set_selected_layers([image.get_layers()[1]])")
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "history-second")
    desk.pick(window, TILES[0])
    desk.click(window, HISTORY)
    desk.screen.shot("history")

    def again() -> None:
        if desk.screen.windows(DIALOG):
            desk.click(window, AGAIN_BUTTON)

    desk.insist(again, lambda: not desk.screen.windows(DIALOG), "the entry is not painted again")
    names = [name for name, _ in desk.wait_layers(3)]
    assert names[1:] == [first, "picture.png"]
    assert names[0].startswith(first), "GIMP numbers a layer of the same name"
    desk.step("ctrl+z")
    assert len(desk.spy(HISTORY_OF)) == 1, "what is undone has not been"


def test_a_favourite_is_kept_and_comes_first(desk: Desk) -> None:
    desk.warm()
    third = desk.styles()[2].id
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "favourites")
    x, y, _, _ = desk.screen.place(window)

    def mark() -> None:
        desk.screen.sh(f"xdotool mousemove {x + TILES[2][0]} {y + TILES[2][1]}; sleep 0.2; xdotool click 3; sleep 0.7")
        desk.screen.shot("favourite-menu")
        desk.screen.key("Down", "Return")

    desk.insist(mark, lambda: bool(desk.spy(FAVOURITES)), "it does not become a favourite")
    assert desk.spy(FAVOURITES) == [third]
    desk.screen.shot("favourite")
    desk.pick(window, TILES[0])
    press_stylize(desk, window)
    desk.wait_layers(2)
    assert desk.spy(HISTORY_OF)[0]["settings"]["style"].startswith(third)
    assert desk.spy(RECENT) == [third]
    again = desk.open_dialog()
    desk.screen.shot("shelves")
    desk.answer(again, "Escape")


def test_the_gallery_shows_every_style_on_the_layer_to_pick_one(desk: Desk) -> None:
    desk.warm()
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "try-all")
    before = [desk.colour("try-all", window, tile) for tile in TILES]
    assert INVERTED not in before
    finished = jobs_finished(desk)
    tried = lambda: all(near(desk.colour("try-all", window, tile), INVERTED) for tile in TILES)  # noqa: E731
    desk.insist(lambda: desk.push(TRY_ALL), tried, "the styles are not tried", 60)
    desk.pick(window, TILES[1])
    wait_preview(desk, window, INVERTED, "try-all-picked")
    wanted = finished + len(desk.styles())
    desk.screen.until(lambda: jobs_finished(desk) >= wanted, 60, "the sheet does not end")
    desk.screen.shot("try-all-done")
    desk.insist(lambda: desk.push(TRY_ALL), lambda: not tried(), "the thumbnails do not come back")
    assert [desk.colour("try-all-off", window, tile) for tile in TILES] == before
    press_stylize(desk, window)
    assert desk.wait_layers(2)[0][0] == f"{desk.styles()[1].title} 100 %"


def test_a_picture_of_good_quality_gets_better_in_a_window(desk: Desk, improving_engine: None) -> None:
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "quality")
    desk.pick(window, TILES[0])
    desk.unfold(window, QUALITY)
    desk.screen.shot("qualities")
    desk.unfold(window, GOOD)
    press_stylize(desk, window)
    name, pixel = desk.wait_layers(2)[0]
    assert name == "Test style 100 %, good"
    assert near(tuple(pixel[:3]), tuple(value // 2 for value in INVERTED)), "half as dark as the best"


def test_keep_ends_with_the_picture_that_is_shown(desk: Desk, improving_engine: None) -> None:
    desk.remember(**SLOWLY)
    desk.press(gimp.AGAIN)
    window = desk.screen.window(PAINTS)
    desk.screen.until(lambda: any(text.endswith(" left") for text in desk.look("answer = texts()")), 60, "no time is said")
    desk.screen.shot("paints-time-left")
    shown: list[Any] = []

    def better() -> bool:
        now = desk.look(CORNER)
        if not shown or now[0] < shown[-1][0]:
            shown.append(now)
        return len(shown) > 2

    desk.screen.until(better, 60, "the picture in the window does not get better, which is darker")

    def keep() -> None:
        if desk.screen.windows(PAINTS):
            desk.screen.shot("paints")
            desk.screen.focus(window)
            desk.screen.key("alt+k")

    desk.insist(keep, lambda: len(desk.layers()) == 2, "the picture is not kept")
    name, pixel = desk.wait_layers(2)[0]
    assert name == "Test style 100 %, best"
    assert 0 < pixel[0] <= INVERTED[0], "the last step would be black"
    assert not desk.screen.windows(PAINTS)


def test_cancel_in_that_window_changes_nothing(desk: Desk, improving_engine: None) -> None:
    desk.remember(**SLOWLY)
    desk.press(gimp.AGAIN)
    window = desk.screen.window(PAINTS)

    def cancel() -> None:
        if desk.screen.windows(PAINTS):
            desk.screen.focus(window)
            desk.screen.key("alt+c")

    desk.insist(cancel, lambda: not desk.screen.windows(PAINTS), "the window stays")
    desk.wait_plugin()
    assert len(desk.layers()) == 1
    assert not desk.screen.windows(MESSAGE), "the painter knows"
    desk.screen.until(lambda: desk.jobs()["running"] == 0, 60, "the job runs on")
