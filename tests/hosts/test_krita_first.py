# SPDX-License-Identifier: Apache-2.0
"""The first minute with the Krita plug-in, in its model: the gallery of last time, the engine, favourites and recent styles."""

from __future__ import annotations

from typing import Any

import pytest

from hosts.krita_doubles import Host, Session, catalogue, event, module, ticks

pytestmark = pytest.mark.usefixtures("krita_plugin")


def test_the_gallery_of_last_time_is_there_before_any_engine_and_decides_nothing(studio: Any, host: Host) -> None:
    later = module("studio").Studio(host, lambda name: Session())
    assert [style.id for style in later.shelves.styles(later.catalogue)] == ["night", "wave"]
    later.paint()
    ticks(later)
    assert not later.session.requests
    later.session.coming.append(event("Listed", later.session.asked, catalogue()))
    ticks(later)
    assert [request.method for request in later.session.requests] == ["fast"]


def test_the_engine_starts_with_the_docker_once_and_not_where_nobody_wants_that(studio: Any, host: Host) -> None:
    later = module("studio").Studio(host, lambda name: Session())
    later.preferences.late_engine = True
    later.arrive()
    assert later.session.asked == 0
    later.preferences.late_engine = False
    later.arrive()
    later.arrive()
    assert later.session.asked == 1


def test_favourites_come_first_and_recent_ones_by_their_time(studio: Any, host: Host) -> None:
    studio.shelves.like("wave", True)
    assert [style.id for style in studio.shelves.styles(studio.catalogue)] == ["wave", "night"]
    assert [style.id for style in studio.shelves.styles(studio.catalogue, "favourites")] == ["wave"]
    studio.paint()
    studio.choose(style="wave@3")
    studio.paint()
    assert [style.id for style in studio.shelves.styles(studio.catalogue, "recent")] == ["wave", "night"]
    later = module("studio").Studio(host, lambda name: Session())
    assert (later.shelves.favourites, later.shelves.recent) == (("wave",), ("wave", "night"))
    studio.shelves.like("wave", False)
    assert studio.shelves.favourites == ()


@pytest.mark.parametrize("damaged", ["", "{", "3", '["wave", 4, null]', "[" * 100_000])
def test_damaged_shelves_stop_nothing(studio: Any, host: Host, damaged: str) -> None:
    host.kept["favourites"] = damaged
    assert module("shelves").Shelves(host, lambda: None).favourites in ((), ("wave",))
