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
from collections.abc import Iterator
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
ON_A_SCREEN = """
Xvfb -screen 0 1500x950x24 -nolisten tcp -displayfd 3 3>/tmp/display >/tmp/xvfb.log 2>&1 &
screen=$!
for i in $(seq 300); do [ -s /tmp/display ] && break; sleep 0.1; done
export DISPLAY=:$(cat /tmp/display)
openbox >/dev/null 2>&1 &
krita --nosplash
code=$?
kill $screen
exit $code
"""


class KritaUser:
    """`plugins` as tests/support's engines take them: None for the built-in methods."""

    def __init__(self, host: root.Host, plugins: str | None = PLUGINS) -> None:
        self.host = host
        self.resources = host.home / ".local" / "share" / "krita"
        krita.install(krita.given(self.resources), host.engine_command(plugins))
        settings = host.home / ".config" / "kritadisplayrc"
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text(DISPLAY)

    def environment(self, **more: str) -> dict[str, str]:
        """What Krita runs with; the jobs of this folder can be imported."""
        jobs = f"/outer{JOBS}:{self.resources / 'pykrita'}"
        return {"PYTHONPATH": jobs, **more}

    def show(self, *scenarios: str, **environment: str) -> dict[str, Any]:
        """Run scenarios ("module:function") in one whole Krita on a screen of its own, without an engine; what each reports."""
        report = self.host.home / "window.json"
        report.unlink(missing_ok=True)
        self.shots.mkdir(exist_ok=True)
        self._install_driver()
        self._forget_the_last()
        more = {
            "SCUMBLE_TEST_SCENARIOS": ",".join(scenarios),
            "SCUMBLE_TEST_REPORT": str(report),
            "SCUMBLE_TEST_SHOTS": str(self.shots),
            "SCUMBLE_RUNTIME_DIR": self._runtime(),
        }
        code, said = self.host.run(
            "sh", "-c", ON_A_SCREEN, environment=self.environment(**more, **environment), timeout=SECONDS
        )
        assert report.exists(), f"Krita ended with {code} and no report:\n{said}"
        results: dict[str, Any] = json.loads(report.read_text())
        missing = [name for name in scenarios if name.split(":")[1] not in results]
        assert not missing, f"Krita ended with {code} before {missing}:\n{said}"
        assert code == 0, said
        return results

    def real_engine(self) -> str:
        """The command that starts an engine with the built-in methods."""
        return shlex.join(self.host.engine_command(None))

    def _runtime(self) -> str:
        """A runtime directory in which no engine runs yet."""
        folder = self.host.home / f"run-{len(list(self.host.home.glob('run-*')))}"
        folder.mkdir(mode=0o700)
        return str(folder)

    @property
    def shots(self) -> Path:
        """Where pictures of the screen are put."""
        return self.host.home / "shots"

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
        report = self.host.home / "report.json"
        report.unlink(missing_ok=True)
        command = ("kritarunner", "-s", "runner", "-f", "main", str(report), *jobs)
        code, said = self.host.run(*command, environment=self.environment(QT_QPA_PLATFORM="offscreen"), timeout=SECONDS)
        assert report.exists(), f"kritarunner ended with {code} and no report:\n{said}"
        results: dict[str, Any] = json.loads(report.read_text())
        assert "error" not in results, results["error"]
        return results


def play(user: KritaUser, *scenarios: str, **environment: str) -> dict[str, Any]:
    """`KritaUser.show`, whose pictures of the screen are copied to $SCUMBLE_SHOTS where that is set."""
    try:
        return user.show(*scenarios, **environment)
    finally:
        if "SCUMBLE_SHOTS" in os.environ:
            shutil.copytree(user.shots, Path(os.environ["SCUMBLE_SHOTS"]), dirs_exist_ok=True)


@contextlib.contextmanager
def user(root_folder: Path) -> Iterator[KritaUser]:
    """With an engine whose methods need no torch, and one style."""
    with root.user(root_folder) as host:
        rgb = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
        StyleStore(host.home / "data" / "styles").put("Test style", rgb)
        yield KritaUser(host)


@pytest.fixture(scope="session")
def krita_user(host_root: Path) -> Iterator[KritaUser]:
    """One for all tests: its first Krita and kritarunner take their time to set themselves up."""
    with user(host_root) as found:
        yield found
