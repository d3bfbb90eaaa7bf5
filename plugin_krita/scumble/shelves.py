# SPDX-License-Identifier: GPL-3.0-or-later
"""Which styles the painter likes, and which were painted with last; kept in the host's settings.

Invariant: whatever was written there, also by another version, gives ids; one that no style has any more does no harm.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from .ports import Host
from .scumble_client.catalogue import Catalogue, Style
from .scumble_client.desk.choosing import plain_id
from .scumble_client.desk.shelf import on_shelf, used


class Shelves:
    """`changed` is called with every change."""

    def __init__(self, host: Host, changed: Callable[[], None]) -> None:
        self._host, self._changed = host, changed
        self.favourites = _ids(host.setting("favourites"))
        self.recent = _ids(host.setting("recent"))
        """Newest first."""

    def like(self, style: str, liked: bool) -> None:
        """Make it a favourite, or none."""
        others = tuple(id for id in self.favourites if id != style)
        self.favourites = (*others, style) if liked else others
        self._keep("favourites", self.favourites)

    def painted(self, styles: Sequence[str]) -> None:
        """Remember what a picture is painted with (ids, or id@rev)."""
        recent = self.recent
        for style in reversed([plain_id(style) for style in styles if style]):
            recent = used(recent, style)
        if recent != self.recent:
            self.recent = recent
            self._keep("recent", recent)

    def styles(self, catalogue: Catalogue | None, which: str = "") -> list[Style]:
        """The styles of the gallery limited to `which` (of WHICH), favourites first; recent ones by their time."""
        return [] if catalogue is None else on_shelf(catalogue, which, self.favourites, self.recent)

    def _keep(self, name: str, ids: tuple[str, ...]) -> None:
        self._host.keep_setting(name, json.dumps(ids))
        self._changed()


def _ids(written: str) -> tuple[str, ...]:
    try:
        listed = json.loads(written)
    except (ValueError, RecursionError):
        return ()
    return tuple(id for id in listed if isinstance(id, str)) if isinstance(listed, list) else ()
