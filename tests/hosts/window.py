# SPDX-License-Identifier: Apache-2.0
"""A screen inside the host root that is driven from outside: keys, clicks, windows, pictures of it.

Invariant: everything runs in one process inside the root, `sh` fed through a pipe, so that all of it sees one display and
dies with it.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from hosts.root import Host

SIZE = (1400, 900)
KEPT = os.environ.get("SCUMBLE_SHOTS")
"""A folder that keeps the pictures of the screen, for people to look at."""
_LOOP = """cd "$INBOX"; i=0
while i=$((i+1)); do
  while [ ! -e $i.go ]; do sleep 0.02; done
  sh ./$i.sh > $i.out 2>&1; mv $i.out $i.done
done"""


class Screen:
    """Commands run one after the other; each gives what it printed."""

    def __init__(self, host: Host, environment: Mapping[str, str]) -> None:
        self.host = host
        self._number = 0
        self._inbox = host.home / "screen"
        self._inbox.mkdir()
        self._preamble = ""
        self._process = host.start(
            "sh", "-c", _LOOP, environment={"INBOX": str(self._inbox), **environment}, output=subprocess.DEVNULL
        )
        # The server takes the first free number, so that several of these can run at once.
        number = self._inbox / "number"
        # Keys do not repeat: on a busy machine one that is pressed for a moment would be two.
        self.sh(f"Xvfb -r -displayfd 3 -screen 0 {SIZE[0]}x{SIZE[1]}x24 -nolisten tcp 3> {number} > Xvfb.log 2>&1 &")
        self.until(lambda: number.exists() and number.read_text().endswith("\n"), 60, "the X server does not start")
        self._preamble = f"export DISPLAY=:{number.read_text().strip()}\n"
        self.start("openbox")

    def sh(self, script: str, seconds: float = 60) -> str:
        """Run a script to its end."""
        self._number += 1
        name = self._inbox / str(self._number)
        name.with_suffix(".sh").write_text(f"{self._preamble}{script}\n")
        name.with_suffix(".go").touch()
        done = name.with_suffix(".done")
        self.until(done.exists, seconds, f"`{script}` does not end")
        return done.read_text(errors="replace")

    def start(self, script: str) -> None:
        """Start a program that stays."""
        self.sh(f"{script} > {self._inbox}/{shlex.split(script)[0]}.log 2>&1 &")

    def windows(self, title: str) -> list[str]:
        """The ids of the visible windows whose titles match the regular expression."""
        return self.sh(f"xdotool search --onlyvisible --name {shlex.quote(title)} 2>/dev/null").split()

    def window(self, title: str, seconds: float = 60) -> str:
        """The last of them, when there is one."""
        ids: list[str] = []

        def look() -> list[str]:
            ids[:] = self.windows(title)
            return ids

        self.until(look, seconds, f"no window {title!r} appears")
        return ids[-1]

    def gone(self, title: str, seconds: float = 60) -> None:
        """Return when there is none."""
        self.until(lambda: not self.windows(title), seconds, f"the window {title!r} stays")

    def place(self, window: str) -> tuple[int, int, int, int]:
        """x, y, width, height."""
        lines = self.sh(f"xdotool getwindowgeometry --shell {window}").splitlines()
        facts = dict(line.split("=") for line in lines if "=" in line)
        return int(facts["X"]), int(facts["Y"]), int(facts["WIDTH"]), int(facts["HEIGHT"])

    def focus(self, window: str) -> None:
        self.sh(f"timeout 5 xdotool windowactivate --sync {window}; sleep 0.2")

    def key(self, *keys: str) -> None:
        for key in keys:
            self.sh(f"xdotool key --clearmodifiers {key}; sleep 0.2")

    def hover(self, x: int, y: int) -> None:
        self.sh(f"xdotool mousemove {x} {y}; sleep 0.4")

    def click(self, x: int, y: int) -> None:
        self.sh(f"xdotool mousemove {x} {y}; sleep 0.1; xdotool click 1; sleep 0.2")

    def shot(self, name: str) -> Path:
        """A picture of the whole screen, PNG."""
        path = self.host.home / "shots" / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        self.sh(f"scrot -o {path}")
        if KEPT:
            Path(KEPT).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, KEPT)
        return path

    def log(self, program: str) -> str:
        return (self._inbox / f"{program}.log").read_text(errors="replace")

    def until(self, condition: object, seconds: float, otherwise: str) -> None:
        """Raises AssertionError when `condition()` does not come true, with a picture of the screen and `otherwise`,
        unless that is ""."""
        assert callable(condition)
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end or self._process.poll() is not None:
                with contextlib.suppress(AssertionError):
                    if otherwise and not otherwise.startswith("`"):
                        self.shot("failure")
                raise AssertionError(otherwise)
            time.sleep(0.05)


@contextlib.contextmanager
def screen(host: Host, environment: Mapping[str, str] | None = None) -> Iterator[Screen]:
    """A display with a window manager; all on it is killed after the block."""
    try:
        yield Screen(host, environment or {})
    finally:
        host.end()
