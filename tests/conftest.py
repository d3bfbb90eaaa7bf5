# SPDX-License-Identifier: Apache-2.0
"""What every test gets: user folders of its own, so that no test reads or writes the real ones."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)  # a busy machine is no failure
hypothesis.settings.load_profile("steady")
for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
"""Numpy and torch compute with one thread, here and in what a test starts: threads that wait for each other over networks as
small as these take four times the processor's time. Must be set before either is imported."""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked `gpu` where there is none."""
    if item.get_closest_marker("gpu") is not None:
        import torch  # most tests need none of it

        if not torch.cuda.is_available():
            pytest.skip("PyTorch finds no GPU on this machine")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist loadfile`, modules that drive the same Krita go to one process, which opens it once."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling  # where nothing is spread, it need not be there

    class TogetherScheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = str(super()._split_scope(nodeid))
            return re.sub(r"/test_krita_window\w*\.py$", "/whole Krita", module)

    return TogetherScheduling(config, log)


@pytest.fixture(autouse=True)
def user_folders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short-named folder (Unix socket paths end at 107 bytes) that holds runtime, data, cache and trainings."""
    folder = Path(tempfile.mkdtemp(prefix="sc-"))
    for name in ("runtime", "data", "cache", "train"):
        (folder / name).mkdir(mode=0o700)
        monkeypatch.setenv(f"SCUMBLE_{name.upper()}_DIR", str(folder / name))
    monkeypatch.delenv("SCUMBLE_PLUGINS", raising=False)
    monkeypatch.delenv("SCUMBLE_ENGINE", raising=False)
    monkeypatch.setenv("SCUMBLE_REFINE", "0")  # an engine that refines what a test puts takes the processor from the next
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def small_paintings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings measure paintings a quarter as large as they do in earnest, and paint sheets of such pictures."""
    from scumble.methods.johnson import train as johnson  # most tests need no torch
    from scumble.methods.stylebank import train as stylebank
    from scumble.training import sheets

    monkeypatch.setattr(sheets, "SIDE", 64)
    monkeypatch.setattr(johnson, "PAINTING_SIDE", 96)
    monkeypatch.setattr(stylebank, "PAINTING_SIDE", 96)
