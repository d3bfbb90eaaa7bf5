# SPDX-License-Identifier: Apache-2.0
"""`scumble stylize --steady`: frames carry state from one to the next. The engine's answers are made up here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scumble.cli.batch import Batch
from scumble.cli.inputs import Task
from scumble.cli.stylize import Job
from scumble.client.blocking import Finished
from scumble.client.raster import Raster
from scumble.video.steady import KEPT, Steady

JOB = Job([("starry-night", 1.0)], "johnson", 1.0, {})


class Restless:
    """An engine that paints everything grey, and each time another grey: 100, 110, ..."""

    def __init__(self) -> None:
        self.grey = 90

    def stylize(self, raster: Raster, **_: Any) -> Finished:
        self.grey += 10
        data = np.full((raster.height, raster.width, 4), self.grey, np.uint8)
        return Finished(replace(raster, data=data), (), 0.0, "cpu")


def frames(folder: Path, *sizes: tuple[int, int]) -> list[Task]:
    (folder / "out").mkdir()
    tasks = []
    for i, size in enumerate(sizes):
        Image.new("RGBA", size, (50, 60, 70, 255)).save(folder / f"{i}.png")
        tasks.append(Task(folder / f"{i}.png", folder / "out" / f"{i}.png"))
    return tasks


def grey(task: Task) -> int:
    return int(np.asarray(Image.open(task.target))[5, 5, 0])


def test_a_still_scene_takes_most_of_each_frame_from_the_one_before(tmp_path: Path) -> None:
    tasks = frames(tmp_path, (12, 10), (12, 10))
    Batch(Restless(), JOB, Steady()).run(tasks)  # type: ignore[arg-type]
    assert [grey(t) for t in tasks] == [100, 100 + round(10 * (1 - KEPT))]


def test_without_the_option_every_frame_is_as_the_engine_paints_it(tmp_path: Path) -> None:
    tasks = frames(tmp_path, (12, 10), (12, 10))
    Batch(Restless(), JOB).run(tasks)  # type: ignore[arg-type]
    assert [grey(t) for t in tasks] == [100, 110]


def test_a_frame_of_another_size_is_painted_and_the_sequence_begins_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = frames(tmp_path, (12, 10), (9, 10), (9, 10))
    batch = Batch(Restless(), JOB, Steady())  # type: ignore[arg-type]
    batch.run(tasks)
    assert not any("error" in entry for entry in batch.entries)
    assert [grey(t) for t in tasks] == [100, 110, 110 + round(10 * (1 - KEPT))]
    printed = capsys.readouterr().err
    assert "1.png is of another size" in printed
    assert "2.png is of another size" not in printed
