# SPDX-License-Identifier: Apache-2.0
"""Which method paints a choice of styles, in every host program alike."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scumble.client.catalogue import Catalogue, Method, Option, Style
from scumble.client.desk.choosing import able, method_of, methods_for, obstacle, options_for
from scumble.client.desk.settings import Other, Settings
from scumble.client.desk.sheet import quick_method, sheet
from scumble.client.desk.shelf import matching, on_shelf, shelf, used
from scumble.client.desk.sizes import DESCENT_SIDE, preview_side
from scumble.client.errors import EngineError

BRUSH = Option("brush_size", "Brush size", "", "float", 1.0, 0.25, 4.0)


def method(id: str, *options: Option, **capabilities: bool) -> Method:
    return Method(id, id.title(), "", "", capabilities, options)


def style(id: str, *methods: str, own: bool = False) -> Style:
    return Style(id, 1, id.title(), "Van Somebody" if id == "night" else None, None, None, own, methods, None)


@pytest.fixture
def catalogue() -> Catalogue:
    methods = (
        method("johnson", BRUSH),
        method("gatys", blend=True, iterative=True),
        method("adain", blend=True),
        method("memory", blend=True),
    )
    everything = ("johnson", "gatys", "adain", "memory")
    styles = (style("night", *everything), style("wave", *everything), style("old", "johnson"), style("barn", own=True))
    return Catalogue(methods, (*styles, style("unpainted")), 1)


def ids(methods: list[Method]) -> list[str]:
    return [m.id for m in methods]


def test_the_memory_is_the_default_wherever_it_can_paint(catalogue: Catalogue) -> None:
    """The engine lists johnson first, and each host took the first: the method called the default was nobody's default."""
    assert ids(methods_for(catalogue, Settings("night@3"))) == ["memory", "johnson", "gatys", "adain"]
    assert ids(methods_for(catalogue, Settings("old"))) == ["johnson"]


def test_of_several_styles_those_methods_come_first_that_blend_in_one_pass(catalogue: Catalogue) -> None:
    both = Settings("night", (Other("wave"),))
    assert ids(methods_for(catalogue, both)) == ["memory", "adain", "gatys"]
    apart = Settings("night", (Other("wave", 1.0, "selection"),))
    assert ids(methods_for(catalogue, apart)) == ["memory", "johnson", "adain", "gatys"]


def test_the_chosen_method_paints_if_it_can(catalogue: Catalogue) -> None:
    def chosen(choice: Settings) -> str | None:
        method = method_of(catalogue, choice)
        return method.id if method else None

    assert chosen(Settings("night", method="gatys")) == "gatys"
    assert chosen(Settings("night", (Other("wave"),), method="johnson")) == "memory"
    assert chosen(Settings("barn")) is None
    assert chosen(Settings("nobody")) is None


def test_why_nothing_can_paint_several_styles_is_reported_with_the_way_out(catalogue: Catalogue) -> None:
    assert obstacle(catalogue, Settings("night", (Other("wave"),))) == ""
    assert obstacle(catalogue, Settings("old", (Other("night"),))).startswith(
        "No method can blend “Old” and “Night”. Say where"
    )
    assert "in one picture" in obstacle(catalogue, Settings("night", (Other("barn"),)))
    assert obstacle(catalogue, Settings("barn")) == obstacle(None, Settings("night")) == ""


def test_a_style_that_is_not_there_is_painted_by_nothing(catalogue: Catalogue) -> None:
    assert able(catalogue, [catalogue.styles[0], None]) == []


@pytest.mark.parametrize(
    ("value", "taken"),
    [(2.0, True), (1, True), (8.0, False), (True, False), ("2", False), (float("nan"), False), (None, False)],
)
def test_options_that_a_method_does_not_take_do_not_stop_it(catalogue: Catalogue, value: Any, taken: bool) -> None:
    given = {"brush_size": value, "steps": 300}
    assert options_for(catalogue.methods[0], given) == ({"brush_size": value} if taken else {})


def test_a_preview_has_the_strokes_of_the_result_unless_it_is_optimized_step_by_step(catalogue: Catalogue) -> None:
    """One host previewed such a method at 320 pixels and the other at 1024."""
    johnson, gatys, _, _ = catalogue.methods
    assert [preview_side(johnson, size) for size in (2.0, 1.0, 0.5)] == [1024, 1024, 2048]
    assert preview_side(gatys, 0.5) == DESCENT_SIDE


def test_a_gallery_shows_favourites_then_the_painters_own_and_keeps_those_whatever_can_paint_them(
    catalogue: Catalogue,
) -> None:
    assert [s.id for s in shelf(catalogue)] == ["barn", "night", "wave", "old"]
    assert [s.id for s in on_shelf(catalogue, "own", {"old"}, ())] == ["barn"]
    assert [s.id for s in on_shelf(catalogue, "favourites", {"old"}, ())] == ["old"]
    assert [s.id for s in on_shelf(catalogue, "recent", {"old"}, ("wave", "gone", "night"))] == ["wave", "night"]
    assert [s.id for s in shelf(catalogue, {"old"})] == ["old", "barn", "night", "wave"]


def test_styles_are_found_by_words_of_title_and_artist(catalogue: Catalogue) -> None:
    assert [s.id for s in matching(catalogue.styles, "somebody NIGHT")] == ["night"]
    assert not matching(catalogue.styles, "somebody wave")


def test_styles_used_last_come_first_and_once() -> None:
    assert used(used(used((), "a"), "b"), "a") == ("a", "b")
    assert len(used([str(n) for n in range(50)], "x")) == 12


def test_a_method_of_any_name_comes_in_the_engines_order(catalogue: Catalogue) -> None:
    others = replace(catalogue, methods=catalogue.methods[:3])
    assert ids(methods_for(others, Settings("night"))) == ["johnson", "gatys", "adain"]


def test_a_contact_sheet_has_every_style_that_one_pass_can_paint_alone_and_by_the_chosen_method(catalogue: Catalogue) -> None:
    slow = replace(catalogue, styles=(*catalogue.styles, style("slow", "gatys")))
    chosen = Settings("night", (Other("wave"),), 0.5, "adain")
    entries = sheet(slow, chosen, favourites=("wave",))
    assert [(one.style, by.id) for one, by in entries] == [("wave", "adain"), ("night", "adain"), ("old", "johnson")]
    assert {(one.others, one.strength) for one, _ in entries} == {((), 0.5)}


def test_what_is_quick_is_the_chosen_method_or_the_first_of_one_pass(catalogue: Catalogue) -> None:
    assert quick_method(catalogue, Settings("night", method="johnson")).id == "johnson"
    assert quick_method(catalogue, Settings("night", method="gatys")).id == "memory"
    with pytest.raises(EngineError) as error:
        quick_method(catalogue, Settings("barn"))
    assert error.value.code == "style-unavailable"
