# SPDX-License-Identifier: Apache-2.0
"""A user of the real GIMP 3 with the plug-in installed, and an engine of this clone that the plug-in can start."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hosts import root
from hosts.root import Host
from scumble.styles import StyleStore
from support.engine import TEST_METHODS

BATCH = ("gimp-console", "-i", "-d", "-s", "--quit", "--batch-interpreter=python-fu-eval", "-b")
STYLIZE, AGAIN, SPY = "plug-in-scumble-stylize", "plug-in-scumble-again", "plug-in-spy"
KEYS = {STYLIZE: "n", AGAIN: "m", SPY: "j"}
"""With Ctrl and Alt."""
GIMPRC = '(config-version "3.0.4")\n(show-welcome-dialog no)\n(check-updates no)\n'


def settings_folder(host: Host) -> Path:
    return host.home / ".config" / "GIMP" / "3.0"


def plugin_folder(host: Host) -> Path:
    return settings_folder(host) / "plug-ins" / "scumble"


@contextlib.contextmanager
def user(root_folder: Path, plugins: str | None = TEST_METHODS) -> Iterator[Host]:
    """A user with the plug-in and one style of their own; `plugins` None is an engine with the built-in methods."""
    with root.user(root_folder) as host:
        settings_folder(host).mkdir(parents=True)
        (settings_folder(host) / "gimprc").write_text(GIMPRC)
        lines = [f'(action "{name}" "<Primary><Alt>{key}")\n' for name, key in KEYS.items()]
        (settings_folder(host) / "shortcutsrc").write_text("(file-version 1)\n" + "".join(lines))
        install(host, plugins)
        rgb = np.random.default_rng(0).integers(0, 256, (32, 48, 3), dtype=np.uint8)
        StyleStore(host.home / "data" / "styles").put("Test style", rgb)
        yield host


def install(host: Host, plugins: str | None = TEST_METHODS) -> None:
    """`scumble plugin install gimp`, and the way out of the root into the recorded command."""
    command = [sys.executable, "-m", "scumble", "plugin", "install", "gimp", "--dir", str(plugin_folder(host).parent)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    (plugin_folder(host) / "engine-command.json").write_text(json.dumps({"command": host.engine_command(plugins)}))


def newer_engine(host: Host) -> list[str]:
    """The command of an engine that speaks a protocol of the future."""
    code = "from scumble.server import limits; limits.PROTOCOL = 2; from scumble.cli.app import main; main(['serve'])"
    return [*host.engine_command(TEST_METHODS)[:-3], "-c", code]


def batch(host: Host, script: Path, timeout: float = 500, **environment: str) -> str:
    """Import a Python module inside GIMP without a window; what it printed. Raises AssertionError when GIMP fails."""
    code = f"import sys; sys.dont_write_bytecode = True; sys.path.insert(0, '/outer{script.parent}'); import {script.stem}"
    status, output = host.run(*BATCH, code, environment=environment, timeout=timeout)
    assert status == 0, output
    return output
