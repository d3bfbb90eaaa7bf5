# SPDX-License-Identifier: Apache-2.0
"""What a painter reads while a picture is painted, and what results are called."""

from __future__ import annotations

import pytest

from scumble.api.options import option_specs
from scumble.client.catalogue import Catalogue, Style
from scumble.client.desk.names import live_name, name_of, new_name, result_name, style_name
from scumble.client.desk.settings import Other, Settings
from scumble.client.desk.words import CHOICES, Pace, choice_text, progress_text, stage_text, summary, time_left
from scumble.client.events import Progress
from scumble.painting.request import CommonOptions


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1024 x 768, step 8 of 60, loss 1.2884", "painting"),
        ("step 8 of 60", "painting"),
        ("Gatys begins", "painting"),
        ("tile 3 of 12", "painting"),
        ("style 2 of 3: step 8 of 60", "painting style 2 of 3"),
        ("looking at the painting", "studying the style"),
        ("reading", "reading the picture"),
        ("finishing", "finishing"),
        ("", "painting"),
        ("mixing the palette", "mixing the palette"),
    ],
)
def test_the_engines_numbers_do_not_reach_the_painter(text: str, words: str) -> None:
    """Both hosts showed "step 8 of 60, loss 1.2884"."""
    assert stage_text(Progress("job", "running", 0, 0.5, text)) == words


@pytest.mark.parametrize(
    ("state", "position", "words"),
    [
        ("queued", 0, "waiting for its turn"),
        ("queued", 1, "1 picture is before yours"),
        ("queued", 4, "4 pictures are before yours"),
        ("receiving", 0, "sending the picture"),
    ],
)
def test_what_waits_says_for_what(state: str, position: int, words: str) -> None:
    assert progress_text(Progress("job", state, position, 0.0, "step 1"), 60.0) == words


def test_the_time_left_follows_the_pace_of_the_last_seconds() -> None:
    pace = Pace()
    pace.add(0.0, 100.0)
    assert pace.left(100.0) is None
    for second in range(1, 41):
        pace.add(0.01 * second, 100.0 + second)
    assert pace.left(140.0) == pytest.approx(60.0)
    assert pace.left(141.0) == pytest.approx(59.0)
    for second in range(41, 71):  # twice as fast from here on
        pace.add(0.4 + 0.02 * (second - 40) * 0.9, 100.0 + second)
    assert pace.left(170.0) == pytest.approx(0.06 / 0.018, rel=0.05)


def test_a_picture_begun_again_has_no_time_left_of_before() -> None:
    pace = Pace()
    for second in range(20):
        pace.add(0.04 * second, float(second))
    pace.add(0.0, 21.0)
    assert pace.left(21.0) is None


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (4, "a few seconds left"),
        (18, "about 20 s left"),
        (57, "about 55 s left"),
        (60, "about a minute left"),
        (240, "about 4 minutes left"),
        (7000, "about 2 hours left"),
    ],
)
def test_times_are_round(seconds: float, words: str) -> None:
    assert time_left(seconds) == words


def test_the_time_left_is_reported_where_it_is_worth_a_word() -> None:
    running = Progress("job", "running", 0, 0.5, "step 8 of 60")
    assert progress_text(running, 21.0) == "painting, about 20 s left"
    assert progress_text(running, 1.0) == progress_text(running) == "painting"


def test_a_result_is_named_by_what_differs() -> None:
    assert result_name(["The Night"], 0.7, {}) == "The Night 70 %"
    assert result_name(["A", "B", "A"], 1.0, {"brush_size": 2.0, "keep_colours": "coral"}) == (
        "A + B 100 %, brush 2, colours kept (coral)"
    )
    assert result_name(["A"], 1.0, {"brush_size": 1.0, "keep_colours": "off", "seed": 7}) == "A 100 %"


def test_names_use_titles_and_ids_of_styles_that_are_gone() -> None:
    catalogue = Catalogue((), (Style("night", 1, "The Night", None, None, None, False, (), None),), 1)
    choice = Settings("night@2", (Other("wave"),))
    assert name_of(catalogue, choice, 1.0, {}) == "The Night + wave 100 %"
    assert live_name(catalogue, choice) == "The Night + wave, live"


@pytest.mark.parametrize(
    ("path", "name"),
    [("/a/blue_harbour.jpg", "Blue harbour"), ("Starry  Night.png", "Starry Night"), ("a" * 200 + ".png", "A" + "a" * 79)],
)
def test_a_style_is_called_after_its_file(path: str, name: str) -> None:
    assert style_name(path) == name


@pytest.mark.parametrize(
    ("typed", "name"),
    [("  Fog over\tthe harbour ", "Fog over the harbour"), (" Harbour ", ""), ("  ", ""), ("a" * 200, "a" * 80)],
)
def test_a_name_that_is_typed_again_counts_where_it_changes_something(typed: str, name: str) -> None:
    assert new_name(typed, "Harbour") == name


def test_of_several_layers_it_is_reported_how_many_were_painted_and_each_mistake_once() -> None:
    assert summary(3, 3, []) == ""
    assert summary(1, 3, ["The layer is empty.", "The layer is empty."]) == "1 of 3 layers was painted. The layer is empty."
    assert summary(0, 2, ["Both are empty."]) == "None of 2 layers were painted. Both are empty."


def test_a_choice_is_reported_in_words_or_by_its_own_name() -> None:
    """A painter read "Scale: working"."""
    assert choice_text("scale", "working") == "broad, as in a small picture"
    assert choice_text("keep_colours", "luminance") == "luminance"


def test_every_choice_that_has_words_is_one_of_the_engine_s() -> None:
    specs = {spec.name: spec for spec in option_specs(CommonOptions)}
    assert specs["scale"].title != "Scale"
    for option, choice in CHOICES:
        assert choice in (specs[option].choices or ())
