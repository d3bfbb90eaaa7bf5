# SPDX-License-Identifier: Apache-2.0
"""What the tests inside the real host programs share: the root they run in, or the reason why they are skipped."""

from __future__ import annotations

from pathlib import Path

import pytest

from hosts import root
from hosts.gimp_dialog import another_engine, desk, desks, own_styles
from hosts.gimp_plugin import catalogue, plugin
from hosts.krita_doubles import host, krita_plugin, session, studio
from hosts.kritas import krita_user
from hosts.reports import report

__all__ = [
    "another_engine",
    "catalogue",
    "desk",
    "desks",
    "host",
    "host_root",
    "krita_plugin",
    "krita_user",
    "own_styles",
    "plugin",
    "report",
    "session",
    "studio",
]

FOLDER = Path(__file__).parent
SECONDS = 600
"""The first test of all builds the root."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if FOLDER in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="session")
def host_root() -> Path:
    """The root with GIMP and Krita."""
    try:
        return root.ensure()
    except root.Unavailable as e:
        pytest.skip(f"no host programs: {e}")
