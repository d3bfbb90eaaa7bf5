# SPDX-License-Identifier: Apache-2.0
"""The preview of the GIMP plug-in without GIMP: which jobs it asks for, and what it shows."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest


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


class Desk:
    """A previewer with all that it is given."""

    def __init__(self, plugin: SimpleNamespace, catalogue: object, monkeypatch: pytest.MonkeyPatch) -> None:
        self.plugin, self.catalogue, self.session = plugin, catalogue, Recorder()
        self.shown: list[tuple[object, float]] = []
        self.copies: list[int] = []
        self.messages: list[str] = []
        self.tried: list[Any] = []
        self.masks: Any = None
        self.clock = 100.0
        self.original = sys.modules["scumble_client.raster"].Raster(1, 1, "u8", "rgba", bytes(4))
        monkeypatch.setattr(plugin.preview.time, "monotonic", lambda: self.clock)
        self.previewer = plugin.preview.Previewer(
            self.session,
            lambda side: self.copies.append(side) or self.original,
            lambda settings, copy: self.masks,
            lambda original: None,
            lambda raster, share: self.shown.append((raster, share)),
            self.messages.append,
            self.tried.append,
        )

    def want(self, **settings: object) -> None:
        chosen = self.plugin.settings.Settings("waves", **settings)
        self.previewer.want(self.plugin.engine.choose(self.catalogue, chosen), chosen)

    def rest(self) -> None:
        self.clock += 1
        self.previewer.tick()

    def done(self, job: str, seconds: float = 0.1) -> None:
        events = sys.modules["scumble_client.events"]
        self.previewer.handle(events.Done(job, self.original, ("waves@1",), seconds, "cpu"))


@pytest.fixture
def desk(plugin: SimpleNamespace, catalogue: object, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(plugin, catalogue, monkeypatch)


def test_the_preview_runs_one_job_at_a_time_and_shows_only_the_newest(desk: Desk) -> None:
    desk.want(brush_size=1.5)
    desk.previewer.tick()
    assert desk.session.submitted == [], "the controls have only just moved"
    desk.rest()
    desk.want(brush_size=1.6)
    desk.want(brush_size=1.7)
    desk.rest()
    assert len(desk.session.submitted) == 1, "the first job has not ended yet"
    assert desk.session.cancelled[0] == "job1"
    desk.done("job1")
    assert desk.shown == [], "what is not wanted any more is not shown"
    desk.rest()
    assert [request.options["brush_size"] for request in desk.session.submitted] == [1.5, 1.7]
    desk.done("job2")
    assert desk.shown == [(desk.original, 1.0)]
    desk.want(brush_size=3.0)
    desk.rest()
    assert desk.copies == [1024], "the engine itself paints fewer pixels for broader strokes"
    desk.done("job3")
    desk.want(brush_size=0.5)
    desk.rest()
    assert desk.copies == [1024, 2048], "finer strokes need more pixels"


def test_a_strength_that_mixes_pixels_costs_no_job(desk: Desk) -> None:
    """Each step of the slider used to be painted again."""
    desk.want(strength=0.5)
    desk.rest()
    assert desk.session.submitted[0].strength == 1.0
    desk.want(strength=0.4)
    desk.done("job1")
    assert desk.shown == [(desk.original, 0.4)], "what was moved while it was painted counts"
    desk.want(strength=0.9)
    desk.rest()
    assert desk.shown[-1] == (desk.original, 0.9)
    assert (len(desk.session.submitted), desk.session.cancelled) == (1, [])


def test_a_method_that_paints_weaker_by_itself_is_asked_again(desk: Desk) -> None:
    methods = tuple(replace(m, capabilities={"strength": True}) for m in desk.catalogue.methods)
    desk.catalogue = replace(desk.catalogue, methods=methods)
    for strength in (0.5, 0.6):
        desk.want(strength=strength)
        desk.rest()
        desk.done(f"job{len(desk.session.submitted)}")
    assert [request.strength for request in desk.session.submitted] == [0.5, 0.6]
    assert [share for _, share in desk.shown] == [1.0, 1.0]


def test_going_back_to_what_was_shown_costs_no_job_and_is_reported_as_tried(desk: Desk) -> None:
    for brush in (1.0, 2.0, 1.0):
        desk.want(brush_size=brush)
        desk.rest()
        if len(desk.session.submitted) > len(desk.tried):
            desk.done(f"job{len(desk.session.submitted)}")
    assert len(desk.session.submitted) == 2
    assert [tried.settings.brush_size for tried in desk.tried] == [1.0, 2.0, 1.0]
    assert len({tried.key for tried in desk.tried}) == 1, "another brush makes no other try"
    desk.previewer.forget()
    desk.want(brush_size=2.0)
    desk.rest()
    assert len(desk.session.submitted) == 3


def test_only_so_many_pictures_are_kept(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.plugin.preview, "KEPT", 2 * 8)  # two pictures of a pixel, with their originals
    for brush in (1.0, 2.0, 3.0, 2.0, 1.0):
        desk.want(brush_size=brush)
        desk.rest()
        if len(desk.session.submitted) > len(desk.tried):
            desk.done(f"job{len(desk.session.submitted)}")
    assert [request.options.get("brush_size", 1.0) for request in desk.session.submitted] == [1.0, 2.0, 3.0, 1.0]


def test_what_was_tried_has_the_strength_that_was_chosen(desk: Desk) -> None:
    desk.want(strength=0.5)
    desk.rest()
    desk.done("job1")
    desk.want(strength=0.2)
    assert [(tried.settings.strength, tried.share) for tried in desk.tried] == [(0.5, 0.5), (0.2, 0.2)]


def test_going_back_paints_again_where_another_part_is_selected_by_now(desk: Desk) -> None:
    masks = sys.modules["scumble_client.raster"].Masks
    for number, selected in enumerate((bytes(1), bytes(1), b"\xff"), 1):
        desk.masks = masks(1, 1, 1, "u8", selected)
        desk.want(brush_size=1.0)
        desk.rest()
        if number != 2:
            desk.done(f"job{len(desk.session.submitted)}")
        desk.want(brush_size=3.0)
        desk.rest()
        if number != 2:
            desk.done(f"job{len(desk.session.submitted)}")
    assert [request.options.get("brush_size", 1.0) for request in desk.session.submitted] == [1.0, 3.0, 1.0, 3.0]


def test_a_job_that_was_given_up_says_nothing_of_what_came_back(desk: Desk) -> None:
    desk.want(brush_size=1.0)
    desk.rest()
    desk.done("job1")
    desk.want(brush_size=2.0)
    desk.rest()
    desk.want(brush_size=1.0)
    assert desk.session.cancelled == ["job2"]
    desk.done("job2")
    assert [tried.settings.brush_size for tried in desk.tried] == [1.0, 1.0]
    desk.want(brush_size=1.0)
    desk.rest()
    assert len(desk.session.submitted) == 2, "it is still shown"


def test_progress_is_reported_in_a_painters_words(desk: Desk) -> None:
    events = sys.modules["scumble_client.events"]
    desk.want()
    desk.rest()
    desk.previewer.handle(events.Progress("job1", "running", 0, 0.1, "step 8 of 60, loss 1.2884"))
    assert desk.messages[-1] == "Preview: painting"


def test_a_timed_preview_says_what_a_pixel_takes(desk: Desk) -> None:
    desk.want(brush_size=0.5)
    desk.rest()
    desk.done("job1", 8.0)
    assert desk.previewer.paces == {"johnson": 2.0}
