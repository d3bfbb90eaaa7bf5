# SPDX-License-Identifier: Apache-2.0
"""The command line as tests run it in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.command_line import Run, runner, shared_engine


@pytest.fixture(scope="module")
def folders(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The environment in which a module's tests share user folders and one engine, which its ENGINE starts."""
    with shared_engine(request.module.ENGINE) as environment:
        yield environment


@pytest.fixture
def run(folders: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process, in the environment `folders` of the test's module; gives exit code, stdout,
    stderr."""
    for name, value in folders.items():
        monkeypatch.setenv(name, value)
    return runner(capsys)
