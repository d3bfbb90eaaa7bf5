# SPDX-License-Identifier: Apache-2.0
"""Results that are edited in GIMP's windows: their settings, their source, the places of their styles."""

from __future__ import annotations

from hosts import gimp
from hosts.gimp_desk import DIALOG, Desk
from hosts.gimp_dialog import BLEND, INVERTED, OTHER, SECOND, SKY_ENTRY, STATUS, TILES, WHERE, press_stylize, wait_preview
from hosts.gimp_scenes import IDS, LAST, MADE, SKY, TOP, WITH_LAST_VALUES


def test_a_selected_result_is_edited_with_its_own_settings_and_replaced(desk: Desk) -> None:
    desk.warm()
    desk.remember(style="starry-night", strength=0.2)
    desk.press(gimp.AGAIN)
    assert tuple(desk.wait_layers(2)[0][1][:3]) == BLEND
    before = desk.spy(TOP)
    window = desk.open_dialog()
    wait_preview(desk, window, BLEND, "edited")
    desk.answer(window, "Return")
    desk.wait_plugin()
    assert desk.spy(TOP) != before
    assert [name for name, _ in desk.layers()] == ["The Starry Night 20 %", "picture.png"]


def test_editing_a_result_leaves_the_painters_own_settings_alone(desk: Desk) -> None:
    """The style, the method and the replacement of the edited result used to be the next layer's."""
    desk.warm()
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "own")
    desk.pick(window, TILES[1])
    press_stylize(desk, window)
    own = desk.wait_layers(2)[0][0]
    desk.remember(style="starry-night", strength=0.2, method="slow", more={"seconds": 0.1})
    desk.press(gimp.AGAIN)
    desk.wait_layers(3)
    again, before = desk.spy(LAST), desk.spy(TOP)
    window = desk.open_dialog()
    wait_preview(desk, window, BLEND, "edited-apart")
    desk.answer(window, "Return")
    desk.screen.until(lambda: desk.spy(TOP) != before, 60, "there is no new result")
    desk.wait_plugin()
    assert [name for name, _ in desk.layers()] == ["The Starry Night 20 %", own, "picture.png"]
    assert desk.spy(LAST) == again, "what Scumble Again repeats"
    desk.spy("image.set_selected_layers([image.get_layers()[2]])")
    assert desk.spy(WITH_LAST_VALUES) == ""
    names = [name for name, _ in desk.layers()]
    assert names[1:] == ["The Starry Night 20 %", own, "picture.png"], "nothing is replaced"
    assert names[0].startswith(own), "GIMP numbers a layer of the same name"


def test_a_second_style_goes_by_a_layer_that_the_result_finds_again_until_it_has_gone(desk: Desk) -> None:
    desk.warm()
    desk.spy(SKY)
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "gallery")
    desk.pick(window, TILES[0])
    for unfolded, entry in ((OTHER, SECOND), (WHERE, SKY_ENTRY)):
        desk.unfold(window, unfolded)
        desk.screen.shot("unfolded")
        desk.unfold(window, entry)
    wait_preview(desk, window, INVERTED, "second")
    press_stylize(desk, window)
    names = [name for name, _ in desk.wait_layers(3)]
    second = desk.styles()[1]
    assert names == ["Sky", f"Test style + {second.title} 100 %", "picture.png"]
    (made,) = desk.spy(MADE)
    assert (made["style"], made["share"], made["where"]) == (f"{second.id}@{second.revision}", 1.0, "layer:Sky")
    desk.step("ctrl+z")
    assert [name for name, _ in desk.layers()] == ["Sky", "picture.png"]
    desk.step("ctrl+y")

    desk.spy('image.get_layer_by_name("Sky").set_name("Clouds")')
    desk.spy(MADE)
    before = desk.spy(IDS)
    window = desk.open_dialog()
    wait_preview(desk, window, INVERTED, "second-edited")
    desk.answer(window, "Return")
    desk.screen.until(lambda: desk.spy(IDS) != before, 60, "there is no new result")
    desk.wait_plugin()
    assert [name for name, _ in desk.layers()] == ["Clouds", *names[1:]]
    assert desk.spy(MADE)[0]["where"] == "layer:Clouds", "it is the same layer by another name"

    desk.spy('image.remove_layer(image.get_layer_by_name("Clouds"))')
    desk.spy(MADE)
    before = desk.document()
    window = desk.open_dialog()
    desk.screen.until(lambda: desk.brightest("second-gone", window, *STATUS) > 200, 60, "the status line stays empty")
    desk.screen.focus(window)
    desk.screen.key("Return")
    desk.screen.sh("sleep 1")
    assert desk.screen.windows(DIALOG), "there is nothing to stylize with"
    desk.answer(window, "Escape")
    desk.wait_plugin()
    assert desk.document() == before
