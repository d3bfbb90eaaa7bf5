# SPDX-License-Identifier: Apache-2.0
"""Fake engines that end with the test, and sessions with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_engine import FakeEngine

from scumble.client.session import Session


@pytest.fixture
def runtime() -> Path:
    """Where connection files lie."""
    return Path(os.environ["SCUMBLE_RUNTIME_DIR"])


@pytest.fixture
def start_fake(runtime: Path) -> Iterator[Callable[..., FakeEngine]]:
    started: list[FakeEngine] = []

    def start(**options: Any) -> FakeEngine:
        started.append(FakeEngine(runtime, **options))
        return started[-1]

    yield start
    for engine in started:
        engine.stop()


@pytest.fixture
def open_session() -> Iterator[Callable[..., Session]]:
    opened: list[Session] = []

    def open(**options: Any) -> Session:
        opened.append(Session(client="test/1", host="pytest", **options))
        return opened[-1]

    yield open
    for session in opened:
        session.close()
