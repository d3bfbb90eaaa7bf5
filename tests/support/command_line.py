# SPDX-License-Identifier: Apache-2.0
"""The command line as the tests of a module run it: in this process, against one engine that they share."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from scumble.cli.app import main
from scumble.client.locate import read_connection

Run = Callable[..., tuple[int, str, str]]
"""Arguments to exit code, stdout, stderr."""


def engine(*settings: str) -> str:
    """What SCUMBLE_ENGINE says for an engine with `settings`, NAME=VALUE each."""
    return shlex.join(["env", *settings, sys.executable, "-m", "scumble", "serve", "--quiet"])


@contextmanager
def shared_engine(command: str) -> Iterator[dict[str, str]]:
    """The environment in which a module's tests share user folders and one engine, which the first that needs it starts."""
    folder = Path(tempfile.mkdtemp(prefix="sc-"))
    names = {f"SCUMBLE_{name.upper()}_DIR": str(folder / name) for name in ("runtime", "data", "cache")}
    for path in names.values():
        Path(path).mkdir(mode=0o700)
    names["SCUMBLE_ENGINE"] = command
    with pytest.MonkeyPatch.context() as patch:
        for name, value in names.items():
            patch.setenv(name, value)
        yield names
        main(["stop"])
        assert read_connection() is None
    shutil.rmtree(folder, ignore_errors=True)


def runner(capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([str(a) for a in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def status(run: Run) -> Any:
    """What the engine says of itself."""
    return json.loads(run("status", "--json")[1])


def started(*arguments: object) -> subprocess.Popen[str]:
    """The command line in a process of its own, which Ctrl-C ends: a suite that runs in a shell's background ignores SIGINT,
    and its children would with it."""
    return subprocess.Popen(
        [sys.executable, "-m", "scumble", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
