# SPDX-License-Identifier: Apache-2.0
"""The plug-in in GIMP's windows: menu, dialogue, preview, progress, undo, cancel, and every way an engine can be missing.

One GIMP for all tests, each of which begins with one layer of one colour. SCUMBLE_SHOTS=FOLDER keeps the pictures.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from hosts import gimp, gimp_desk
from hosts.gimp_desk import DIALOG, MESSAGE, Desk
from support.engine import Peer

COLOUR = (10, 20, 30)
INVERTED = (245, 235, 225)
TILE, TILES = (75, 100), 126
"""Where the first style's thumbnail is in the dialogue, and how far the next one is."""
PREVIEW = (583, 150)
TOP = "answer = image.get_layers()[0].get_id()"
WITH_LAST_VALUES = """
procedure = Gimp.get_pdb().lookup_procedure("plug-in-scumble-stylize")
config = procedure.create_config()
config.set_property("run-mode", Gimp.RunMode.WITH_LAST_VALS)
config.set_property("image", image)
config.set_core_object_array("drawables", image.get_selected_layers())
done = procedure.run(config).index(0) == Gimp.PDBStatusType.SUCCESS
answer = "" if done else Gimp.get_pdb().get_last_error()
"""
CANCEL = (1122, 872)
"""The button in the status bar, on the screen."""


@pytest.fixture(scope="module")
def one_desk(host_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    picture = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.new("RGB", (400, 300), COLOUR).save(picture)
    with gimp_desk.desk(host_root, picture) as desk:
        yield desk


@pytest.fixture
def desk(one_desk: Desk) -> Iterator[Desk]:
    one_desk.reset()
    yield one_desk
    gimp.install(one_desk.host)


def warm(desk: Desk) -> None:
    """Have an engine that is ready."""
    desk.remember(style="test-style", strength=0.0)
    desk.press(gimp.AGAIN)
    desk.wait_layers(2)
    desk.reset()


def jobs(desk: Desk) -> dict[str, int]:
    with Peer(desk.connection(), "control") as peer:
        found: dict[str, int] = peer.ask("status")["jobs"]
        return found


def shown(desk: Desk, name: str, window: str, at: tuple[int, int]) -> tuple[int, ...]:
    """The colour of a point of a window on the screen."""
    x, y, _, _ = desk.screen.place(window)
    with Image.open(desk.screen.shot(name)) as shot:
        return tuple(shot.convert("RGB").getpixel((x + at[0], y + at[1])))


def test_the_menu_opens_the_dialogue_whose_preview_shows_the_result(desk: Desk) -> None:
    desk.screen.focus(desk.main)
    desk.screen.key("alt+r", "a")
    desk.screen.sh("sleep 0.7")
    desk.screen.shot("menu")
    desk.screen.key("u")
    window = desk.screen.window(DIALOG)
    desk.screen.until(lambda: shown(desk, "dialog", window, PREVIEW) == INVERTED, 60, "the preview does not come")
    desk.screen.focus(window)
    desk.screen.key("Escape")
    desk.screen.gone(DIALOG)
    assert len(desk.layers()) == 1, "a dialogue that is dismissed changes nothing"


def test_the_style_that_is_clicked_paints_and_one_undo_takes_it_back(desk: Desk) -> None:
    warm(desk)
    window = desk.open_dialog()
    desk.screen.until(lambda: shown(desk, "gallery", window, PREVIEW) == INVERTED, 60, "the preview does not come")
    x, y, _, _ = desk.screen.place(window)
    desk.screen.click(x + TILE[0] + TILES, y + TILE[1])
    desk.screen.shot("clicked")
    desk.screen.focus(window)
    desk.screen.key("Return")
    desk.screen.gone(DIALOG)
    (name, pixel), (_, source) = desk.wait_layers(2)
    desk.screen.shot("result")
    assert name == "The Great Wave off Kanagawa 100 %"
    assert pixel == bytes((*INVERTED, 255))
    assert source[:3] == bytes(COLOUR)
    desk.screen.focus(desk.main)
    desk.screen.key("ctrl+z")
    assert len(desk.wait_layers(1)) == 1
    desk.screen.shot("undone")
    assert not desk.screen.windows(MESSAGE), "GIMP complains of a step that cannot be undone"
    desk.screen.key("ctrl+y")
    assert desk.wait_layers(2)[0] == (name, pixel)


def test_a_selected_result_is_edited_with_its_own_settings_and_replaced(desk: Desk) -> None:
    warm(desk)
    desk.remember(style="starry-night", strength=0.2)
    desk.press(gimp.AGAIN)
    first = desk.wait_layers(2)[0]
    before = desk.spy(TOP)
    window = desk.open_dialog()
    blend = tuple(first[1][:3])
    assert blend == (57, 63, 69)
    desk.screen.until(lambda: shown(desk, "edited", window, PREVIEW) == blend, 60, "the preview does not come")
    desk.screen.focus(window)
    desk.screen.key("Return")
    desk.screen.gone(DIALOG)
    desk.screen.until(lambda: desk.spy(TOP) != before, 60, "the result is not replaced")
    assert [name for name, _ in desk.layers()] == ["The Starry Night 20 %", "picture.png"]
    status = desk.spy(WITH_LAST_VALUES)
    assert status == "", "the dialogue's values are GIMP's last ones, the replacement among them"
    assert [name for name, _ in desk.layers()] == ["The Starry Night 20 %", "picture.png"]


def test_cancel_ends_the_engines_job(desk: Desk) -> None:
    warm(desk)
    desk.remember(style="test-style", method="slow", more={"seconds": 60.0})
    desk.press(gimp.AGAIN)
    desk.screen.until(lambda: jobs(desk)["running"] == 1, 30, "the job does not run")
    desk.screen.sh("sleep 2")
    desk.screen.shot("progress")
    desk.screen.click(*CANCEL)
    cancelled = time.monotonic()
    desk.screen.until(lambda: jobs(desk)["running"] == 0, 30, "the job runs on")
    assert time.monotonic() - cancelled < 30
    desk.screen.shot("cancelled")
    assert len(desk.layers()) == 1


def test_an_engine_killed_mid_job_is_started_again_and_the_result_comes(desk: Desk) -> None:
    warm(desk)
    desk.remember(style="test-style", method="slow", more={"seconds": 4.0})
    desk.press(gimp.AGAIN)
    desk.screen.until(lambda: jobs(desk)["running"] == 1, 30, "the job does not run")
    before = desk.connection()["pid"]
    desk.kill_engine()
    desk.screen.sh("sleep 3")
    desk.screen.shot("killed")
    name, pixel = desk.wait_layers(2, 90)[0]
    assert (name, pixel) == ("Test style 100 %", bytes((*INVERTED, 255)))
    assert desk.connection()["pid"] != before


def test_without_any_engine_there_is_a_message_and_the_dialogue_says_it_too(desk: Desk) -> None:
    desk.kill_engine()
    (gimp.plugin_folder(desk.host) / "engine-command.json").unlink()
    desk.remember(style="test-style")
    desk.press(gimp.AGAIN)
    message = desk.screen.window(MESSAGE, 60)
    desk.screen.sh("sleep 0.5")
    desk.screen.shot("absent")
    desk.screen.focus(message)
    desk.screen.key("Return")
    desk.screen.gone(MESSAGE)
    window = desk.open_dialog()
    desk.screen.sh("sleep 2")
    desk.screen.shot("absent-dialog")
    desk.screen.focus(window)
    desk.screen.key("Escape")
    desk.screen.gone(DIALOG)
    assert len(desk.layers()) == 1


def test_an_engine_of_another_protocol_gets_a_message(desk: Desk) -> None:
    desk.kill_engine()
    command = {"command": gimp.newer_engine(desk.host)}
    (gimp.plugin_folder(desk.host) / "engine-command.json").write_text(json.dumps(command))
    desk.remember(style="test-style")
    desk.press(gimp.AGAIN)
    message = desk.screen.window(MESSAGE, 60)
    desk.screen.sh("sleep 0.5")
    desk.screen.shot("protocol")
    desk.screen.focus(message)
    desk.screen.key("Return")
    desk.screen.gone(MESSAGE)
    desk.kill_engine()
    assert len(desk.layers()) == 1
