# SPDX-License-Identifier: Apache-2.0
"""A batch and an engine that is busy with other people's pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from scumble.cli import connect
from scumble.cli.inputs import Task
from scumble.cli.stylize import Job, stylize_one
from scumble.client.blocking import Finished
from scumble.client.errors import EngineError
from scumble.client.events import Rejected
from scumble.client.raster import Raster

JOB = Job([("night", 1.0)], "invert", 1.0, {})


class Busy:
    """An engine that takes a picture when it is asked for the n-th time."""

    def __init__(self, times: int, retry_after: float | None = 0.5) -> None:
        self.asked, self.times, self.retry_after = 0, times, retry_after

    def stylize(self, raster: Raster, **_: Any) -> Finished:
        self.asked += 1
        if self.asked < self.times:
            raise Rejected("j", "busy", "The engine is busy.", "Wait.", self.retry_after).error()
        return Finished(raster, ("night@1",), 0.1, "cpu")


@pytest.fixture
def task(tmp_path: Path) -> Task:
    Image.new("RGB", (4, 3)).save(tmp_path / "in.png")
    return Task(tmp_path / "in.png", tmp_path / "out.png")


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    return pauses


def test_a_picture_for_which_there_is_no_room_now_is_handed_in_again_after_the_pause_the_engine_names(
    task: Task, slept: list[float]
) -> None:
    """It used to end the whole batch."""
    engine: Any = Busy(3)
    assert stylize_one(engine, task, JOB)["styles"] == ["night@1"]
    assert slept == [0.5, 0.5]
    assert task.target.exists()


def test_patience_has_an_end(task: Task, slept: list[float]) -> None:
    engine: Any = Busy(1000)
    with pytest.raises(EngineError) as e:
        stylize_one(engine, task, JOB)
    assert e.value.code == "busy"
    assert engine.asked == connect.TRIES


def test_what_will_never_be_granted_is_not_asked_again(task: Task, slept: list[float]) -> None:
    engine: Any = Busy(1000, retry_after=None)
    with pytest.raises(EngineError):
        stylize_one(engine, task, JOB)
    assert (engine.asked, slept) == (1, [])
