# SPDX-License-Identifier: Apache-2.0
"""Several styles in a row in the dialogue of the real GIMP: a strip to choose from, compared with the layer, applied,
discarded."""

from __future__ import annotations

from typing import Any

from hosts import alike
from hosts.gimp_desk import DIALOG, Desk
from hosts.gimp_dialog import BLEND, COLOUR, INVERTED, PREVIEW, TILES, jobs_finished, near, wait_preview
from scumble.client.desk.labels import APPLY, DISCARD, NEXT, ORIGINAL, PREVIOUS

STRIP = """
pictures = shown("RadioButton")
answer = [[one.get_tooltip_text(), one.get_active()] for one in sorted(pictures, key=lambda one: middle(one)[0])]
"""
BUTTONS = f"""
buttons = [one for one in shown("Button") if one.get_label() in {(PREVIOUS, NEXT, ORIGINAL, APPLY, DISCARD)!r}]
answer = [one.get_label() for one in sorted(buttons, key=lambda one: middle(one)[0])]
"""
BRUSH = 'answer = middle(beside("Brush size", "SpinButton"))'
STRENGTH = 'beside("Strength (%)", "SpinButton").{}'


def push(desk: Desk, label: str) -> None:
    desk.push(f"answer = middle(button({label!r}))")


def strip(desk: Desk) -> Any:
    """The titles in the strip, and which of them is shown; none where there is no strip."""
    return desk.look(STRIP)


def two_tried(desk: Desk) -> tuple[str, list[str]]:
    """The dialogue with two styles that were tried, the second of them shown, at 80 % of its strength; their titles."""
    desk.warm()
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "strip")
    assert strip(desk) == [], "there is nothing to choose from yet"
    desk.pick(window, TILES[1])
    desk.screen.until(lambda: len(strip(desk)) == 2, 60, "there is no strip")
    finished = jobs_finished(desk)
    desk.look(STRENGTH.format("set_value(20)"))
    titles = ["Test style 100 %", f"{desk.styles()[1].title} 20 %"]
    desk.screen.until(lambda: strip(desk) == [[titles[0], False], [titles[1], True]], 30, "the slider makes another try")
    wait_preview(desk, window, BLEND, "strip-weaker")
    assert jobs_finished(desk) == finished, "a strength that mixes pixels makes no job"
    return window, titles


def test_a_strip_goes_back_and_forth_without_a_job_and_takes_all_settings_up(desk: Desk) -> None:
    desk.warm()
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "before-the-strip")
    before = (desk.screen.place(window)[2:], desk.look(BRUSH))
    desk.answer(window, "Escape")
    window, titles = two_tried(desk)
    after = (desk.screen.place(window)[2:], desk.look(BRUSH))
    assert after == before, "the controls do not move under the pointer"
    assert desk.look(BUTTONS) == alike.STRIP
    wait_preview(desk, window, BLEND, "strip")
    finished = jobs_finished(desk)
    push(desk, PREVIOUS)
    wait_preview(desk, window, INVERTED, "strip-previous")
    assert strip(desk) == [[titles[0], True], [titles[1], False]]
    assert desk.look(f"answer = {STRENGTH.format('get_value()')}") == 100
    push(desk, PREVIOUS)  # around the end
    wait_preview(desk, window, BLEND, "strip-around")
    desk.push('answer = middle(shown("RadioButton")[0])')
    wait_preview(desk, window, INVERTED, "strip-clicked")
    push(desk, NEXT)
    wait_preview(desk, window, BLEND, "strip-next")
    assert desk.look(f"answer = {STRENGTH.format('get_value()')}") == 20
    assert jobs_finished(desk) == finished
    desk.answer(window, "Escape")
    desk.wait_plugin()


def test_the_layer_is_seen_as_long_as_the_button_is_held(desk: Desk) -> None:
    window, _ = two_tried(desk)
    x, y = desk.look(f"answer = middle(button({ORIGINAL!r}))")
    desk.screen.sh(f"xdotool mousemove {x} {y}; sleep 0.2; xdotool mousedown 1; sleep 0.5")
    held = desk.colour("held", window, PREVIEW)
    desk.screen.sh("xdotool mouseup 1; sleep 0.5")
    assert near(held, COLOUR)
    assert near(desk.colour("let-go", window, PREVIEW), BLEND)
    desk.answer(window, "Escape")
    desk.wait_plugin()


def test_what_is_shown_is_applied(desk: Desk) -> None:
    window, titles = two_tried(desk)
    push(desk, PREVIOUS)
    wait_preview(desk, window, INVERTED, "strip-apply")

    def apply() -> None:
        if desk.screen.windows(DIALOG):
            push(desk, APPLY)

    desk.insist(apply, lambda: not desk.screen.windows(DIALOG), "it is not applied")
    assert desk.wait_layers(2)[0] == (titles[0], bytes((*INVERTED, 255)))


def test_discarding_leaves_what_is_shown(desk: Desk) -> None:
    window, titles = two_tried(desk)
    push(desk, DISCARD)
    desk.screen.until(lambda: strip(desk) == [], 30, "the strip stays")
    assert near(desk.colour("discarded", window, PREVIEW), BLEND)
    desk.pick(window, TILES[0])
    shown = [[titles[1], False], ["Test style 20 %", True]]
    desk.screen.until(lambda: strip(desk) == shown, 30, "what was shown is not the first of the next strip")
    desk.answer(window, "Escape")
    desk.wait_plugin()
    assert len(desk.layers()) == 1
