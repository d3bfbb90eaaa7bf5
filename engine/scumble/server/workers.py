# SPDX-License-Identifier: Apache-2.0
"""Supervision of the worker process: start it, hand it a job, notice at once when it dies or hangs, start another.

Invariant: at most one worker lives, a worker never outlives the engine, and nothing here waits for one longer than the
fraction of a second a dead process takes to be collected.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from scumble.api.errors import ScumbleError
from scumble.client.locate import last_line
from scumble.painting import device
from scumble.server import channel, limits
from scumble.server.clock import clock
from scumble.server.spool import Spool

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Death:
    """How a worker ended that was not asked to."""

    job: str | None
    """The job or refinement it had been given, if any."""
    code: str
    """An error code of docs/protocol.md, section 8."""
    how: str
    """What happened, as the rest of a sentence that begins "The worker"."""
    begun: bool = True
    """Whether it had begun that job; else it died of something else. Not kept for a refinement."""


class Worker:
    """The engine's one worker process. After each Death that `check` returns, another has been started or soon will be."""

    def __init__(self, device: str, threads: int | None, log_file: Path) -> None:
        self._device, self._threads, self._log_file = device, threads, log_file
        self.restarts = -1
        self.ready = False
        self.job: str | None = None
        """The job or refinement it works on, which may have been cancelled meanwhile."""
        self._begun = False
        """Whether it has reported that it began that job."""
        self.failed_starts = 0
        """Starts in a row that failed."""
        self._start_error = ""
        """Why the last start failed, as a sentence."""
        self._log_offset = 0
        """Where in the log file the lines of this worker begin, in bytes."""
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._unpacker = channel.Unpacker()
        self._killed: list[subprocess.Popen[bytes]] = []
        """Processes whose exit codes have not been collected yet."""
        self._broken = ""
        """What is wrong with it, as `Death.how`; "" while nothing is."""
        self._started_at = self._last_beat = 0.0
        self._stop_by: float | None = None
        """When it is killed unless it has stopped the job that was cancelled."""
        self._next_start = 0.0

    @property
    def idle(self) -> bool:
        return self.ready and self.job is None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def problem(self) -> ScumbleError | None:
        """Why nothing can be painted, where start after start has failed; it is tried again now and then all the same."""
        if self.failed_starts < limits.WORKER_STARTS:
            return None
        return ScumbleError(
            "engine-broken", self._start_error, "Run `scumble doctor`: it says what is wrong with the installation."
        )

    def fileno(self) -> int | None:
        return self._socket.fileno() if self._socket else None

    def launch(self) -> None:
        """Start a process, or try again later where the system has no room for one.

        The caller must be the main thread: the worker dies with the thread that started it.
        """
        try:
            self._launch()
        except OSError as e:
            log.warning("no worker can be started: %s", e)
            self._start_error = f"The engine's worker cannot be started ({e})."
            self.failed_starts += 1
            self._next_start = clock.now() + self._pause()

    def _launch(self) -> None:
        """Start a process that talks over a socket pair and writes to the log. Raises OSError."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)

        command = [sys.executable, "-m", "scumble.server.worker", "--device", self._device, "--parent", str(os.getpid())]
        if self._threads:
            command += ["--threads", str(self._threads)]
        if sys.platform != "win32":
            command += ["--socket", str(theirs.fileno())]
        environment = {**device.environment(), **os.environ}
        if self._threads:
            environment["OMP_NUM_THREADS"] = environment["MKL_NUM_THREADS"] = str(self._threads)

        with theirs, self._open_log() as log_file:
            self._log_offset = log_file.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if sys.platform == "win32" else subprocess.DEVNULL,
                stdout=log_file,
                stderr=log_file,
                env=environment,
                pass_fds=() if sys.platform == "win32" else (theirs.fileno(),),
            )
            if sys.platform == "win32":
                assert self._process.stdin
                self._process.stdin.write(base64.b64encode(theirs.share(self._process.pid)) + b"\n")
                self._process.stdin.close()

        self._socket, self._unpacker, self._broken = ours, channel.Unpacker(), ""
        self.ready, self.job, self._stop_by = False, None, None
        self._started_at = self._last_beat = clock.now()
        self.restarts += 1
        log.info("worker %d started", self._process.pid)

    def _open_log(self) -> BinaryIO:
        """The file for what the worker prints; the null device where it cannot be opened, which stops no worker."""
        try:
            file = open(self._log_file, "ab")  # noqa: SIM115 - the caller closes it
            if file.tell() > limits.LOG:
                file.truncate(0)
                file.seek(0)
            return file
        except OSError:
            return open(os.devnull, "ab")

    def run(self, run: channel.Run, spools: tuple[Spool, Spool]) -> None:
        """Hand over a job. The worker must be idle."""
        assert self.idle
        self.job, self._begun = run.job, False
        self._send(channel.pack(run), [s.fd for s in spools if s.path is None])

    def refine(self, message: channel.Refine) -> None:
        """Hand over a refinement. The worker must be idle."""
        assert self.idle
        self.job, self._begun = message.job, False
        self._send(channel.pack(message), [])

    def cancel(self, job: str, grace: float = limits.CANCEL_GRACE) -> None:
        """Ask it to stop `job`; it is killed where it has not within `grace` seconds."""
        if self.job == job and self._stop_by is None:
            self._stop_by = clock.now() + grace
            self._send(channel.pack(channel.Cancel(job)), [])

    def keep(self, job: str) -> None:
        """Ask it to end `job` with the picture that was shown last."""
        if self.job == job:
            self._send(channel.pack(channel.Keep(job)), [])

    def tell(self, message: channel.Forget | channel.StylesChanged) -> None:
        if self.ready:
            self._send(channel.pack(message), [])

    def receive(self) -> list[tuple[Any, bytes]]:
        """Its next messages, WORKER_ROUND bytes at most. Takes note of heartbeats and ends of jobs on the way."""
        messages: list[tuple[Any, bytes]] = []
        left = limits.WORKER_ROUND
        while self._socket is not None and not self._broken and left > 0:
            try:
                data = self._socket.recv(left)
                if not data:
                    self._broken = "died"
                    break
                left -= len(data)
                for message, payload in self._unpacker.feed(data):
                    if isinstance(message, channel.Ready) and not message.methods:
                        self._broken = self._no_methods(message.problems)
                        break
                    self._note(message)
                    messages.append((message, payload))
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                self._broken = "died"
            except ValueError as e:
                self._broken = f"talked nonsense ({e})"
        return messages

    def _no_methods(self, problems: list[str]) -> str:
        """Note that the worker has no method, as the next one would have none. Gives `Death.how`."""
        reasons = "; ".join(problems)[:1000] or "none is installed"
        self._start_error = f"The engine could load no method: {reasons}."
        self.failed_starts = limits.WORKER_STARTS
        return "could load no method"

    def _note(self, message: Any) -> None:
        """Update what is known of the worker by one of its messages."""
        self._last_beat = clock.now()
        if isinstance(message, channel.Ready):
            self.ready, self.failed_starts = True, 0
        elif isinstance(message, channel.Begun):
            self._begun = True
        elif isinstance(message, channel.Done | channel.Refined | channel.Failed | channel.Cancelled):
            self.job, self._stop_by = None, None

    def deadline(self) -> float:
        """When `check` must be called next, in seconds of the engine's clock."""
        if self._socket is None:
            return self._next_start
        beat = self._last_beat + limits.HUNG if self.ready else self._started_at + limits.WORKER_START
        return min(beat, self._stop_by or beat)

    def check(self) -> Death | None:
        """Notice a death or a hang, and start the next worker. To be called after `receive`."""
        self._collect()
        now = clock.now()
        if self._socket is None:
            if now >= self._next_start:
                self.launch()
            return None
        if self._broken:
            return self._reap("worker-died", self._broken if self._broken != "died" else self._exit_in_words())
        if self._stop_by is not None and now >= self._stop_by:
            return self._reap("cancelled", "did not stop when it was asked to")
        if self.ready and now >= self._last_beat + limits.HUNG:
            return self._reap("worker-hung", f"gave no sign of life for {limits.HUNG:.0f} s")
        if not self.ready and now >= self._started_at + limits.WORKER_START:
            return self._reap("worker-hung", f"was not ready after {limits.WORKER_START:.0f} s")
        return None

    def close(self) -> None:
        """End it for good."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        for process in [*self._killed, *([self._process] if self._process else [])]:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(2.0)
        self._process = None

    def _reap(self, code: str, how: str) -> Death:
        """Kill the process if it still runs, and start another at once, or after a pause where starts have failed."""
        assert self._process is not None
        assert self._socket is not None
        death = Death(self.job, code, how, self._begun)
        log.warning("worker %d %s", self._process.pid, how)
        self._process.kill()
        self._killed.append(self._process)
        self._socket.close()
        self._socket = self._process = self.job = None
        if not self.ready:
            self.failed_starts += 1
            if self._broken != "could load no method":
                line = last_line(str(self._log_file), self._log_offset)
                self._start_error = f"The engine's worker does not start: it {how}{f' ({line})' if line else ''}."
        self.ready = False
        self._next_start = clock.now() + self._pause()
        if not self.failed_starts:
            self.launch()
        return death

    def _pause(self) -> float:
        """Seconds before the next start, where starts have failed."""
        return min(30.0, 2.0**self.failed_starts) if self.failed_starts else 0.0

    def _exit_in_words(self) -> str:
        """How the process ended, as `Death.how`."""
        assert self._process is not None
        try:
            code = self._process.wait(0.3)
        except subprocess.TimeoutExpired:
            return "closed its connection"
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            return f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"

    def _collect(self) -> None:
        self._killed = [p for p in self._killed if p.poll() is None]

    def _send(self, data: bytes, fds: list[int]) -> None:
        """The worker reads at once and what it is sent is small, so a full pipe is a sign of death like a broken one."""
        assert self._socket is not None
        try:
            channel.send_with_spools(self._socket, data, fds)
        except OSError:
            self._broken = self._broken or "died"
