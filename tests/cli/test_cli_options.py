# SPDX-License-Identifier: Apache-2.0
"""Styles, methods and options as they are typed, against a catalogue as the engine sends it."""

from __future__ import annotations

from dataclasses import replace

import click
import pytest

from scumble.cli.options import (
    choose_method,
    described,
    find_method,
    find_style,
    parse_assignments,
    parse_options,
    parse_style,
    pinned,
)
from scumble.client.catalogue import Catalogue, Method, Option, Style

STEPS = Option("steps", "Steps", "How many.", "int", 200, minimum=1, maximum=500)
WEIGHT = Option("tv_weight", "Smoothness", "How smooth.", "float", 0.1, minimum=0, unit="x")
MODE = Option("pooling", "Pooling", "Which.", "choice", "max", choices=("max", "average"))
KEEP = Option("keep_colours", "Keep colours", "Whether.", "bool", False)


def method(name: str, blend: bool, *options: Option) -> Method:
    return Method(name, name.title(), "", "", {"blend": blend}, options)


def style(name: str, *methods: str) -> Style:
    return Style(name, 1, name.title(), None, None, None, False, methods, None)


FAST = method("fast", False)
SLOW = method("slow", True, STEPS, WEIGHT, MODE, KEEP)
CATALOGUE = Catalogue((FAST, SLOW), (style("night", "fast", "slow"), style("wave", "fast", "slow"), style("own", "slow")), 1)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("night", ("night", 1.0)),
        ("night:0.25", ("night", 0.25)),
        ("night@3", ("night@3", 1.0)),
        ("night@3:2", ("night@3", 2.0)),
        ("night:0", ("night", 0.0)),
    ],
)
def test_a_style_may_carry_a_revision_and_a_weight(typed: str, meant: tuple[str, float]) -> None:
    assert parse_style(typed) == meant


@pytest.mark.parametrize("typed", ["", ":", "night:", "night:much", "night:-1", "night:nan", "night:inf", "a/b", "night@x"])
def test_what_is_no_style_is_refused(typed: str) -> None:
    with pytest.raises(click.UsageError):
        parse_style(typed)


@pytest.mark.parametrize(
    "typed", ["Night", "the NIGHT", "night", "Starry Sea: detail", "starry-sea", "starry sea, detail", "夜"]
)
def test_a_title_is_as_good_as_an_id(typed: str) -> None:
    """`--style "Starry Night"` used to be no style, though the list shows titles beside ids."""
    others = (style("starry-sea", "slow"), style("u591c", "slow"))
    titled = [replace(s, title=t) for s, t in zip(others, ("The Starry Sea: Detail", "夜"), strict=True)]
    catalogue = replace(CATALOGUE, styles=(*CATALOGUE.styles, *titled))
    name, weight = parse_style(typed + ":0.5")
    chosen = find_style(catalogue, name)
    assert weight == 0.5
    assert chosen.id == {"n": "night", "t": "night", "s": "starry-sea", "夜": "u591c"}[typed[0].lower()]
    assert pinned(chosen, parse_style(f"{typed}@3")[0]) == f"{chosen.id}@3"
    assert pinned(chosen, name) == f"{chosen.id}@1"


def test_a_title_of_several_styles_is_refused_with_their_ids() -> None:
    twice = Catalogue((), (replace(style("one"), title="Sea"), replace(style("two"), title="sea")), 1)
    with pytest.raises(click.UsageError, match="several styles: one, two"):
        find_style(twice, "Sea")


def test_styles_with_masks_need_no_method_that_blends() -> None:
    styles = [find_style(CATALOGUE, name) for name in ("night", "wave")]
    assert choose_method(CATALOGUE, styles).id == "slow"
    assert choose_method(CATALOGUE, styles, apart=True).id == "fast"


def test_an_unknown_style_is_answered_with_the_nearest() -> None:
    with pytest.raises(click.UsageError, match="Did you mean night"):
        find_style(CATALOGUE, "nigth")


def test_an_unknown_method_is_answered_with_those_there_are() -> None:
    with pytest.raises(click.UsageError, match="There are: fast, slow"):
        find_method(CATALOGUE, "x")


def test_many_styles_are_not_all_listed() -> None:
    """A name that resembles none was answered with fifty ids."""
    with pytest.raises(click.UsageError) as e:
        find_style(Catalogue((), tuple(replace(style("night"), id=f"style-{n}", title="") for n in range(50)), 1), "x")
    assert "There are 50, the first of them style-0, style-1, style-2." in e.value.message


def test_the_first_method_that_can_paint_the_style_is_chosen() -> None:
    assert choose_method(CATALOGUE, [find_style(CATALOGUE, "night")]) is FAST
    assert choose_method(CATALOGUE, [find_style(CATALOGUE, "own@2")]) is SLOW


def test_several_styles_call_for_a_method_that_blends() -> None:
    both = [find_style(CATALOGUE, "night"), find_style(CATALOGUE, "wave")]
    assert choose_method(CATALOGUE, both) is SLOW


def test_styles_that_nothing_paints_together_are_refused() -> None:
    with pytest.raises(click.UsageError, match="together"):
        choose_method(CATALOGUE, [style("a", "fast"), style("b", "fast")])
    with pytest.raises(click.UsageError, match="No method here paints a"):
        choose_method(CATALOGUE, [style("a")])


def test_options_become_what_their_kind_calls_for() -> None:
    given = parse_assignments(["steps=50", "tv-weight = 1e-2", "pooling=average", "keep-colours=yes"])
    assert parse_options(SLOW, given) == {"steps": 50, "tv_weight": 0.01, "pooling": "average", "keep_colours": True}


def test_a_value_may_contain_an_equals_sign() -> None:
    assert parse_assignments(["a=b=c"]) == {"a": "b=c"}


@pytest.mark.parametrize("typed", ["steps", "=5", " =5"])
def test_an_assignment_needs_a_name_and_an_equals_sign(typed: str) -> None:
    with pytest.raises(click.UsageError, match="name=value"):
        parse_assignments([typed])


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("steps", "1.5", "a whole number"),
        ("steps", "0", "1 to 500"),
        ("steps", "501", "1 to 500"),
        ("tv_weight", "nan", "at least 0 x"),
        ("tv_weight", "thick", "a number"),
        ("pooling", "sum", "one of max, average"),
        ("keep_colours", "maybe", "yes or no"),
        ("colour", "1", "has no option 'colour'; it has: steps"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_right(name: str, value: str, message: str) -> None:
    with pytest.raises(click.UsageError, match=message):
        parse_options(SLOW, {name: value})


def test_a_method_without_options_says_so() -> None:
    with pytest.raises(click.UsageError, match="it has: none"):
        parse_options(FAST, {"seed": "1"})


def test_ranges_are_described_in_words() -> None:
    assert [described(o) for o in (STEPS, WEIGHT, MODE, KEEP)] == [
        "1 to 500",
        "at least 0 x",
        "one of max, average",
        "yes or no",
    ]
