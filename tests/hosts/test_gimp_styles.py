# SPDX-License-Identifier: Apache-2.0
"""Styles of the painter's own in GIMP's dialogue: several files at once, a name that is typed, a name that is changed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from hosts import gimp, resting
from hosts.gimp_desk import CHOOSER, DIALOG, Desk
from hosts.gimp_dialog import ADD, INVERTED, TILES, press_stylize, wait_preview
from hosts.gimp_scenes import HISTORY_OF

DRAGGED = Path(__file__).parent / "gimp_jobs" / "dragged.py"
NAMING = "^A style of your own$"


@pytest.fixture
def named_as_before(desk: Desk) -> Iterator[None]:
    yield
    with desk.engine() as engine:
        engine.rename_style("test-style", "Test style")


def titles(desk: Desk) -> dict[str, str]:
    """Of the painter's own styles, by id."""
    return {style.id: style.title for style in desk.styles() if style.own}


def label(desk: Desk, window: str, name: str) -> bytes:
    """What stands below the first thumbnail."""
    x, y, _, _ = desk.screen.place(window)
    with Image.open(desk.screen.shot(name)) as shot:
        return shot.convert("L").crop((x + 40, y + 190, x + 150, y + 250)).tobytes()


def type_name(desk: Desk, title: str, text: str, key: str = "Return") -> None:
    """Write into the entry that has the focus of the window, and answer it."""
    desk.screen.focus(desk.screen.window(title))
    desk.screen.key("ctrl+a")
    desk.screen.sh(f"xdotool type '{text}'; sleep 0.5")
    desk.screen.shot("typed-name")
    desk.screen.key(key)


def go_to(desk: Desk, path: str) -> None:
    """Type a path into the chooser, which is open."""
    desk.screen.focus(desk.screen.window(CHOOSER))
    desk.screen.key("ctrl+l", "ctrl+a")
    desk.screen.sh(f"xdotool type '{path}'; sleep 1")
    desk.screen.shot("chooser-path")


def choose_all(desk: Desk) -> None:
    """All files of the folder that the chooser shows."""
    window = desk.screen.window(CHOOSER)
    _, _, width, height = desk.screen.place(window)

    def choose() -> None:
        if desk.screen.windows(CHOOSER):
            desk.click(window, (width // 2, height // 2))
            desk.screen.key("ctrl+a")
            desk.screen.shot("chooser-all")
            desk.screen.key("alt+o")

    desk.insist(choose, lambda: not desk.screen.windows(CHOOSER), "the chooser takes no pictures")


def test_a_style_is_renamed_by_its_menu_and_what_was_painted_with_it_finds_it(desk: Desk, named_as_before: None) -> None:
    desk.warm()
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "rename")
    desk.pick(window, TILES[0])
    press_stylize(desk, window)
    assert desk.wait_layers(2)[0][0] == "Test style 100 %"
    desk.spy("image.set_selected_layers([image.get_layers()[1]])")
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "rename")
    x, y, _, _ = desk.screen.place(window)

    def rename(key: str) -> None:
        desk.screen.sh(f"xdotool mousemove {x + TILES[0][0]} {y + TILES[0][1]}; sleep 0.2; xdotool click 3; sleep 0.7")
        desk.screen.shot("style-menu")
        desk.screen.key("Down", "Down", "Down", "Return")
        type_name(desk, NAMING, "Fog over the harbour", key)
        desk.screen.gone(NAMING)

    rename("Escape")
    desk.screen.sh("sleep 0.5")
    assert titles(desk) == {"test-style": "Test style"}
    before = label(desk, window, "not-renamed")
    desk.insist(lambda: rename("Return"), lambda: titles(desk) != {"test-style": "Test style"}, "it is not renamed")
    assert titles(desk) == {"test-style": "Fog over the harbour"}
    desk.screen.until(lambda: label(desk, window, "renamed") != before, 60, "the gallery still shows the old name")
    press_stylize(desk, window)
    assert desk.wait_layers(3)[0][0] == "Fog over the harbour 100 %"
    new, old = desk.spy(HISTORY_OF)
    assert new["settings"]["style"] == old["settings"]["style"] == "test-style@1"


def test_a_picture_is_called_as_one_types(desk: Desk, own_styles: None) -> None:
    desk.warm()
    picture = desk.host.home / "dsc_0815.png"
    Image.new("RGB", (40, 30), (200, 40, 30)).save(picture)
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "typed")
    desk.open_chooser(ADD)
    go_to(desk, str(picture))
    desk.screen.key("alt+n")
    type_name(desk, CHOOSER, "Red barn")
    desk.screen.gone(CHOOSER)
    desk.screen.until(lambda: len(titles(desk)) == 2, 60, "the style does not appear")
    assert titles(desk)["red-barn"] == "Red barn"
    desk.screen.until(lambda: desk.colour("typed", window, TILES[0]) == (200, 40, 30), 60, "it is not shown")
    press_stylize(desk, window)
    assert desk.wait_layers(2)[0][0] == "Red barn 100 %"


def test_several_files_at_once_are_styles_called_after_their_files(desk: Desk, own_styles: None) -> None:
    desk.warm()
    folder = desk.host.home / "paintings"
    folder.mkdir()
    for number, name in enumerate(("blue_harbour", "red_barn", "white cliff")):
        Image.new("RGB", (40, 30), (200, 40 * number, 30)).save(folder / f"{name}.png")
    (folder / "zzz notes.txt").write_text("This is no picture.")
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "several")
    desk.open_chooser(ADD)
    go_to(desk, f"{folder}/")
    desk.screen.key("Return")
    choose_all(desk)
    wanted = {"test-style": "Test style", "blue-harbour": "Blue harbour", "red-barn": "Red barn", "white-cliff": "White cliff"}
    desk.screen.until(lambda: titles(desk) == wanted, 60, "the styles do not appear")
    desk.screen.until(lambda: desk.colour("several", window, TILES[0]) == (200, 0, 30), 60, "they are not shown")
    assert desk.screen.windows(DIALOG), "a file that is no picture does not stop the others"
    press_stylize(desk, window)
    desk.wait_layers(2)


def test_files_that_are_dragged_onto_the_gallery_are_styles(desk: Desk, own_styles: None) -> None:
    desk.warm()
    files = [desk.host.home / name for name in ("grey_pier.png", "a note.txt", "white_sail.png")]
    for number, file in enumerate(files):
        Image.new("RGB", (40, 30), (200, 40 * number, 30)).save(file, "PNG")
    files[1].write_text("This is no picture.")
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "dragged")
    x, y = desk.look('answer = middle(shown("FlowBox")[0].get_parent())')

    def drag() -> None:
        named = " ".join(shlex.quote(str(file)) for file in files)
        desk.screen.start(f"python3 /outer{DRAGGED} {named}")
        from_x, from_y, wide, high = desk.screen.place(desk.screen.window("^Files to be dragged$"))
        steps = [f"xdotool mousemove {at} {y}; sleep 0.1" for at in range(x - 60, x + 1, 10)]
        desk.screen.sh(
            f"xdotool mousemove {from_x + wide // 2} {from_y + high // 2}; sleep 0.3; xdotool mousedown 1; sleep 0.3"
        )
        desk.screen.sh("; ".join(steps))
        desk.screen.shot("dragging")
        desk.screen.sh("sleep 0.3; xdotool mouseup 1")

    wanted = {"test-style": "Test style", "grey-pier": "Grey pier", "white-sail": "White sail"}
    desk.insist(drag, lambda: titles(desk) == wanted, "the styles do not appear")
    desk.screen.until(lambda: desk.colour("dropped", window, TILES[0]) == (200, 0, 30), 60, "they are not shown")
    desk.answer(window, "Escape")
    desk.wait_plugin()


@pytest.fixture
def refining_engine(desk: Desk) -> Iterator[None]:
    """One whose method refines a style, as long as it takes, and computes meanwhile."""
    desk.kill_engine()
    steering = [desk.host.home / "data" / name for name in ("very_slowly", "busily")]
    for file in steering:
        file.touch()
    gimp.record(desk.host, desk.host.engine_command(f"{gimp.TEST_METHODS},scumble_refining"))
    yield
    for file in steering:
        file.unlink(missing_ok=True)


def test_a_refinement_rests_once_the_dialogue_is_closed_and_goes_on_with_the_next(
    desk: Desk, another_engine: None, refining_engine: None, own_styles: None
) -> None:
    """It went on at 60 % of a core, and the painter wondered what her computer was doing. To the engine GIMP is
    its dialogue."""
    desk.warm()
    picture = desk.host.home / "lighthouse.png"
    Image.new("RGB", (40, 30), (200, 80, 40)).save(picture)
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "refining")
    desk.open_chooser(ADD)
    desk.choose_file(picture)
    assert resting.comes_true(desk.host.runtime, "lighthouse@1")
    load = resting.load(desk.host)
    desk.answer(window, "Escape")
    desk.wait_plugin()
    assert resting.comes_true(desk.host.runtime, None)
    assert resting.revision(desk.host.runtime, "lighthouse") == 1
    assert resting.load(desk.host) < min(resting.MOST, load / 2)
    window = desk.open_dialog()
    assert resting.comes_true(desk.host.runtime, "lighthouse@1"), "it goes on"
    (desk.host.home / "data" / "very_slowly").unlink()
    desk.screen.until(lambda: resting.revision(desk.host.runtime, "lighthouse") == 2, 60, "it does not end")
    desk.answer(window, "Escape")
    desk.wait_plugin()
