# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the history: in the document what was painted in it, in memory what has no place there.

Invariant: a finished picture is never thrown away before ROOM is full, oldest first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from .history import Entry, dump, load
from .painting import Painting, write_band
from .ports import Host, Source
from .scumble_client.desk.history import THUMBNAIL
from .scumble_client.desk.settings import pinned
from .scumble_client.errors import EngineError
from .scumble_client.raster import Raster

ROOM = 512 << 20
"""Bytes of results that wait for a place."""


class Records:
    """The history of the active document, with what waits for a place on top."""

    def __init__(self, host: Host, changed: Callable[[], None]) -> None:
        self._host, self._changed = host, changed
        self._kept: dict[int, tuple[Entry, Source, Raster]] = {}
        self._number = 0
        self._noted: dict[int, Entry] = {}  # of paintings that the engine has finished, by identity

    def entries(self) -> list[Entry]:
        """Newest first."""
        return [entry for entry, _, _ in reversed(self._kept.values())] + load(self._host.notes(None))

    def note(self, painting: Painting, styles: tuple[str, ...], seconds: float, device: str) -> None:
        """Note the engine's report on a finished picture; `styles` are pinned, id@rev."""
        order = painting.order
        settings = pinned(order.settings, styles)
        entry = Entry(order.title, order.layer.name, settings, seconds, device=device, when=time.time())
        self._noted = {id(painting): entry}

    def placed(self, painting: Painting) -> None:
        """The result is in the document."""
        entry = self._noted.pop(id(painting), None)
        if entry is None or painting.target is None or painting.source is None:
            return
        entry = replace(entry, picture=painting.target.thumbnail(THUMBNAIL))
        before = load(self._host.notes(painting.order.layer))
        self._host.keep_notes(painting.source, dump([entry, *before]))
        self._changed()

    def keep(self, painting: Painting) -> None:
        """The result has no place."""
        entry = self._noted.pop(id(painting), None)
        if entry is None or painting.source is None or painting.result is None:
            return
        self._number += 1
        self._kept[self._number] = (replace(entry, kept=self._number), painting.source, painting.result)
        while len(self._kept) > 1 and sum(r.stride * r.height for _, _, r in self._kept.values()) > ROOM:
            del self._kept[next(iter(self._kept))]
        self._changed()

    def insert(self, entry: Entry) -> None:
        """Put a kept result above the active layer. Raises EngineError "layer-gone", "host-busy"; it is kept then."""
        if entry.kept not in self._kept:
            return
        kept, source, result = self._kept[entry.kept]
        target = self._host.target_here(source, kept.title)
        if why := self._host.in_the_way(target):
            raise EngineError("host-busy", f"The result {why}.", "Insert it again then.")
        write_band(target, result, 0, float("inf"))
        target.insert()
        del self._kept[entry.kept]
        entry = replace(kept, kept=0, picture=target.thumbnail(THUMBNAIL))
        self._host.keep_notes(None, dump([entry, *load(self._host.notes(None))]))
        self._changed()
