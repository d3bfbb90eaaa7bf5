# SPDX-License-Identifier: Apache-2.0
"""What other signals than Ctrl-C do to a command: TERM and HUP end it as Ctrl-C does, and Ctrl-Z pauses it. Where a
picture is being improved, the first Ctrl-C keeps it.

Invariant: a command that is asked to end closes what it has open: no partial file stays, and its job is cancelled.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Ended(KeyboardInterrupt):
    """TERM or HUP has come. As a KeyboardInterrupt it takes the way of Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def name(self) -> str:
        """ "SIGTERM" or "SIGHUP"."""
        return signal.Signals(self.number).name


@contextmanager
def ending_like_ctrl_c() -> Iterator[None]:
    """Raise `Ended` where TERM or HUP comes. One that is ignored stays so (nohup), and a second one is ignored: a terminal
    that closes sends HUP twice, and must not disturb the tidying up."""

    def end(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Ended(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {n: signal.getsignal(n) for n in ENDING if signal.getsignal(n) is signal.SIG_DFL}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def keeping(tell: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Let the first Ctrl-C mean "keep what is there", which the function given says from then on, and the second interrupt as
    usual. `tell` is called at the first. Where Ctrl-C is ignored (a shell's background) it stays so."""
    asked = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        tell()

    here = threading.current_thread() is threading.main_thread()
    usual = here and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield lambda: asked
    finally:
        if usual:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def pausing(pause: Callable[[], None], resume: Callable[[], None]) -> Iterator[None]:
    """Call `pause` before Ctrl-Z (TSTP) stops the process, and `resume` when it goes on."""

    def stop(number: int, frame: FrameType | None) -> None:
        pause()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # stands still here
        signal.signal(number, stop)
        resume()

    usable = hasattr(signal, "SIGTSTP") and threading.current_thread() is threading.main_thread()
    if not usable or signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
