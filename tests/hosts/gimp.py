# SPDX-License-Identifier: Apache-2.0
"""A user of the real GIMP 3 with the plug-in installed, and an engine of this clone that the plug-in can start."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hosts import root
from hosts.root import Host
from scumble.library.styles import StyleStore
from support.engine import TEST_METHODS

BATCH = ("gimp-console", "-i", "-d", "-s", "--quit", "--batch-interpreter=python-fu-eval", "-b")
STYLIZE, AGAIN, WHAT_I_SEE = "plug-in-scumble-stylize", "plug-in-scumble-again", "plug-in-scumble-what-i-see"
KEYS = {STYLIZE: "n", AGAIN: "m", WHAT_I_SEE: "k"}
"""With Ctrl and Alt."""
TRAINED_ONLY = "-,scumble.methods.johnson.method"
"""An engine whose methods cannot paint a style of one's own."""
GIMPRC = '(config-version "3.0.4")\n(show-welcome-dialog no)\n(check-updates no)\n'


def settings_folder(host: Host) -> Path:
    return host.home / ".config" / "GIMP" / "3.0"


def plugin_folder(host: Host) -> Path:
    return settings_folder(host) / "plug-ins" / "scumble"


@contextlib.contextmanager
def user(root_folder: Path, plugins: str | None = TEST_METHODS) -> Iterator[Host]:
    """A user with the plug-in and one style of their own; `plugins` None is an engine with the built-in methods."""
    with root.user(root_folder) as host:
        shutil.copytree(_started_once(root_folder), settings_folder(host))
        lines = [f'(action "{name}" "<Primary><Alt>{key}")\n' for name, key in KEYS.items()]
        (settings_folder(host) / "shortcutsrc").write_text("(file-version 1)\n" + "".join(lines))
        install(host, plugins)
        rgb = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
        StyleStore(host.home / "data" / "styles").put("Test style", rgb)
        yield host


def _started_once(root_folder: Path) -> Path:
    """The settings of a user whose GIMP has been started before, kept beside the root.

    A very first start asks all of GIMP's own plug-ins what they do, which takes longer than most tests.
    """
    folder = root_folder.parent / "gimp-settings"
    if not folder.exists():
        with root.user(root_folder) as host:
            settings_folder(host).mkdir(parents=True)
            (settings_folder(host) / "gimprc").write_text(GIMPRC)
            status, output = host.run(*BATCH, "pass", timeout=240)
            assert status == 0, output
            draft = folder.with_name(f"{folder.name}-{os.getpid()}")
            shutil.copytree(settings_folder(host), draft)
            try:
                draft.rename(folder)
            except OSError:  # somebody else was first
                shutil.rmtree(draft)
    return folder


def install(host: Host, plugins: str | None = TEST_METHODS) -> None:
    """`scumble plugin install gimp`, and the way out of the root into the recorded command."""
    command = [sys.executable, "-m", "scumble", "plugin", "install", "gimp", "--dir", str(plugin_folder(host).parent)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    record(host, host.engine_command(plugins))


def install_spy(host: Host) -> None:
    """A plug-in that does in this GIMP whatever a test writes into the user's folder spy/."""
    spy = settings_folder(host) / "plug-ins" / "spy" / "spy.py"
    spy.parent.mkdir(parents=True)
    shutil.copy(Path(__file__).parent / "gimp_jobs" / "spy.py", spy)
    spy.chmod(0o755)
    (host.home / "spy").mkdir()


def record(host: Host, command: Sequence[str] | None) -> None:
    """Let the plug-in start this engine; None leaves it without any."""
    path = plugin_folder(host) / "engine-command.json"
    if command is None:
        path.unlink()
    else:
        path.write_text(json.dumps({"command": command}))


def newer_engine(host: Host) -> list[str]:
    """The command of an engine that speaks a protocol of the future."""
    code = "from scumble.server import limits; limits.PROTOCOL = 2; from scumble.cli.app import main; main(['serve'])"
    return [*host.engine_command(TEST_METHODS)[:-3], "-c", code]


def scenarios(host: Host, jobs: str) -> tuple[dict[str, Any], str]:
    """What every scenario of these modules of gimp_jobs/ reported, by its name, and what GIMP printed meanwhile."""
    record = host.home / "record.json"
    output = batch(host, Path(__file__).parent / "gimp_jobs" / "batch.py", RECORD=str(record), JOBS=jobs)
    assert record.exists(), output
    return json.loads(record.read_text()), output


def batch(host: Host, script: Path, timeout: float = 500, **environment: str) -> str:
    """Import a Python module inside GIMP without a window; what it printed. Raises AssertionError when GIMP fails."""
    code = f"import sys; sys.dont_write_bytecode = True; sys.path.insert(0, '/outer{script.parent}'); import {script.stem}"
    status, output = host.run(*BATCH, code, environment=environment, timeout=timeout)
    assert status == 0, output
    return output
