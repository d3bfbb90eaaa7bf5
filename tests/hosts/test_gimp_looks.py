# SPDX-License-Identifier: Apache-2.0
"""What the dialogue in the real GIMP says and shows while one chooses: how long a fine brush takes, that something is being
done, and of the preview the part that is selected, as closely as one likes."""

from __future__ import annotations

import re
from typing import Any

import pytest
from PIL import Image

from hosts import alike, gimp
from hosts.gimp_desk import DIALOG, MESSAGE, Desk
from hosts.gimp_dialog import COLOUR, INVERTED, near, wait_preview

BAR = """
bars = [[bar.get_fraction(), bar.get_opacity()] for bar in shown("ProgressBar")]
answer = [*bars[0], texts()]
"""
VIEW = """
view = next(one for one in shown("EventBox"))
area = next(one for one in shown("ScrolledWindow") if view.is_ancestor(one))
bars = area.get_hadjustment(), area.get_vadjustment()
picture = next(one for one in shown("Image") if one.is_ancestor(view)).get_pixbuf()
answer = {"middle": [(bar.get_value() + bar.get_page_size() / 2) / bar.get_upper() for bar in bars],
          "part": [bar.get_page_size() / bar.get_upper() for bar in bars], "at": middle(area), "width": picture.get_width()}
"""
ZOOM = """
once = []

def zoom(clock):
    if not once:
        once.append(True)
        for tip in {tips!r}:
            next(one for one in shown("Button") if one.get_tooltip_text() == tip).clicked()

window = shown("ScrolledWindow")[0].get_toplevel()
window.get_frame_clock().connect("after-paint", zoom)
window.queue_draw()
"""
"""Right after the window has been drawn: it will not be for a sixtieth of a second, and anything else comes first."""
WINDOW = """
box = min(shown("ComboBoxText"), key=lambda one: middle(one)[0])
search = shown("SearchEntry")[0]
add = button("+")
top = [(middle(box), box.get_active_text()), (middle(search), search.get_placeholder_text()), (middle(add), add.get_label())]
labels = {labels!r}
written = [text.replace(" (%)", "") for text in texts()]
values = {{}}
for label in labels:
    name = label + " (%)" if label == "Strength" else label
    row = middle(next(one for one in shown("Label") if one.get_text() == name))[1]
    kinds = [one for kind in ("SpinButton", "ComboBoxText") for one in shown(kind) if abs(middle(one)[1] - row) < 8]
    widget = max(kinds, key=lambda one: middle(one)[0])
    values[label] = widget.get_value() if hasattr(widget, "get_value") else widget.get_active_text()
answer = {{"top": [text for _, text in sorted(top)], "level": len({{at[1] // 8 for at, _ in top}}), "values": values,
          "add": add.get_popup().get_children()[0].get_label(), "controls": [text for text in written if text in labels]}}
"""
COPY = """
copy = image.get_layers()[0].copy()
image.insert_layer(copy, None, 0)
image.set_selected_layers([copy])
"""
BRUSH = 'beside("Brush size", "SpinButton").set_value({})'


def label_of(desk: Desk, beginning: str) -> str:
    """What a label says that begins so; empty where none does."""
    return next((text for text in desk.look("answer = texts()") if text.startswith(beginning)), "")


def edited(desk: Desk, **settings: Any) -> str:
    """The dialogue with the result of these settings, which it begins with."""
    desk.warm()
    desk.remember(style="test-style", **settings)
    desk.press(gimp.AGAIN)
    desk.wait_layers(2)
    return desk.open_dialog()


def test_what_a_fine_brush_takes_is_reported_before_it_is_painted(desk: Desk) -> None:
    """A small picture with a brush of 0.25 took 70 s without a word. Nothing has been timed yet."""
    window = edited(desk, method="invert", brush_size=0.25)
    words = "Strokes this fine take about 16 times as long as with 1."
    desk.screen.until(lambda: label_of(desk, "Strokes this fine") == words, 60, "the line does not show")
    desk.screen.shot("fine-brush")
    desk.look(BRUSH.format(1.0))
    desk.screen.until(lambda: not label_of(desk, "Strokes this fine"), 60, "the line shows with a usual brush")
    desk.answer(window, "Escape")
    desk.wait_plugin()


def test_seconds_are_named_once_a_preview_has_been_timed(desk: Desk) -> None:
    window = edited(desk, method="slow", more={"seconds": 1.5})
    wait_preview(desk, window, INVERTED, "timed")
    desk.look(BRUSH.format(0.25))
    desk.screen.until(lambda: bool(label_of(desk, "Strokes this fine")), 60, "the line does not show")
    words = label_of(desk, "Strokes this fine")
    desk.screen.shot("fine-brush-timed")
    match = re.fullmatch(r"Strokes this fine take about (\d+) s\.", words)
    assert match, words
    assert 20 <= int(match[1]) <= 60, "sixteen times 1.5 s, and what the engine took beside"
    desk.answer(window, "Escape")
    desk.wait_plugin()


def test_order_words_and_defaults_are_those_of_krita(desk: Desk) -> None:
    """The other half is in test_krita_looks.py. The shelves' box used to stand below the gallery here, and above it there."""
    desk.warm()
    desk.remember(style="test-style", method="invert")
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "order")
    laid_out = desk.look(WINDOW.format(labels=alike.WINDOW["controls"]))
    assert laid_out.pop("level") == 1, "box, search and button stand in one row"
    assert laid_out == alike.WINDOW
    assert label_of(desk, "Vincent van Gogh"), "artists are named"
    desk.answer(window, "Escape")
    desk.wait_plugin()


def test_a_bar_moves_and_words_say_what_is_done_while_a_preview_is_computed(desk: Desk) -> None:
    window = edited(desk, method="slow", more={"seconds": 4.0})
    fractions: list[float] = []

    def moved() -> bool:
        fraction, opacity, texts = desk.look(BAR)
        previews = [text for text in texts if text.startswith("Preview: ")]
        if opacity == 1 and previews and (not fractions or fraction > fractions[-1]):
            fractions.append(fraction)
        return len(fractions) > 3

    desk.screen.until(moved, 60, "the bar does not move")
    desk.screen.shot("bar")
    wait_preview(desk, window, INVERTED, "bar")
    desk.screen.until(lambda: desk.look(BAR)[1] == 0, 60, "the bar is still there")
    desk.answer(window, "Escape")
    desk.wait_plugin()


def test_the_preview_begins_at_the_selection_and_zooms_around_it(desk: Desk) -> None:
    desk.warm()
    desk.spy("image.select_rectangle(Gimp.ChannelOps.REPLACE, 300, 200, 80, 60)")
    window = desk.open_dialog()
    x, y = desk.look(VIEW)["at"]
    shown = lambda at: at_screen(desk, "zoom", at)  # noqa: E731
    desk.screen.until(lambda: near(shown((x, y)), INVERTED), 60, "the selection is not in the middle")
    assert near(shown((x - 190, y)), COLOUR), "beside the selection"
    first = desk.look(VIEW)
    assert first["middle"] == pytest.approx([340 / 400, 230 / 300], abs=0.02)
    assert max(first["part"]) < 0.6
    desk.screen.click(*desk.look('answer = middle(button("−"))'))
    desk.screen.until(lambda: desk.look(VIEW)["width"] < first["width"], 60, "it does not become smaller")
    desk.screen.until(lambda: near(shown((x, y)), INVERTED), 60, "the selection does not stay where it is")
    desk.screen.sh(f"xdotool mousemove {x} {y}; sleep 0.2; xdotool click 4")
    desk.screen.until(lambda: desk.look(VIEW)["width"] == first["width"], 60, "the wheel does not zoom")
    desk.screen.until(lambda: near(shown((x, y)), INVERTED), 60, "the selection has left the middle")
    assert desk.look(VIEW)["middle"] == pytest.approx(first["middle"], abs=0.005), "smaller and larger again is where one was"
    desk.screen.click(*desk.look('answer = middle(button("Fit"))'))
    desk.screen.until(lambda: desk.look(VIEW)["part"] == [1, 1], 60, "all of it is not shown")
    view = desk.look(VIEW)
    corner = (round(x + view["width"] * (340 / 400 - 0.5)), round(y + view["width"] * 3 / 4 * (230 / 300 - 0.5)))
    assert (near(shown(corner), INVERTED), near(shown((x, y)), COLOUR)) == (True, True)
    desk.answer(window, "Escape")
    desk.wait_plugin()


def test_the_middle_of_the_preview_stays_however_late_the_window_is_drawn(desk: Desk) -> None:
    """Zoomed between two frames, the picture was moved before it had its new size, and what was in the middle left it."""
    desk.warm()
    desk.spy("image.select_rectangle(Gimp.ChannelOps.REPLACE, 190, 130, 80, 60)")
    window = desk.open_dialog()
    wanted = pytest.approx([230 / 400, 160 / 300], abs=0.02)
    desk.screen.until(lambda: desk.look(VIEW)["middle"] == wanted, 60, "the selection is not in the middle")
    first = desk.look(VIEW)["width"]
    smaller, larger = ["Smaller"], ["Larger"]
    for tips, width in (
        (smaller, first / 1.5),
        (larger, first),
        (smaller * 2 + larger, first / 1.5),
        (larger * 2, first * 1.5),
    ):
        desk.look(ZOOM.format(tips=tips))
        desk.screen.until(lambda width=width: abs(desk.look(VIEW)["width"] - width) < 2, 30, f"{tips} does not zoom")
        desk.screen.until(lambda: desk.look(VIEW)["middle"] == wanted, 10, f"{tips} moves the picture")
    part = desk.look(VIEW)["part"]
    desk.screen.sh(f"xdotool windowsize {window} 1120 620")
    desk.screen.until(lambda: desk.look(VIEW)["part"] != part, 30, "the area does not become smaller")
    desk.screen.until(lambda: desk.look(VIEW)["middle"] == wanted, 10, "a smaller window moves the picture")
    x, y = desk.look(VIEW)["at"]
    desk.screen.sh(f"xdotool mousemove {x} {y} mousedown 1 mousemove {x + 20} {y} mousemove {x + 60} {y + 30} mouseup 1")
    desk.screen.until(lambda: desk.look(VIEW)["middle"][0] < 0.56, 30, "dragging does not move the picture")
    dragged = pytest.approx(desk.look(VIEW)["middle"], abs=0.005)
    desk.look(ZOOM.format(tips=larger))
    desk.screen.until(lambda: desk.look(VIEW)["width"] > first * 1.9, 30, "it does not become larger")
    desk.screen.until(lambda: desk.look(VIEW)["middle"] == dragged, 10, "where the painter looks is left")
    desk.answer(window, "Escape")
    desk.wait_plugin()


def test_a_dialogue_whose_layer_is_deleted_closes_without_a_word(desk: Desk) -> None:
    desk.warm()
    desk.spy(COPY)
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "deleted")
    desk.spy("image.remove_layer(image.get_layers()[0])")
    desk.screen.gone(DIALOG)
    desk.wait_plugin()
    assert not desk.screen.windows(MESSAGE)
    assert len(desk.layers()) == 1


def at_screen(desk: Desk, name: str, at: tuple[int, int]) -> tuple[int, ...]:
    """The colour of a point of the screen."""
    with Image.open(desk.screen.shot(name)) as shot:
        colour: tuple[int, ...] = shot.convert("RGB").getpixel(at)
        return colour
