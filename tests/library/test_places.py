# SPDX-License-Identifier: Apache-2.0
"""Where weight files lie."""

from __future__ import annotations

from pathlib import Path

from scumble.library.places import COMPACT, SHIPPED, perceptual_path, shared_path, state_beside, state_path


def test_what_ships_lies_where_it_is_looked_for() -> None:
    assert COMPACT.is_file()
    assert all(perceptual_path(SHIPPED, name).is_file() for name in ("half", "quarter"))
    assert all(shared_path(SHIPPED, method).is_file() for method in ("adain", "ghiasi", "memory", "stylebank"))
    assert state_path(SHIPPED, "johnson", "starry-night").is_file()


def test_a_style_is_found_beside_networks_of_this_version_and_of_older_ones() -> None:
    """Trainings once wrote all methods into one folder, METHOD.safetensors beside METHOD_STYLE.safetensors."""
    now, before = Path("weights/memory/shared.safetensors"), Path("networks/memory.safetensors")
    assert state_beside(now, "memory", "sea") == state_path(Path("weights"), "memory", "sea")
    assert state_beside(before, "memory", "sea") == Path("networks/memory_sea.safetensors")
