# SPDX-License-Identifier: Apache-2.0
"""How much of a layer goes with a selection."""

from __future__ import annotations

import pytest

from scumble.client.desk.margins import REACH, margin
from scumble.methods.adain import network as adain
from scumble.methods.ghiasi import network as ghiasi
from scumble.methods.johnson import network as transform
from scumble.methods.style_memory import network as memory
from scumble.methods.stylebank import network as stylebank
from scumble.painting.grid import working_grid


def test_no_network_looks_further() -> None:
    assert max(net.MARGIN for net in (adain, ghiasi, memory, stylebank, transform)) <= REACH


@pytest.mark.parametrize("full", [(300, 400), (1024, 1024), (4000, 6000)], ids=str)
@pytest.mark.parametrize("brush_size", [0.25, 1.0, 1.7, 4.0, None])
def test_it_is_as_much_as_that_on_the_grid_that_is_painted(full: tuple[int, int], brush_size: float | None) -> None:
    grid = working_grid((0, 0), full, full, brush_size)
    assert margin(full[1], full[0], brush_size or 1.0) * grid.columns.scale > REACH - 1  # cells are whole
