# SPDX-License-Identifier: Apache-2.0
"""One engine for all tests of a module, where none of them harms it: each start takes a second of a processor."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.engine import Engine, running


def use_folders(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Let engines and clients that start from now on use the folders in `folder`."""
    for name in ("runtime", "data", "cache"):
        (folder / name).mkdir(mode=0o700, exist_ok=True)
        patch.setenv(f"SCUMBLE_{name.upper()}_DIR", str(folder / name))


def shared_engine(*arguments: str, **options: Any) -> tuple[Any, Any]:
    """The fixtures `engine` and `folders` of a module: an engine in folders of its own, which all its tests see as theirs.

    What its status counts, it counts over all tests.
    """

    @pytest.fixture(scope="module")
    def engine() -> Iterator[Engine]:
        folder = Path(tempfile.mkdtemp(prefix="sm-"))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SCUMBLE_REFINE", "0")
            use_folders(folder, patch)
            with running(*arguments, **options) as started:
                yield started
        shutil.rmtree(folder, ignore_errors=True)

    @pytest.fixture(autouse=True)
    def folders(engine: Engine, user_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        use_folders(engine.runtime.parent, monkeypatch)

    return engine, folders
