# SPDX-License-Identifier: Apache-2.0
"""The GIMP plug-in's own sense, without GIMP: what layers remember, what scripts may say, which method is chosen."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest


def another(settings: ModuleType) -> object:
    return settings.Other("harbour@2", 0.25, "layer:Sky", 5)


def test_what_a_layer_remembers_is_what_was_chosen(plugin: SimpleNamespace) -> None:
    s = plugin.settings
    made = s.Made(s.Settings("waves@1", "johnson", 0.7, 2.0, "coral", True, {"seed": 7}, (another(s),)), 12, 13)
    assert s.made_from_text(s.made_to_text(made)) == made
    assert s.from_text(s.to_text(made.settings)) == made.settings


def test_a_quality_that_there_is_not_is_none(plugin: SimpleNamespace) -> None:
    s = plugin.settings
    assert s.from_text(s.to_text(s.Settings("waves", quality="best"))).quality == "best"
    assert s.from_text('{"version": 1, "style": "waves", "quality": "superb"}').quality == ""
    assert s.from_text('{"version": 1, "style": "waves"}').quality == "", "as older results have it"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        "null",
        '{"version": 2, "style": "waves", "source": 1, "itself": 2}',
        '{"version": 1, "strength": "0.7", "source": 1, "itself": 2}',
        '{"version": 1, "keep_colours": 1, "source": 1, "itself": 2}',
        '{"version": 1, "strength": true, "source": 1, "itself": 2}',
        '{"version": 1, "more": [], "source": 1, "itself": 2}',
        '{"version": 1, "others": [{"style": 3}], "source": 1, "itself": 2}',
    ],
)
def test_text_that_is_not_ours_is_no_settings_at_all(plugin: SimpleNamespace, text: str) -> None:
    assert plugin.settings.from_text(text) is None
    assert plugin.settings.made_from_text(text) is None


def test_a_layer_without_a_source_is_no_result(plugin: SimpleNamespace) -> None:
    assert plugin.settings.made_from_text('{"version": 1, "style": "waves"}') is None


def test_only_what_differs_from_the_engines_defaults_is_sent(plugin: SimpleNamespace) -> None:
    s = plugin.settings
    assert s.Settings().options() == {}
    assert s.Settings(brush_size=2.0, keep_colours="histogram", more={"seed": 7}).options() == {
        "brush_size": 2.0,
        "keep_colours": "histogram",
        "seed": 7,
    }


def test_the_results_name_says_what_makes_it_differ(plugin: SimpleNamespace, catalogue: object) -> None:
    s, e = plugin.settings, plugin.engine
    chosen = e.choose(catalogue, s.Settings("waves"))
    assert e.result_name(chosen, s.Settings("waves", strength=0.7)) == "Waves 70 %"
    broad = s.Settings("waves", brush_size=2.0, keep_colours="coral")
    assert e.result_name(chosen, broad) == "Waves 100 %, brush 2, colours kept (coral)"


@pytest.mark.parametrize("text", ["seed=7", "[7]", '"seed"'])
def test_options_that_are_no_json_object_are_explained(plugin: SimpleNamespace, text: str) -> None:
    with pytest.raises(plugin.settings.Mistake, match="JSON"):
        plugin.settings.further_options(text)
    assert plugin.settings.further_options(" ") == {}


def test_own_styles_come_first_and_what_nothing_can_paint_not_at_all(plugin: SimpleNamespace, catalogue: object) -> None:
    assert [style.id for style in plugin.engine.order(catalogue)] == ["harbour", "waves"]


def test_the_first_method_that_can_paint_the_style_is_chosen(plugin: SimpleNamespace, catalogue: object) -> None:
    s, e = plugin.settings, plugin.engine
    chosen = {style: e.choose(catalogue, s.Settings(style)).method.id for style in ("waves", "waves@1", "harbour")}
    assert chosen == {"waves": "johnson", "waves@1": "johnson", "harbour": "gatys"}
    assert e.choose(catalogue, s.Settings("waves", "gatys")).method.id == "gatys"
    assert e.choose(catalogue, s.Settings()).style.id == "harbour"


def test_the_ways_to_keep_colours_are_the_engines_own(plugin: SimpleNamespace, catalogue: object) -> None:
    kinds, s, e = sys.modules["scumble_client.catalogue"], plugin.settings, plugin.engine
    ways = kinds.Option("keep_colours", "Keep colours", "By what.", "choice", "off", choices=("off", "luminance", "sorcery"))
    (johnson, gatys), styles = catalogue.methods, catalogue.styles
    offered = kinds.Catalogue((replace(johnson, options=(ways,)), gatys), styles, 1)
    chosen = e.choose(offered, s.Settings("waves", keep_colours="sorcery"))
    assert e.keep_colours(chosen.method) == e.Keeping(("off", "luminance", "sorcery"), "off", "By what.")
    with pytest.raises(s.Mistake, match="“Johnson” cannot keep colours by “tone”") as caught:
        e.choose(offered, s.Settings("waves", keep_colours="tone"))
    assert (caught.value.about, "off, luminance, sorcery" in str(caught.value)) == ("keep-colours", True)
    with pytest.raises(s.Mistake, match="Choices: none"):
        e.choose(offered, s.Settings("waves", "gatys", keep_colours="luminance"))


def test_the_gallery_keeps_the_painters_own_that_nothing_can_paint(plugin: SimpleNamespace, catalogue: object) -> None:
    shelf = sys.modules["scumble_client.desk.shelf"].shelf
    assert [style.id for style in shelf(catalogue)] == ["harbour", "barn", "waves"]


@pytest.mark.parametrize(
    ("style", "method", "words"),
    [
        ("barn", "", "“Red barn” is kept among your styles, but none of the engine's methods can paint it"),
        ("barn@1", "gatys", "Install a method that takes any picture"),
        ("nothing", "", "no style called “nothing”. Styles are: harbour, waves"),
        ("untrained", "", "no style called “untrained”"),
        ("harbour", "johnson", "“johnson” cannot paint “Harbour”. Methods that can: gatys"),
    ],
)
def test_a_wrong_name_is_answered_with_the_right_ones(
    plugin: SimpleNamespace, catalogue: object, style: str, method: str, words: str
) -> None:
    with pytest.raises(plugin.settings.Mistake, match=words):
        plugin.engine.choose(catalogue, plugin.settings.Settings(style, method))


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ('{"style": "waves"}', "it is no list"),
        ('[{"stile": "waves"}]', "is no style with its share and place"),
        ('[{"style": "waves", "where": "behind"}]', "“behind” is no place"),
        ('[{"style": "waves", "share": 2}]', "2 is no share"),
    ],
)
def test_other_styles_of_a_script_that_cannot_be_read_are_explained(plugin: SimpleNamespace, others: str, words: str) -> None:
    with pytest.raises(plugin.settings.Mistake, match=words):
        plugin.settings.others_from_text(others)


def test_a_share_is_half_everywhere_and_all_in_a_place_until_it_is_chosen(plugin: SimpleNamespace) -> None:
    s = plugin.settings
    everywhere, placed = s.others_from_text('[{"style": "waves"}, {"style": "waves", "where": "selection"}]')
    assert (everywhere.share, placed.share) == (0.5, 1.0)
    assert everywhere.moved("layer:Sky").share == 1.0
    assert placed.moved("").share == 0.5
    assert s.Other("waves", 0.7).moved("selection").share == 0.7


def test_shares_are_weights_and_the_first_style_has_what_is_left(plugin: SimpleNamespace) -> None:
    s = plugin.settings
    assert s.Settings("a", others=(s.Other("b", 0.25), s.Other("c", 0.0))).weights() == (("a", 0.75), ("b", 0.25))
    assert s.Settings("a", others=(s.Other("b", 1.0),)).weights() == (("b", 1.0),)
    assert s.Settings("a", others=(s.Other("b", 0.2, "selection"),)).weights() == (("a", 1.0), ("b", 1.0))


def test_several_styles_take_a_method_that_can_and_at_once_if_one_can(plugin: SimpleNamespace, catalogue: object) -> None:
    kinds, s, e = sys.modules["scumble_client.catalogue"], plugin.settings, plugin.engine
    blend, slow = {"blend": True}, {"blend": True, "iterative": True}
    methods = [kinds.Method(id, id, "", "", can, ()) for id, can in (("johnson", {}), ("gatys", slow), ("adain", blend))]
    styles = [kinds.Style(id, 1, id, None, None, None, False, ("johnson", "gatys", "adain"), None) for id in ("waves", "night")]
    able = kinds.Catalogue(tuple(methods), tuple(styles), 1)
    chosen = e.choose(able, s.Settings("waves", others=(s.Other("night"),)))
    assert (chosen.method.id, chosen.titles, [m.id for m in chosen.able]) == ("adain", ("waves", "night"), ["adain", "gatys"])
    assert e.choose(able, s.Settings("waves", others=(s.Other("night", 1.0, "selection"),))).method.id == "johnson"
    with pytest.raises(s.Mistake, match="“johnson” cannot blend “waves” and “night”") as caught:
        e.choose(able, s.Settings("waves", "johnson", others=(s.Other("night"),)))
    assert caught.value.about == "method"
    with pytest.raises(s.Mistake, match="No method can blend") as caught:
        e.choose(kinds.Catalogue(tuple(methods[:1]), tuple(styles), 1), s.Settings("waves", others=(s.Other("night"),)))
    assert caught.value.about == "share"
    with pytest.raises(s.Mistake, match="no style called “nobody”") as caught:
        e.choose(able, s.Settings("waves", others=(s.Other("nobody"),)))
    assert caught.value.about == "others"


def test_inside_a_flatpak_a_missing_engine_is_explained_with_the_way_out(
    plugin: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = sys.modules["scumble_client.errors"].EngineError("engine-missing", "No Scumble engine was found.", "Install it.")
    assert plugin.engine.in_words(error) is error
    monkeypatch.setattr(plugin.engine, "sandboxed", lambda: True)
    assert "flatpak override --user --filesystem=xdg-run/scumble" in str(plugin.engine.in_words(error))
    assert "scumble serve" in str(plugin.engine.in_words(error))
