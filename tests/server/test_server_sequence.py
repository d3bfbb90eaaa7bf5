# SPDX-License-Identifier: Apache-2.0
"""Frames of an animation in the worker: carried on one from another, or not, and then the painter reads why."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from scumble.server import sequence
from scumble.server.sequence import Sequence

ONE, OTHER = "1" * 32, "2" * 32


def grey(value: int, side: int = 24) -> np.ndarray:
    pixels = np.full((side, side, 4), value, np.uint8)
    pixels[..., 3] = 255
    return pixels


def settle(frames: Sequence, value: int, name: str = ONE, side: int = 24) -> tuple[int, str]:
    """A frame that shows the same as ever, painted in one grey; how it is shown, and the remark."""
    out = grey(value, side)
    remark = frames.settle(name, grey(90, side), out, "srgb", lambda: False)
    assert np.ptp(out[..., :3]) == 0
    return int(out[0, 0, 0]), remark


def test_a_frame_is_carried_on_from_the_one_before() -> None:
    frames = Sequence()
    assert settle(frames, 100) == (100, "")
    assert settle(frames, 120) == (104, "")


def test_another_sequence_or_size_begins_again_and_takes_the_place_of_the_first() -> None:
    frames = Sequence()
    settle(frames, 100)
    assert settle(frames, 120, OTHER)[0] == 120
    assert settle(frames, 130)[0] == 130
    assert settle(frames, 140, side=30)[0] == 140
    frames.forget()
    assert settle(frames, 150, side=30)[0] == 150


def test_without_opencv_each_frame_is_its_own_and_the_painter_reads_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    frames = Sequence()
    for value in (100, 120):
        shown, remark = settle(frames, value)
        assert shown == value
        assert "OpenCV" in remark
        assert 'pip install "scumble[video]"' in remark


def test_where_memory_would_not_suffice_it_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel would end the worker, and nobody could say why."""
    frames = Sequence()
    settle(frames, 100)
    free = SimpleNamespace(available=24 * 24 * sequence.BYTES - 1)
    with monkeypatch.context() as short:
        short.setattr(sequence.psutil, "virtual_memory", lambda: free)
        shown, remark = settle(frames, 120)
    assert (shown, remark) == (120, "Memory did not suffice to keep the frames from flickering.")
    assert settle(frames, 130) == (130, ""), "it starts over"
    assert settle(frames, 120) == (128, "")


@pytest.mark.parametrize("error", [MemoryError(), cv2.error("(-4:Insufficient memory) Failed to allocate 1 bytes")])
def test_where_memory_ends_on_the_way_the_frame_is_the_methods(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error

    frames = Sequence()
    settle(frames, 100)
    with monkeypatch.context() as short:
        short.setattr("scumble.video.steady.warped", fail)
        short.setattr("scumble.video.steady.is_cut", fail)
        assert settle(frames, 120) == (120, "Memory did not suffice to keep the frames from flickering.")


def test_a_bug_costs_no_frame_and_is_not_taken_for_a_lack_of_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A finished painting was thrown away, and the method blamed."""
    frames = Sequence()
    settle(frames, 100)
    monkeypatch.setattr("scumble.video.steady.is_cut", lambda *_: 1 / 0)
    shown, remark = settle(frames, 120)
    assert (shown, "the engine's log" in remark) == (120, True)
    assert "ZeroDivisionError" in caplog.text


def test_a_frame_that_is_given_up_is_as_it_was_and_the_next_follows_the_one_before_it() -> None:
    frames = Sequence()
    settle(frames, 100)
    asked = 0

    def later() -> bool:
        nonlocal asked
        asked += 1
        return asked > 5

    out = grey(200)
    assert frames.settle(ONE, grey(90), out, "srgb", later) == ""
    assert asked == 6
    assert (out == grey(200)).all()
    assert settle(frames, 120) == (104, "")
