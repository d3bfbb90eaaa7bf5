# SPDX-License-Identifier: Apache-2.0
"""A user who has the Krita plug-in installed, and how tests run jobs inside Krita for them.

Invariant: everything goes through what a real user has: the installer's files, Krita's programs, an engine of its own.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hosts import root
from scumble.install import krita
from support.engine import TEST_METHODS, add_style

JOBS = Path(__file__).parent / "krita_jobs"
SECONDS = 400
"""The first start builds Krita's resource database: 10 s alone, minutes on a machine that is busy."""


class KritaUser:
    """`plugins` as tests/support's engines take them: None for the built-in methods."""

    def __init__(self, host: root.Host, plugins: str | None = TEST_METHODS) -> None:
        self.host = host
        self.resources = host.home / ".local" / "share" / "krita"
        krita.install(krita.given(self.resources), host.engine_command(plugins))

    def environment(self, **more: str) -> dict[str, str]:
        """What Krita runs with; the jobs of this folder can be imported."""
        jobs = f"/outer{JOBS}:{self.resources / 'pykrita'}"
        return {"PYTHONPATH": jobs, **more}

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


@pytest.fixture(scope="session")
def krita_user(host_root: Path) -> Iterator[KritaUser]:
    """With an engine whose methods need no torch, and one style."""
    with root.user(host_root) as host, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCUMBLE_DATA_DIR", str(host.home / "data"))
        add_style()
        patch.undo()
        yield KritaUser(host)


def said(process: subprocess.Popen[str]) -> str:
    """All that a process has written, when it has ended."""
    return process.communicate()[0]
