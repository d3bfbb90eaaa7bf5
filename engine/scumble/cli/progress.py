# SPDX-License-Identifier: Apache-2.0
"""What is shown while pictures are painted: a bar on a terminal, and how long the rest of them will take.

Invariant: where stderr is no terminal, nothing is written but whole lines.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from scumble.cli.say import ERR, counted, note, printable
from scumble.cli.signals import pausing

Show = Callable[[float, str], None]
"""Takes the share of a picture that is done, and what is being done."""

RECENT = 20
"""Pictures whose mean time is taken for that of the rest."""


class Pace:
    """How long pictures take. `total` are to be painted; pauses do not count."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._paused = 0.0
        self._began = time.monotonic()

    def begin(self) -> None:
        """A picture begins."""
        self._began, self._paused = time.monotonic(), 0.0

    def pause(self, seconds: float) -> None:
        """The picture at hand stood still for so long."""
        self._paused += seconds

    def end(self) -> None:
        """A picture is done, or has failed."""
        self._left -= 1
        self._recent.append(max(0.0, time.monotonic() - self._began - self._paused))

    def left(self) -> str:
        """How long the rest will take, in words; "" where nothing is left, or nothing has been timed yet."""
        if not self._recent or self._left <= 0:
            return ""
        return f"about {duration(self._left * sum(self._recent) / len(self._recent))} left"


def duration(seconds: float) -> str:
    """ "5 s", "12 min", "3 h 20 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


class Watch:
    """Follows a batch of `total` pictures, one at a time."""

    def __init__(self, total: int) -> None:
        self.total, self.pace = total, Pace(total)
        self._bar: Progress | None = None

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Show the bar, on a terminal. Ctrl-Z takes it away while the command stands still."""
        if ERR.is_terminal:
            name, text = (TextColumn(f"{{task.{field}}}", markup=False) for field in ("description", "fields[text]"))
            self._bar = Progress(name, BarColumn(), text, TimeElapsedColumn(), console=ERR, transient=True)
            self._bar.start()
        stopped = 0.0

        def pause() -> None:
            nonlocal stopped
            stopped = time.monotonic()
            if self._bar is not None:
                self._bar.stop()
            note("Paused; `fg` goes on.")

        def resume() -> None:
            self.pace.pause(time.monotonic() - stopped)
            if self._bar is not None:
                self._bar.start()

        try:
            with pausing(pause, resume):
                yield
        finally:
            if self._bar is not None:
                self._bar.stop()
                self._bar = None

    @contextmanager
    def picture(self, number: int, name: str) -> Iterator[Show]:
        """Follow picture `number` (from 1) of the batch; gives what takes its progress."""
        self.pace.begin()
        try:
            with self._line(number, name) as show:
                yield show
        finally:
            self.pace.end()

    @contextmanager
    def _line(self, number: int, name: str) -> Iterator[Show]:
        """The line of the bar for a picture, if there is a bar."""
        if self._bar is None:
            yield lambda fraction, text: None
            return
        bar, count, left = self._bar, f"{number}/{self.total} " if self.total > 1 else "", self.pace.left()
        line = bar.add_task(count + printable(name), total=1.0, text=left)

        def show(fraction: float, text: str) -> None:
            bar.update(line, completed=fraction, text=", ".join(filter(None, (text, left))))

        try:
            yield show
        finally:
            bar.remove_task(line)

    def place(self, number: int) -> str:
        """Where in the batch picture `number` stands, for its line: ", 3 of 200, about 5 min left"."""
        if self.total == 1:
            return ""
        return "".join(f", {part}" for part in (f"{number} of {self.total}", self.pace.left()) if part)


class Notes:
    """Says each thing once a command, with the first picture it is true of, and at the end of how many more it is."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def new(self, lines: Iterable[str]) -> list[str]:
        """The notes of a picture that no picture before it had."""
        lines = list(lines)
        for line in lines:
            self._times[line] = self._times.get(line, 0) + 1
        return [line for line in lines if self._times[line] == 1]

    def close(self) -> None:
        """Say how often each thing came again."""
        for line, times in self._times.items():
            if times > 1:
                note(f"The same of {counted(times - 1, 'other picture')}: {line}")
