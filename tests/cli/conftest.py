# SPDX-License-Identifier: Apache-2.0
"""The command line as tests run it in this process."""

from __future__ import annotations

import pytest

from support.command_line import Run, runner


@pytest.fixture
def run(folders: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process, in the environment `folders` of the test's module; gives exit code, stdout,
    stderr."""
    for name, value in folders.items():
        monkeypatch.setenv(name, value)
    return runner(capsys)
