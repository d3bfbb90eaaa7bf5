# SPDX-License-Identifier: Apache-2.0
"""A user who has the Krita plug-in installed, and how tests run jobs inside Krita for them.

Invariant: everything goes through what a real user has: the installer's files, Krita's programs, an engine of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hosts import root
from scumble.install import krita
from scumble.library.styles import StyleStore
from support.engine import TEST_METHODS

JOBS = Path(__file__).parent / "krita_jobs"
PLUGINS = f"{TEST_METHODS},scumble_refining,scumble_blending,scumble_improving"
SECONDS = 550
"""The first start builds Krita's resource database: 10 s alone, minutes on a machine that is busy."""
DISPLAY = "[General]\nOpenGLRenderer=none\n"
"""Without a graphics card OpenGL is computed by the processor, in Krita's own thread: painting a canvas of 12 megapixels keeps
it 0.2 s, whatever changed."""
DRIVER = """[Desktop Entry]
Type=Service
ServiceTypes=Krita/PythonPlugin
X-KDE-Library=scumble_driver
X-Python-2-Compatible=false
Name=Scumble driver
"""
SCREEN = "1500x950"
ON_A_SCREEN = """
Xvfb -screen 0 SIZEx24 -nolisten tcp -displayfd 3 3>/tmp/display >/tmp/xvfb.log 2>&1 &
screen=$!
for i in $(seq 300); do [ -s /tmp/display ] && break; sleep 0.1; done
export DISPLAY=:$(cat /tmp/display)
openbox >/dev/null 2>&1 &
krita --nosplash
code=$?
kill $screen
exit $code
"""


class WholeKrita:
    """One Krita on a screen of its own that plays scenarios ("module:function") as they come, until it is closed."""

    def __init__(self, host: root.Host, environment: Mapping[str, str]) -> None:
        self.home = host.home
        self._inbox = Path(tempfile.mkdtemp(prefix="krita-", dir=host.home))
        self._shots = host.home / "shots"
        self._shots.mkdir(exist_ok=True)
        places = {"SCUMBLE_TEST_INBOX": str(self._inbox), "SCUMBLE_TEST_SHOTS": str(self._shots)}
        self._number = 0
        with open(self._inbox / "log", "w") as log:
            command = ("sh", "-c", ON_A_SCREEN.replace("SIZE", SCREEN))
            self._process = host.start(*command, environment={**environment, **places}, output=log.fileno())

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def play(self, *scenarios: str, **environment: str) -> dict[str, Any]:
        """Play scenarios one after another; what each reports. `environment` is set in Krita, and stays."""
        self._number += 1
        report, done = self._inbox / f"{self._number}.report", self._inbox / f"{self._number}.done"
        self._ask({"scenarios": scenarios, "environment": environment})
        end = time.monotonic() + SECONDS
        try:
            while self.alive and not done.exists() and time.monotonic() < end:
                time.sleep(0.05)
        except BaseException:  # a time-out of pytest's: who comes next gets another Krita
            self.kill()
            raise
        if "SCUMBLE_SHOTS" in os.environ:  # for people to look at
            shutil.copytree(self._shots, Path(os.environ["SCUMBLE_SHOTS"]), dirs_exist_ok=True)
        results: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
        if not done.exists():
            left = [name for name in scenarios if name.split(":")[1] not in results]
            how = "takes too long" if self.alive else f"ended with {self._process.poll()}"
            self.kill()
            raise AssertionError(f"Krita {how} before {left} were played:\n{self.printed()}")
        return results

    def close(self) -> None:
        """Quit Krita, which must end well."""
        self._number += 1
        self._ask({"scenarios": [], "quit": True})
        try:
            code = self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        assert code == 0, f"Krita ended with {code}:\n{self.printed()}"

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def printed(self) -> str:
        return (self._inbox / "log").read_text(errors="replace")

    def _ask(self, wanted: Mapping[str, Any]) -> None:
        draft = self._inbox / "draft"
        draft.write_text(json.dumps(wanted))
        draft.rename(self._inbox / f"{self._number}.json")


class KritaUser:
    """`plugins` as tests/support's engines take them: None for the built-in methods."""

    def __init__(self, host: root.Host, plugins: str | None = PLUGINS) -> None:
        self.host = host
        self.resources = host.home / ".local" / "share" / "krita"
        krita.install(krita.given(self.resources), host.engine_command(plugins))
        settings = host.home / ".config" / "kritadisplayrc"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(DISPLAY)
        self._krita: WholeKrita | None = None
        self.runtime = host.runtime
        """Of the engine that the last Krita started."""

    def environment(self, **more: str) -> dict[str, str]:
        """What Krita runs with; the jobs of this folder can be imported."""
        jobs = f"/outer{JOBS}:{self.resources / 'pykrita'}"
        return {"PYTHONPATH": jobs, **more}

    def fresh_krita(self, forget: bool = True) -> WholeKrita:
        """A new Krita, in which neither docker nor engine was started; the one before is closed. It begins as the first one
        did, unless it is not to `forget` what that one has left on disk."""
        self.close()
        self._install_driver()
        if forget:
            self._forget_the_last()
        self._krita = WholeKrita(self.host, self.environment(SCUMBLE_RUNTIME_DIR=self._runtime()))
        return self._krita

    def any_krita(self) -> WholeKrita:
        """The Krita that is open, whatever was played in it; a new one where there is none."""
        return self._krita if self._krita is not None and self._krita.alive else self.fresh_krita()

    def show(self, *scenarios: str, **environment: str) -> dict[str, Any]:
        """Play scenarios in a Krita of their own, from its start to its end; what each reports."""
        reports = self.fresh_krita().play(*scenarios, **environment)
        self.close()
        return reports

    def close(self) -> None:
        """Quit the Krita that is open. Idempotent."""
        whole, self._krita = self._krita, None
        if whole is not None and whole.alive:
            whole.close()

    def real_engine(self) -> str:
        """The command that starts an engine with the built-in methods."""
        return shlex.join(self.host.engine_command(None))

    def _runtime(self) -> str:
        """A runtime directory in which no engine runs yet."""
        self.runtime = self.host.home / f"run-{len(list(self.host.home.glob('run-*')))}"
        self.runtime.mkdir(mode=0o700)
        return str(self.runtime)

    def _forget_the_last(self) -> None:
        """Which dockers were shown, and what the gallery held: each Krita begins as the first one did."""
        settings = self.host.home / ".config" / "kritarc"
        lines = settings.read_text().splitlines(keepends=True)
        settings.write_text("".join(line for line in lines if not line.startswith("State=")))
        (self.host.home / "cache" / "gallery.json").unlink(missing_ok=True)

    def _install_driver(self) -> None:
        """The plug-in that runs scenarios, beside the one that is tested."""
        folder = self.resources / "pykrita"
        (folder / "scumble_driver").mkdir(exist_ok=True)
        (folder / "scumble_driver" / "__init__.py").write_text(
            f"import sys\nsys.path[:0] = ['/outer{JOBS}']\nimport driver\ndriver.install()\n"
        )
        (folder / "scumble_driver.desktop").write_text(DRIVER)
        settings = self.host.home / ".config" / "kritarc"
        if "enable_scumble_driver" not in settings.read_text():
            settings.write_text(settings.read_text().replace("[python]\n", "[python]\nenable_scumble_driver=true\n"))

    def run(self, *jobs: str) -> dict[str, Any]:
        """Run jobs ("module:function") in one kritarunner; what each reports."""
        self.close()  # two that write the same settings would disturb each other
        report = self.host.home / "report.json"
        report.unlink(missing_ok=True)
        command = ("kritarunner", "-s", "runner", "-f", "main", str(report), *jobs)
        code, printed = self.host.run(*command, environment=self.environment(QT_QPA_PLATFORM="offscreen"), timeout=SECONDS)
        assert report.exists(), f"kritarunner ended with {code} and no report:\n{printed}"
        results: dict[str, Any] = json.loads(report.read_text())
        assert "error" not in results, results["error"]
        return results


def play(user: KritaUser, *scenarios: str, **environment: str) -> dict[str, Any]:
    """`KritaUser.show`."""
    return user.show(*scenarios, **environment)


@contextlib.contextmanager
def user(root_folder: Path) -> Iterator[KritaUser]:
    """With an engine whose methods need no torch, and one style."""
    with root.user(root_folder) as host:
        rgb = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
        StyleStore(host.home / "data" / "styles").put("Test style", rgb)
        opened = KritaUser(host)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def krita_user(host_root: Path) -> Iterator[KritaUser]:
    """One for all tests: its first Krita and kritarunner take their time to set themselves up."""
    with user(host_root) as opened:
        yield opened
