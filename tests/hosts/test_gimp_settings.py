# SPDX-License-Identifier: Apache-2.0
"""The GIMP plug-in's own sense, without GIMP: what layers remember, what scripts may say, which method is chosen."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest

from scumble.install import core, gimp

MODULES = ("settings", "engine", "preview")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The modules of an installed plug-in that know nothing of GIMP, by name."""
    folder = tmp_path_factory.mktemp("gimp")
    core.install(gimp.source(), gimp.given(folder), ["engine"])
    before = dict(sys.modules)
    sys.path.insert(0, str(folder / gimp.PLUGIN))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        sys.path.remove(str(folder / gimp.PLUGIN))
        for name in set(sys.modules) - set(before):
            del sys.modules[name]


@pytest.fixture
def catalogue(plugin: SimpleNamespace) -> object:
    from_client: ModuleType = sys.modules["scumble_client.catalogue"]
    methods = [from_client.Method(id, id.title(), "", f"for {id}", {"iterative": False}, ()) for id in ("johnson", "gatys")]
    styles = [
        from_client.Style("waves", 1, "Waves", None, None, None, False, ("johnson", "gatys"), None),
        from_client.Style("untrained", 1, "Untrained", None, None, None, False, (), None),
        from_client.Style("harbour", 2, "Harbour", None, None, None, True, ("gatys",), None),
        from_client.Style("barn", 1, "Red barn", None, None, None, True, (), None),
    ]
    return from_client.Catalogue(tuple(methods), tuple(styles), 1)


def another(settings: ModuleType) -> object:
    return settings.Other("harbour@2", 0.25, "layer:Sky", 5)


def test_what_a_layer_remembers_is_what_was_chosen(plugin: SimpleNamespace) -> None:
    s = plugin.settings
    made = s.Made(s.Settings("waves@1", "johnson", 0.7, 2.0, "coral", True, {"seed": 7}, (another(s),)), 12, 13)
    assert s.made_from_text(s.made_to_text(made)) == made
    assert s.from_text(s.to_text(made.settings)) == made.settings


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
    with pytest.raises(s.Mistake, match="“Johnson” cannot keep colours by “tone”") as said:
        e.choose(offered, s.Settings("waves", keep_colours="tone"))
    assert (said.value.about, "off, luminance, sorcery" in str(said.value)) == ("keep-colours", True)
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
    with pytest.raises(s.Mistake, match="“johnson” cannot blend “waves” and “night”") as said:
        e.choose(able, s.Settings("waves", "johnson", others=(s.Other("night"),)))
    assert said.value.about == "method"
    with pytest.raises(s.Mistake, match="No method can blend") as said:
        e.choose(kinds.Catalogue(tuple(methods[:1]), tuple(styles), 1), s.Settings("waves", others=(s.Other("night"),)))
    assert said.value.about == "share"
    with pytest.raises(s.Mistake, match="no style called “nobody”") as said:
        e.choose(able, s.Settings("waves", others=(s.Other("nobody"),)))
    assert said.value.about == "others"


@pytest.mark.parametrize(
    ("brush_size", "more", "words"),
    [
        (1.0, {}, ""),
        (2.0, {}, ""),
        (2.0, {"scale": "full"}, "whatever the brush size"),
        (2.0, {"scale": "working"}, ""),
    ],
)
def test_a_brush_size_without_effect_is_explained(
    plugin: SimpleNamespace, brush_size: float, more: dict[str, object], words: str
) -> None:
    said = plugin.engine.limits_of_brush(plugin.settings.Settings(brush_size=brush_size, more=more))
    assert words in said
    assert bool(said) == bool(words)


def test_inside_a_flatpak_a_missing_engine_is_explained_with_the_way_out(
    plugin: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = sys.modules["scumble_client.errors"].EngineError("engine-missing", "No Scumble engine was found.", "Install it.")
    assert plugin.engine.in_words(error) is error
    monkeypatch.setattr(plugin.engine, "sandboxed", lambda: True)
    assert "flatpak override --user --filesystem=xdg-run/scumble" in str(plugin.engine.in_words(error))
    assert "scumble serve" in str(plugin.engine.in_words(error))


class Recorder:
    """Stands in for a session: hands out job ids and writes down what it is asked."""

    def __init__(self) -> None:
        self.submitted: list[object] = []
        self.cancelled: list[str] = []

    def submit(self, request: object) -> str:
        self.submitted.append(request)
        return f"job{len(self.submitted)}"

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)


def test_the_preview_runs_one_job_at_a_time_and_shows_only_the_newest(
    plugin: SimpleNamespace, catalogue: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    events, raster = sys.modules["scumble_client.events"], sys.modules["scumble_client.raster"].Raster
    original = raster(1, 1, "u8", "rgba", bytes(4))
    session, shown, clock = Recorder(), [], [100.0]
    monkeypatch.setattr(plugin.preview.time, "monotonic", lambda: clock[0])
    copies: list[int] = []
    previewer = plugin.preview.Previewer(session, lambda side: copies.append(side) or original, shown.append, lambda text: None)

    def want(strength: float, brush_size: float = 1.0) -> None:
        settings = plugin.settings.Settings("waves", strength=strength, brush_size=brush_size)
        previewer.want(plugin.engine.choose(catalogue, settings), settings)

    def rest() -> None:
        clock[0] += 1
        previewer.tick()

    want(0.5)
    previewer.tick()
    assert session.submitted == [], "the controls have only just moved"
    rest()
    want(0.6)
    want(0.7)
    rest()
    assert len(session.submitted) == 1, "the first job has not ended yet"
    assert session.cancelled[0] == "job1"
    previewer.hear(events.Done("job1", original, ("waves@1",), 0.1, "cpu"))
    assert shown == [], "what is not wanted any more is not shown"
    rest()
    assert [request.strength for request in session.submitted] == [0.5, 0.7]
    previewer.hear(events.Done("job2", original, ("waves@1",), 0.1, "cpu"))
    assert shown == [original]
    want(0.7, brush_size=3.0)
    rest()
    assert copies == [1024], "the engine itself paints fewer pixels for broader strokes"
    previewer.hear(events.Done("job3", original, ("waves@1",), 0.1, "cpu"))
    want(0.7, brush_size=0.5)
    rest()
    assert copies == [1024, 2048], "finer strokes need more pixels"
