# SPDX-License-Identifier: Apache-2.0
"""Keeps a session connected: finds or starts the engine, connects, and connects again with growing pauses after a loss.

Invariant: both channels are open or neither counts. An engine that is merely away is reported as lost after ABSENCE
seconds, one that refuses or cannot be trusted at once, and each outage only once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .channel import Channel, Header, Identity, OpenLink
from .errors import EngineError, Silent, lost, silent
from .events import Event, Lost, Recovered, State, Welcome
from .folders import runtime_dir
from .link import wait
from .locate import CONNECTION_FILE, Connection, Launch
from .wire import Frame

ABSENCE = 5.0
"""Seconds without an engine until that is reported (docs/protocol.md, section 5)."""
START_ABSENCE = 30.0
"""The same while an engine that this session started is still on its way up: a cold disk takes its time."""
SILENCE = 10.0
"""Seconds without a message during a job, of which the engine reports every second, until the connection counts as dead."""
STALLED = 60.0
"""Seconds for which an engine may say nothing while its process lives: it has been stopped, or its machine swaps. It costs
nothing but these seconds: jobs go on once it does."""
FIRST_RETRY, LAST_RETRY = 0.05, 1.0
STEADY = 5.0
"""Seconds a connection must have held for the back-off to start over."""
RELAUNCH = 4.0
"""Seconds between two starts of an engine by one session; below ABSENCE, so that a killed one is back before it is missed."""
ONE_ENGINE = ("engine-refused", "engine-untrusted")
"""Errors that are about one engine, and not about the next one."""
NAP = 0.05
"""Seconds between two looks for the connection file of an engine on its way up."""


@dataclass(frozen=True)
class Received:
    """The events and messages that one step brought. `fresh` says that the channels have just opened."""

    events: list[Event]
    work: list[tuple[Header, list[Frame]]]
    control: list[tuple[Header, list[Frame]]]
    fresh: bool = False


class Dialer:
    """The connection of one session, over both channels; `step` keeps it going."""

    def __init__(
        self,
        find: Callable[[], Connection | None],
        identity: Identity,
        open_link: OpenLink,
        launch: Callable[[], Launch] | None,
    ) -> None:
        """`find` names the engine that runs now; `launch`, if given, starts one when something is asked of it."""
        self.welcome: Welcome | None = None
        """The engine's greeting; None while not connected."""
        self._find, self._identity, self._open_link, self._launch = find, identity, open_link, launch
        self._channels: tuple[Channel, Channel] | None = None
        self._tried: Connection | None = None
        self._launched: Launch | None = None
        self._child: Launch | None = None  # the last one started, until it has ended
        self._next_launch = 0.0
        self._next_try = 0.0
        self._retry = FIRST_RETRY
        now = time.monotonic()
        self._since = now  # when the connection opened, or the outage began
        self._last_message_at = now
        self._last_step_at = now
        self._error: EngineError | None = None
        self._reported = False

    @property
    def work(self) -> Channel:
        """Open while `welcome` is not None."""
        assert self._channels is not None
        return self._channels[0]

    @property
    def control(self) -> Channel:
        """Open while `welcome` is not None."""
        assert self._channels is not None
        return self._channels[1]

    @property
    def token(self) -> str:
        """The token of the engine that was tried last; two engines never share one."""
        return self._tried.token if self._tried is not None else ""

    def state(self) -> State:
        """The session's state as far as the dialer knows: an open connection is READY here."""
        if self.welcome is not None:
            return State.READY
        if self._reported:
            return State.LOST
        if self._channels is not None:
            return State.CONNECTING
        return State.LAUNCHING if self._is_starting() else State.SEEKING

    def step(self, budget: int, wanted: bool, waiting: bool) -> Received:
        """Go on without blocking. `wanted`: there is something to ask; `waiting`: the engine owes us its ticks."""
        now = time.monotonic()
        if not waiting or now - self._last_step_at > 1.0:  # without steps nothing was received
            self._last_message_at = now
        if self.welcome is None and self._launch is not None and not wanted:
            self._since = now  # nobody misses an engine that can be started when it is needed
        self._last_step_at = now

        events: list[Event] = []
        work: list[tuple[Header, list[Frame]]] = []
        control: list[tuple[Header, list[Frame]]] = []
        try:
            if self._channels is None and now >= self._next_try:
                self._connect(now, wanted)
            if self._channels is not None:
                control = self.control.poll(budget)
                work = self.work.poll(budget)
                if work or control:
                    self._last_message_at = now
                elif now - self._last_message_at > SILENCE:
                    raise silent(f"The engine has sent nothing for {SILENCE:.0f} s.")
                if self.welcome is None and self.control.welcome is not None:
                    events = self._opened(now)
        except EngineError as e:
            self.drop(e)

        fresh = bool(events)
        return Received([*events, *self.outage()], work, control, fresh)

    def drop(self, error: EngineError) -> None:
        """Give the connection up and try again soon."""
        now = time.monotonic()
        if self._channels is not None:
            for channel in self._channels:
                channel.close()
        if self.welcome is not None:
            if now - self._since > STEADY:
                self._retry = FIRST_RETRY
            self._since = self._last_message_at
        self._channels, self.welcome, self._error = None, None, error
        self._pause(now)

    def outage(self) -> list[Event]:
        """`Lost`, once an outage is long enough to be reported; else nothing."""
        error = self._error
        if self.welcome is not None or self._reported:
            return []
        if error is None and self._channels is not None:
            return []  # the handshake has a deadline of its own
        if error is None or error.code == "engine-lost":
            gone = time.monotonic() - self._since
            if gone < (START_ABSENCE if self._is_starting() else ABSENCE) or (gone < STALLED and self._stalled()):
                return []
            error = error or no_engine()
        elif self._channels is not None or (error.code in ONE_ENGINE and self._find() != self._tried):
            return []  # another attempt is under way; or another engine has come since, and is asked first
        self._reported = True
        return [Lost(error.code, error.message, error.hint)]

    def wait(self, seconds: float) -> None:
        """Return when there may be something to do, or after `seconds`."""
        if self._channels is not None:
            wait([channel.link for channel in self._channels], seconds)
        else:
            time.sleep(max(0.0, min(seconds, self._next_try - time.monotonic())))

    def close(self) -> None:
        """End the connection; idempotent."""
        self.drop(lost("The session is closed."))

    def _connect(self, now: float, wanted: bool) -> None:
        if self._child is not None and not self._child.running:
            self._child = None  # `running` has collected its exit code; until then a dead child looks alive
        self._tried = engine = self._find()
        if engine is None:
            if self._launch is not None and wanted:
                self._start(now)
            self._pause(now)
            return
        work = Channel(engine.work, engine, self._identity, self._open_link)
        try:
            self._channels = (work, Channel(engine.control, engine, self._identity, self._open_link))
        except EngineError:
            work.close()
            raise

    def _start(self, now: float) -> None:
        assert self._launch is not None
        failure = self._launched.failure() if self._launched is not None else None
        if failure is not None:
            self._launched = None
            raise failure
        if now >= self._next_launch and not (self._launched is not None and self._launched.running):
            self._next_launch, self._since = now + RELAUNCH, now
            self._launched = self._child = self._launch()

    def _pause(self, now: float) -> None:
        self._next_try = now + (NAP if self._is_starting() else self._retry)
        self._retry = min(self._retry * 2, LAST_RETRY)

    def _opened(self, now: float) -> list[Event]:
        welcome = self.work.welcome
        if welcome is None:
            return []
        events: list[Event] = [welcome, Recovered()] if self._reported else [welcome]
        self.welcome, self._reported = welcome, False
        self._since = self._last_message_at = now
        self._launched = self._error = None
        return events

    def _stalled(self) -> bool:
        """Whether the engine that fell silent still runs."""
        tried = self._tried
        return isinstance(self._error, Silent) and tried is not None and tried.pid > 0 and self._find() == tried

    def _is_starting(self) -> bool:
        """Whether an engine this session started, or the one that start lost the race to, may still appear."""
        return self._launched is not None and self._launched.failure() is None


def no_engine() -> EngineError:
    """The error where no engine runs; it names the file that was looked for."""
    return EngineError(
        "engine-missing",
        f"No Scumble engine is running: there is no {CONNECTION_FILE} of a living one in {runtime_dir()}.",
        "Start it with `scumble serve`.",
    )
