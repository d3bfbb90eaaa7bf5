# SPDX-License-Identifier: Apache-2.0
"""What the docker in a whole Krita says and shows: order, words and defaults as in GIMP, how long a fine brush takes, and
that a refinement rests once Krita is closed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hosts import alike, resting
from hosts.kritas import KritaUser
from hosts.reports import of
from scumble.client.desk import labels

SCENARIOS = ("window:docker", "looks:alike", "looks:wheel", "looks:fine_brush", "looks:refining")


@pytest.fixture(scope="module")
def reports(krita_user: KritaUser) -> dict[str, Any]:
    """What all scenarios report, and how busy the engine is before and after Krita is closed."""
    steering = [krita_user.host.home / "data" / name for name in ("busily", "very_slowly")]
    for file in steering:
        file.touch()
    try:
        reports = krita_user.fresh_krita().play(*SCENARIOS)
        refined = resting.comes_true(krita_user.runtime, "lighthouse@1")
        reports["open"] = {"refined": refined, "load": resting.load(krita_user.host)}
        krita_user.close()
        rests = resting.comes_true(krita_user.runtime, None)
        unfinished = resting.revision(krita_user.runtime, "lighthouse") == 1
        reports["closed"] = {"rests": rests and unfinished, "load": resting.load(krita_user.host)}
        reports |= krita_user.fresh_krita(forget=False).play("looks:remembered")
    finally:
        for file in steering:
            file.unlink()
    return reports


@of("alike")
def test_order_words_and_defaults_are_those_of_gimp(report: Any) -> None:
    """The other half is in test_gimp_looks.py. The shelves' box used to stand above the gallery here, and below it there."""
    assert {name: report[name] for name in alike.WINDOW} == alike.WINDOW
    assert report["strip"] == alike.STRIP
    assert report["slider"] > 60, "there is room to move it"
    assert report["aside"] == 0, "nothing is wider than the docker, which is as wide as Krita's own"
    assert report["levels"] == [True, True], "from top to bottom: strength, shelves, gallery"
    assert report["tabs"] == [labels.STYLES, "Settings", labels.HISTORY]


@of("wheel")
def test_the_artist_is_named(report: Any) -> None:
    assert report["by"] == "Rain, Steam and Speed, J. M. W. Turner, 1844"


@of("remembered")
def test_the_gallery_of_last_time_is_there_without_an_engine(report: Any) -> None:
    assert not report["running"]
    assert report["styles"] == report["pictured"] > 50


@of("wheel")
def test_a_turn_of_the_wheel_moves_one_thing(report: Any) -> None:
    """The gallery scrolled in a page that scrolled too: at its end the page went on, and the styles were gone. Over a box on
    that page the wheel changed what was chosen there."""
    assert report["nested"] == report["nested settings"] == []
    assert (report["turned"], report["at its end"]) == (1, 0)
    assert report["settings"] == 1, "the page of settings, which is longer than this docker"
    assert report["kept"], "nothing is chosen by the wheel"


@of("wheel")
def test_the_chosen_style_is_in_sight_whatever_the_size_of_the_docker(report: Any) -> None:
    assert report["opened"], "the last style of all, with the docker just opened"
    assert report["reached"], "by the keyboard"
    assert report["smaller"]
    assert report["rows"] > 2, "in a docker of 350 x 700 pixels"
    assert report["least"] < 420, "there is room for other dockers"


@of("wheel")
def test_the_arrow_keys_choose_a_style(report: Any) -> None:
    """They framed another style, and the one of before was painted. The scenario waits until the first one is chosen."""
    assert report["framed"] == [0]


@of("fine_brush")
def test_what_a_fine_brush_takes_is_said_before_it_is_painted(report: Any) -> None:
    """A small picture with a brush of 0.25 took 70 s without a word."""
    assert report["usual"] == []
    assert report["untimed"] == ["Strokes this fine take about 16 times as long as with 1."]
    (words,) = report["timed"]
    match = re.fullmatch(r"Strokes this fine take about (\d+) s\.", words)
    assert match, words
    assert 20 <= int(match[1]) <= 60, "sixteen times 1.5 s, and what the engine took beside"


def test_a_refinement_rests_once_krita_is_closed(reports: dict[str, Any]) -> None:
    """It went on at 60 % of a core, and the painter wondered what her computer was doing."""
    assert "Lighthouse" in reports["refining"]["progress"]
    assert reports["open"]["refined"]
    assert reports["closed"]["rests"]
    assert reports["closed"]["load"] < min(resting.MOST, reports["open"]["load"] / 2)
