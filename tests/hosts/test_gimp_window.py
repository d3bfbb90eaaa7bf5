# SPDX-License-Identifier: Apache-2.0
"""The plug-in in GIMP's windows: menu, dialogue, preview, progress, undo, cancel, and every way an engine can be missing.

One GIMP for all tests, each of which begins with one layer of one colour. SCUMBLE_SHOTS=FOLDER keeps the pictures.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import pytest
from PIL import Image

from hosts import gimp
from hosts.gimp_desk import DIALOG, MESSAGE, Desk
from hosts.gimp_dialog import (
    ADD,
    BLEND,
    CANCEL,
    COLOUR,
    FACTORY,
    FIND,
    HISTOGRAM,
    INITIAL,
    INVERTED,
    KEEP,
    NOTHING,
    PREVIEW,
    RESET,
    STATUS,
    TILES,
    WHITE,
    press_stylize,
    wait_preview,
)
from hosts.gimp_scenes import IDS, KEPT, MASKED, RED, REPLACED, SEVERAL, SWATCH, VEIL
from scumble.client.errors import EngineError


def test_the_menu_opens_the_dialogue_whose_preview_shows_the_result(desk: Desk) -> None:
    def open_menu() -> None:
        desk.key("Escape", "Escape", "alt+r", "a")
        desk.screen.sh("sleep 0.7")
        desk.screen.shot("menu")
        desk.screen.key("u")

    desk.insist(open_menu, lambda: bool(desk.screen.windows(DIALOG)), "the menu opens no dialogue", 30)
    window = desk.screen.window(DIALOG)
    desk.screen.shot("starting")
    wait_preview(desk, window, INVERTED, "dialog")
    desk.answer(window, "Escape")
    desk.wait_plugin()
    assert len(desk.layers()) == 1, "a dialogue that is dismissed changes nothing"


def test_the_style_that_is_clicked_paints_and_one_undo_takes_it_back(desk: Desk) -> None:
    desk.warm()
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "gallery")
    desk.pick(window, TILES[1])
    desk.screen.shot("clicked")
    desk.answer(window, "Return")
    (name, pixel), (_, source) = desk.wait_layers(2)
    desk.screen.shot("result")
    assert name == f"{desk.styles()[1].title} 100 %"
    assert pixel == bytes((*INVERTED, 255))
    assert source[:3] == bytes(COLOUR)
    desk.step("ctrl+z")
    assert len(desk.wait_layers(1)) == 1
    desk.screen.shot("undone")
    assert not desk.screen.windows(MESSAGE), "GIMP complains of a step that cannot be undone"
    desk.step("ctrl+y")
    assert desk.wait_layers(2)[0] == (name, pixel)


def test_what_i_see_shows_and_paints_all_that_is_seen_and_one_undo_takes_it_back(desk: Desk) -> None:
    """The layer that is selected lies below another, which hides it."""
    desk.warm()
    desk.spy(VEIL)
    desk.remember(style=desk.styles()[1].id)
    desk.press(gimp.WHAT_I_SEE)
    window = desk.screen.window(DIALOG)
    inverted = tuple(255 - v for v in RED)
    wait_preview(desk, window, inverted, "inverted")
    press_stylize(desk, window)
    names, pixels = zip(*desk.wait_layers(3), strict=True)
    assert names == (f"{desk.styles()[1].title} 100 %", "Veil", "picture.png"), "with the style that was painted with last"
    assert pixels[0] == bytes((*inverted, 255))
    desk.step("ctrl+z")
    assert [name for name, _ in desk.wait_layers(2)] == ["Veil", "picture.png"]


def test_the_filter_box_picks_what_it_leaves_and_return_stylizes(desk: Desk) -> None:
    desk.warm()
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "gallery")

    def shown(count: int) -> Callable[[], bool]:
        """Whether so many of the first three tiles are there: nothing is as grey as nothing."""
        return lambda: len({desk.colour("filter", window, tile) for tile in TILES[count:]} | {NOTHING}) == 1

    desk.filter(FIND, "zzz", shown(0))
    desk.screen.key("Return")
    desk.screen.shot("filter-nothing")
    desk.screen.sh("sleep 0.5")
    assert desk.screen.windows(DIALOG), "there is no such style to stylize with"
    desk.filter(FIND, "wave", shown(1))
    desk.answer(window, "Return")
    assert desk.wait_layers(2)[0][0] == "The Great Wave off Kanagawa 100 %"


def test_a_picture_added_in_the_dialogue_is_picked_and_paints(desk: Desk, own_styles: None) -> None:
    desk.warm()
    picture = desk.host.home / "Red barn.png"
    Image.new("RGB", (40, 30), RED).save(picture)
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "gallery")
    desk.open_chooser(ADD)
    desk.choose_file(picture)
    desk.screen.until(lambda: desk.colour("added", window, TILES[0]) == RED, 60, "the style does not appear")
    desk.answer(window, "Return")
    assert desk.wait_layers(2)[0][0] == "Red barn 100 %"


def test_a_layer_used_in_the_dialogue_becomes_a_style_and_paints(desk: Desk, own_styles: None) -> None:
    desk.warm()
    desk.spy(SWATCH)
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "gallery")

    def use() -> None:
        desk.push(ADD)
        desk.screen.key("Down", "Down")
        desk.screen.shot("layers")
        desk.screen.key("Return")

    desk.insist(use, lambda: desk.colour("used", window, TILES[0]) == RED, "the style does not appear", 30)
    desk.answer(window, "Return")
    names = [name for name, _ in desk.wait_layers(3)]
    assert names == ["Embers", "Embers 100 %", "picture.png"]


def test_a_style_that_no_method_can_paint_says_so(desk: Desk, another_engine: None, own_styles: None) -> None:
    gimp.record(desk.host, desk.host.engine_command(gimp.TRAINED_ONLY))
    picture = desk.host.home / "Red barn.png"
    Image.new("RGB", (40, 30), RED).save(picture)
    desk.press(gimp.STYLIZE)
    window = desk.screen.window(DIALOG)
    desk.screen.until(lambda: desk.colour("stuck", window, PREVIEW) not in (COLOUR, WHITE), 60, "the preview does not come")
    desk.pick(window, TILES[1])
    picked = desk.styles()[0].title  # the first tile is of one that cannot be painted
    desk.screen.until(lambda: desk.brightest("stuck", window, *STATUS) < 200, 60, "the status line is not empty")
    desk.open_chooser(ADD)
    desk.choose_file(picture)
    desk.screen.until(lambda: desk.brightest("unpaintable", window, *STATUS) > 200, 60, "the status line stays empty")
    desk.answer(window, "Return")
    assert desk.wait_layers(2)[0][0] == f"{picked} 100 %", "what was picked before stays picked"


def test_the_ways_to_keep_colours_are_the_engines_and_the_preview_follows(desk: Desk) -> None:
    desk.warm()
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "gallery")
    desk.unfold(window, KEEP)
    desk.screen.shot("keep-colours")
    desk.unfold(window, HISTOGRAM)
    wait_preview(desk, window, COLOUR, "kept")  # the palette of a layer of one colour is that colour
    press_stylize(desk, window)
    assert tuple(desk.wait_layers(2)[0][1][:3]) == COLOUR
    assert desk.spy(KEPT) == "histogram"


def test_reset_goes_to_the_first_values_and_to_those_at_the_start(desk: Desk) -> None:
    desk.warm()
    desk.remember(style="starry-night", strength=0.2)
    desk.press(gimp.AGAIN)
    desk.wait_layers(2)
    window = desk.open_dialog()
    wait_preview(desk, window, BLEND, "edited")
    for entry, colour in ((FACTORY, INVERTED), (INITIAL, BLEND), (FACTORY, INVERTED)):
        desk.unfold(window, RESET)
        desk.screen.shot("reset")
        desk.unfold(window, entry)
        wait_preview(desk, window, colour, "reset-done")
    press_stylize(desk, window)
    names = [name for name, _ in desk.wait_layers(3)]
    assert names == ["Test style 100 %", "The Starry Night 20 %", "picture.png"], "nothing is replaced any more"


@pytest.mark.parametrize(
    ("arranged", "replace"), [(SEVERAL, False), (MASKED, False), (REPLACED, True)], ids=["several", "masked", "replaced"]
)
def test_one_undo_brings_the_whole_document_back(desk: Desk, arranged: str, replace: bool) -> None:
    desk.warm()
    if replace:
        desk.remember(style="test-style", strength=0.5)
        desk.press(gimp.AGAIN)
        desk.wait_layers(2)
    desk.spy(arranged)
    desk.remember(style="test-style", replace=replace)
    before = desk.document()
    desk.press(gimp.AGAIN)
    ids = [layer["id"] for layer in before["layers"]]
    desk.screen.until(lambda: desk.spy(IDS) != ids, 60, "there is no result")
    desk.wait_plugin()
    after = desk.document()
    assert after["layers"] != before["layers"]
    desk.step("ctrl+z")
    with contextlib.suppress(AssertionError):
        desk.screen.until(lambda: desk.document() == before, 60, "undo leaves a difference")
    assert desk.document() == before
    assert not desk.screen.windows(MESSAGE), "GIMP complains of a step that cannot be undone"
    desk.step("ctrl+y")
    with contextlib.suppress(AssertionError):
        desk.screen.until(lambda: desk.document() == after, 60, "redo leaves a difference")
    assert desk.document() == after


def test_cancel_ends_the_engines_job_within_10_seconds(desk: Desk, record_property: pytest.RecordProperty) -> None:
    desk.warm()
    desk.remember(style="test-style", method="slow", more={"seconds": 60.0})
    desk.press(gimp.AGAIN)
    with desk.engine() as engine:
        desk.screen.until(lambda: engine.status()["jobs"]["running"] == 1, 60, "the job does not run")
        desk.screen.sh("sleep 0.5")  # the bar moves
        desk.screen.shot("progress")
        clicked = 0.0

        def click() -> None:
            nonlocal clicked
            desk.screen.click(*CANCEL)
            clicked = time.monotonic()

        desk.insist(click, lambda: not desk.plugins(), "GIMP does not end the plug-in")
        desk.screen.until(lambda: engine.status()["jobs"]["running"] == 0, 60, "the job runs on")
        seconds = time.monotonic() - clicked
    record_property("seconds from Cancel to the end of the job", seconds)
    assert seconds < 10
    desk.screen.shot("cancelled")
    assert len(desk.layers()) == 1


OPEN_ANOTHER = """
other = Gimp.Image.new(200, 150, Gimp.ImageBaseType.RGB)
layer = Gimp.Layer.new(other, "Photo", 200, 150, Gimp.ImageType.RGB_IMAGE, 100.0, Gimp.LayerMode.NORMAL)
other.insert_layer(layer, None, 0)
other.set_selected_layers([layer])
answer = [other.get_id(), Gimp.Display.new(other).get_id()]
"""


def test_an_image_that_is_closed_ends_its_job_without_a_word(desk: Desk) -> None:
    desk.warm()
    desk.remember(style="test-style", method="slow", more={"seconds": 300.0})
    other, display = desk.spy(OPEN_ANOTHER)
    desk.press(gimp.AGAIN)
    desk.screen.until(lambda: desk.jobs()["running"] == 1, 60, "nothing is painted")
    desk.spy(f"Gimp.Display.get_by_id({display}).delete()")
    desk.screen.until(lambda: desk.jobs()["running"] == 0, 60, "the job is not cancelled")
    desk.wait_plugin()
    assert not desk.screen.windows(MESSAGE)
    assert desk.spy(f"answer = [one.get_id() for one in Gimp.get_images() if one.get_id() == {other}]") == []


def test_an_engine_killed_mid_job_is_started_again_and_the_result_comes(desk: Desk) -> None:
    desk.warm()
    desk.remember(style="test-style", method="slow", more={"seconds": 3.0})
    desk.press(gimp.AGAIN)
    desk.screen.until(lambda: desk.jobs()["running"] == 1, 60, "the job does not run")
    before = desk.connection()["pid"]
    desk.kill_engine()

    def runs_again() -> bool:
        with contextlib.suppress(EngineError):
            return desk.jobs()["running"] == 1
        return False

    desk.screen.until(runs_again, 60, "the job does not run again")
    desk.screen.shot("killed")
    name, pixel = desk.wait_layers(2, 90)[0]
    assert (name, pixel) == ("Test style 100 %", bytes((*INVERTED, 255)))
    assert desk.connection()["pid"] != before


def refuses(desk: Desk, shot: str) -> None:
    """Scumble Again ends with a message, of which a picture is kept."""
    desk.remember(style="test-style")
    desk.press(gimp.AGAIN)
    message = desk.screen.window(MESSAGE, 60)
    desk.screen.sh("sleep 0.3")
    desk.screen.shot(shot)
    desk.answer(message, "Return")


def test_without_any_engine_there_is_a_message_and_the_dialogue_says_it_too(desk: Desk, another_engine: None) -> None:
    gimp.record(desk.host, None)
    refuses(desk, "absent")
    window = desk.open_dialog()
    desk.screen.until(lambda: desk.brightest("absent-dialog", window, *STATUS) > 200, 60, "the status line stays empty")
    desk.answer(window, "Escape")
    assert len(desk.layers()) == 1


def test_an_engine_of_another_protocol_gets_a_message(desk: Desk, another_engine: None) -> None:
    gimp.record(desk.host, gimp.newer_engine(desk.host))
    refuses(desk, "protocol")
    assert len(desk.layers()) == 1
