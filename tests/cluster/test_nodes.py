# SPDX-License-Identifier: Apache-2.0
"""What processes of a cluster's nodes are started with; Ray itself is a double here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from scumble.cluster import ray_cluster
from scumble.painting.device import environment


def test_nodes_keep_memory_as_the_engines_worker_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it each picture cost a tenth more there than in the engine."""
    given: dict[str, Any] = {}
    ray = SimpleNamespace(
        init=lambda **asked: given.update(asked),
        cluster_resources=lambda: {"CPU": 2.0},
        remote=lambda **_: lambda task: task,
        shutdown=lambda: None,
        exceptions=SimpleNamespace(RayError=OSError),
    )
    monkeypatch.setattr(ray_cluster, "_ray", lambda: ray)
    monkeypatch.setenv("SCUMBLE_PLUGINS", "-,mine")
    with ray_cluster.RayCluster("auto") as opened:
        assert opened.slots == 2
    assert given["runtime_env"]["env_vars"] == environment() | {"SCUMBLE_PLUGINS": "-,mine"}
    assert environment()["MALLOC_TRIM_THRESHOLD_"] == str(256 << 20)
