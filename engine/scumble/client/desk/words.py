# SPDX-License-Identifier: Apache-2.0
"""Words for a painter: how far a painting is ("painting, about 20 s left"), and what an option's choices mean.

Invariant: no step numbers, sizes or losses reach the painter, whatever the engine's methods say of themselves.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Sequence

from ..events import Progress

WINDOW = 20.0
"""Seconds over which the pace is measured."""
LEAST_SECONDS, LEAST_FRACTION = 2.0, 0.01
"""Seconds and progress that must have passed before a time is named."""
SHORT = 3.0
"""Seconds left that are not worth a word."""

_PLAIN = (
    (re.compile(r"^reading"), "reading the picture"),
    (re.compile(r"^finishing"), "finishing"),
    (re.compile(r"looking at the painting"), "studying the style"),
    (re.compile(r"looking at"), "studying the picture"),
    (re.compile(r"^(style \d+ of \d+):"), ""),
    (re.compile(r"\d|begins$|^$"), "painting"),
)


CHOICES = {
    ("scale", "working"): "broad, as in a small picture",
    ("scale", "full"): "fine, at every pixel",
}


def choice_text(option: str, choice: str) -> str:
    """A choice of the option of that name as a painter reads it; its own name where there is nothing plainer."""
    return CHOICES.get((option, choice), choice)


class Pace:
    """Estimates the time left of one painting from the fractions reported so far."""

    def __init__(self) -> None:
        self._reports: deque[tuple[float, float]] = deque()

    def add(self, fraction: float, now: float | None = None) -> None:
        """Note that `fraction`, in [0, 1], was reached at time.monotonic `now`."""
        now = time.monotonic() if now is None else now
        if self._reports and fraction < self._reports[-1][1]:  # the engine has started over
            self._reports.clear()
        self._reports.append((now, fraction))
        while len(self._reports) > 2 and now - self._reports[1][0] >= WINDOW:
            self._reports.popleft()

    def left(self, now: float | None = None) -> float | None:
        """Seconds until it is done; None where too little time has passed."""
        if len(self._reports) < 2:
            return None
        (began, first), (last, fraction) = self._reports[0], self._reports[-1]
        if last - began < LEAST_SECONDS or fraction - first < LEAST_FRACTION:
            return None
        ends = last + (1 - fraction) * (last - began) / (fraction - first)
        return max(0.0, ends - (time.monotonic() if now is None else now))


def stage_text(progress: Progress) -> str:
    """What the engine is doing with the picture, in a few words."""
    if progress.state == "queued":
        if not progress.position:
            return "waiting for its turn"
        return "1 picture is before yours" if progress.position == 1 else f"{progress.position} pictures are before yours"
    if progress.state == "receiving":
        return "sending the picture"
    text = progress.text.strip()
    for pattern, words in _PLAIN:
        match = pattern.search(text)
        if match:
            return words or f"painting {match.group(1)}"
    return text


def summary(painted: int, total: int, mistakes: Sequence[str]) -> str:
    """A sentence about several layers: how many were painted, and why others were not; empty where none failed."""
    if not mistakes:
        return ""
    verb = "was" if painted == 1 else "were"
    return " ".join([f"{painted or 'None'} of {total} layers {verb} painted.", *dict.fromkeys(mistakes)])


def progress_text(progress: Progress, left: float | None = None) -> str:
    """`stage_text`, with the time `left` (seconds) where it is known and long enough to be named."""
    words = stage_text(progress)
    if progress.state == "running" and left is not None and left >= SHORT:
        return f"{words}, {time_left(left)}"
    return words


def time_left(seconds: float) -> str:
    """ "about 20 s left", "about 4 minutes left"."""
    if seconds < 10:
        return "a few seconds left"
    if seconds < 57.5:
        return f"about {5 * round(seconds / 5)} s left"
    minutes = round(seconds / 60)
    if minutes < 2:
        return "about a minute left"
    if minutes < 90:
        return f"about {minutes} minutes left"
    return f"about {round(minutes / 60)} hours left"
