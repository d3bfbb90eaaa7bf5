# SPDX-License-Identifier: Apache-2.0
"""A fresh engine for a benchmark, in folders of its own, over the transport that is to be measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from scumble.client.blocking import Engine
from scumble.client.locate import read_connection

ROOT = Path(__file__).resolve().parent.parent
PROBES = "-,benchmarks.probe_method"
"""SCUMBLE_PLUGINS for an engine that knows the probes alone and needs no torch."""

START_SECONDS = 120.0


@contextmanager
def fresh_engine(plugins: str | None = PROBES, listen: str | None = None) -> Iterator[float]:
    """An engine that ends with the block, found by every client made inside it. Gives time.monotonic() at its start."""
    with TemporaryDirectory(prefix="sc-bench-") as folder:
        names = {f"SCUMBLE_{n.upper()}_DIR": f"{folder}/{n}" for n in ("runtime", "cache", "data")}
        for path in names.values():
            Path(path).mkdir(mode=0o700)
        if plugins is not None:
            names["SCUMBLE_PLUGINS"] = plugins
        with patch.dict(os.environ, names):
            command = [sys.executable, "-m", "scumble", "serve", "--quiet", *(["--listen", listen] if listen else [])]
            began = time.monotonic()
            # The probes lie in the clone, not in the package, so this engine alone gets a path to them.
            process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)})
            try:
                while read_connection() is None:
                    if process.poll() is not None or time.monotonic() - began > START_SECONDS:
                        raise RuntimeError(f"the engine did not start (exit code {process.returncode})")
                    time.sleep(0.01)
                yield began
            finally:
                process.terminate()
                process.wait(30)


def wait_until_ready(engine: Engine) -> None:
    """Return when the engine's worker is up."""
    while engine.ping() != "ready":
        time.sleep(0.01)
