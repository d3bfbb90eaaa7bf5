# SPDX-License-Identifier: Apache-2.0
"""The contact sheet of the GIMP plug-in without GIMP: which pictures it asks for, in which order, and which not again."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest


class Sheet:
    """A `Trying` with all that it is given."""

    def __init__(self, plugin: SimpleNamespace, catalogue: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.settings = plugin.settings.Settings
        (johnson, gatys), (waves, *others) = catalogue.methods, catalogue.styles
        deep = replace(gatys, capabilities={"iterative": True})
        night = replace(waves, id="night", title="Night", methods=("johnson",))
        self.catalogue = replace(catalogue, methods=(johnson, deep), styles=(waves, night, *others))
        self.submitted: list[Any] = []
        self.cancelled: list[str] = []
        self.shown: list[str] = []
        self.messages: list[str] = []
        self.copies: list[int] = []
        self.clock = 100.0
        self.original = sys.modules["scumble_client.raster"].Raster(1, 1, "u8", "rgba", bytes(4))
        monkeypatch.setattr(plugin.trying.time, "monotonic", lambda: self.clock)
        self.trying = plugin.trying.Trying(
            self,
            lambda side: self.copies.append(side) or self.original,
            lambda settings, copy: None,
            lambda style, raster: self.shown.append(style),
            self.messages.append,
        )

    def submit(self, request: Any) -> str:
        self.submitted.append(request)
        return f"job{len(self.submitted)}"

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)

    def want(self, style: str = "waves", **settings: Any) -> None:
        self.trying.want(self.catalogue, self.settings(style, **settings))

    def tick(self, busy: bool = False) -> None:
        self.clock += 1
        self.trying.tick(busy)

    def done(self, job: str = "") -> None:
        events = sys.modules["scumble_client.events"]
        job = job or f"job{len(self.submitted)}"
        styles = (self.pinned(self.submitted[int(job[3:]) - 1].styles[0][0]),)
        self.trying.handle(events.Done(job, self.original, styles, 0.1, "cpu"))

    def all(self) -> None:
        while self.trying.left:
            self.tick()
            self.done()

    def pinned(self, id: str) -> str:
        return next(f"{style.id}@{style.revision}" for style in self.catalogue.styles if style.id == id)

    def asked(self) -> list[str]:
        return [request.styles[0][0] for request in self.submitted]


@pytest.fixture
def sheet(plugin: SimpleNamespace, catalogue: Any, monkeypatch: pytest.MonkeyPatch) -> Sheet:
    return Sheet(plugin, catalogue, monkeypatch)


def test_every_style_that_is_quick_is_painted_small_and_alone_one_after_another(sheet: Sheet) -> None:
    other = sys.modules["settings"].Other("night")
    sheet.want(others=(other,), strength=0.5)
    sheet.tick()
    sheet.tick()
    assert len(sheet.submitted) == 1
    assert sheet.messages[-1] == "Every style on this layer: 2 more to come…"
    sheet.done()
    assert (sheet.shown, sheet.trying.fraction) == ([sheet.pinned("waves")], 0.5)
    sheet.all()
    assert [(r.styles, r.method, r.strength) for r in sheet.submitted] == [
        ((("waves", 1.0),), "johnson", 0.5),
        ((("night", 1.0),), "johnson", 0.5),
    ], "harbour can only be painted step by step, barn not at all"
    assert (sheet.copies, sheet.messages[-1]) == ([256], "")


def test_the_preview_goes_first_and_what_was_given_up_comes_again(sheet: Sheet) -> None:
    sheet.want()
    sheet.tick()
    sheet.tick(busy=True)
    assert sheet.cancelled == ["job1"]
    sheet.done("job1")
    assert sheet.shown == [], "what has been given up is not shown"
    sheet.tick(busy=True)
    assert len(sheet.submitted) == 1
    sheet.all()
    assert sheet.asked() == ["waves", "waves", "night"]


def test_choosing_a_style_paints_nothing_again_and_a_new_style_is_painted_alone(sheet: Sheet) -> None:
    sheet.want()
    sheet.all()
    sheet.want("night", method="johnson")
    sheet.trying.stop()
    sheet.want("night")
    assert sheet.trying.left == 0
    dawn = replace(sheet.catalogue.styles[0], id="dawn")
    sheet.catalogue = replace(sheet.catalogue, styles=(*sheet.catalogue.styles, dawn))
    sheet.want("night")
    sheet.all()
    assert sheet.asked() == ["waves", "night", "dawn"]


def test_a_style_with_a_new_revision_is_painted_again_alone(sheet: Sheet) -> None:
    """The sheet went by the id: it showed what a style had painted before it was refined, until the settings changed."""
    sheet.want()
    sheet.all()
    waves, *others = sheet.catalogue.styles
    sheet.catalogue = replace(sheet.catalogue, styles=(replace(waves, revision=waves.revision + 1), *others))
    sheet.want()
    assert sheet.trying.left == 1
    sheet.all()
    assert sheet.asked() == ["waves", "night", "waves"]
    assert sheet.shown[-1] == f"waves@{waves.revision + 1}"
    sheet.want()
    assert sheet.trying.left == 0


def test_other_settings_paint_the_sheet_again_once_they_rest(sheet: Sheet) -> None:
    sheet.want()
    sheet.tick()
    for strength in (0.9, 0.8, 0.7):
        sheet.want(strength=strength)
        sheet.trying.tick(False)
    assert sheet.cancelled == ["job1"]
    sheet.all()
    assert [request.strength for request in sheet.submitted] == [1.0, 0.7, 0.7]


def test_a_style_that_fails_by_itself_leaves_the_others_their_turn(sheet: Sheet) -> None:
    sheet.want()
    sheet.tick()
    left = sheet.trying.left
    sheet.trying.handle(sys.modules["scumble_client.events"].Failed("job1", "weights-corrupt", "It is damaged.", ""))
    assert (sheet.trying.left, sheet.messages[-1]) == (left - 1, "It is damaged.")
    sheet.tick()
    assert len(sheet.submitted) == 2


def test_a_picture_that_fails_ends_the_sheet_with_a_word(sheet: Sheet) -> None:
    sheet.want()
    sheet.tick()
    sheet.trying.handle(sys.modules["scumble_client.events"].Failed("job1", "no-memory", "There is no room.", ""))
    assert (sheet.trying.left, sheet.messages[-1]) == (0, "There is no room.")
    sheet.tick()
    assert len(sheet.submitted) == 1
