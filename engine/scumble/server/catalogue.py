# SPDX-License-Identifier: Apache-2.0
"""The catalogue a client sees: the methods that the worker has reported, and the styles on disk.

Invariants: `revision` rises whenever a page would read differently; every page fits into a header.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from scumble.api.errors import ScumbleError
from scumble.api.options import OptionSpec
from scumble.library.styles import StoredStyle, StyleStore
from scumble.server import limits
from scumble.server.messages import encode

log = logging.getLogger(__name__)

PAGE = 32
"""Styles on a page."""
PAGE_BYTES = limits.HEADER - 1024
"""Bytes that a page's methods and styles may take; the rest is for the fields around them."""

Page = tuple[dict[str, Any], list[bytes]]


@dataclass
class _Draft:
    """A page in the making."""

    methods: list[dict[str, Any]] = field(default_factory=list)
    styles: list[dict[str, Any]] = field(default_factory=list)
    thumbnails: list[bytes] = field(default_factory=list)
    size: int = 0


class Catalogue:
    """Methods and styles, page by page."""

    def __init__(self, store: StyleStore) -> None:
        self.store = store
        self.ready = False
        """Whether the worker has named its methods."""
        self.revision = store.revision
        """As of the last look; an integer that another thread may read."""
        self._methods: dict[str, dict[str, Any]] = {}
        self._available: dict[str, list[str]] = {}
        self._outdated: Mapping[str, list[str]] = {}
        self._own_changes = 0
        self._pages: list[Page] = []

    def learn(
        self,
        methods: list[dict[str, Any]] | None,
        available: dict[str, list[str]],
        outdated: Mapping[str, list[str]] = MappingProxyType({}),
    ) -> None:
        """Take over what a worker has reported."""
        known = self._methods if methods is None else {m["id"]: m for m in methods}
        if (known, available, outdated) != (self._methods, self._available, self._outdated) or not self.ready:
            self._methods, self._available, self._outdated, self.ready = known, available, outdated, True
            self._own_changes += 1
            self.changed()

    def changed(self) -> int:
        """Look at the styles again. The revision after that."""
        self._pages = []
        self.revision = self.store.revision + self._own_changes
        return self.revision

    def methods(self) -> list[dict[str, Any]]:
        """All methods, as api.method.describe gives them."""
        return list(self._methods.values())

    def method(self, method_id: str) -> dict[str, Any]:
        """A method as api.method.describe gives it. Raises ScumbleError "method-unknown"."""
        try:
            return self._methods[method_id]
        except KeyError:
            known = ", ".join(self._methods)
            message = f"There is no method called {method_id!r}."
            raise ScumbleError("method-unknown", message, f"Methods are: {known}.") from None

    def options(self, method_id: str) -> list[OptionSpec]:
        return [OptionSpec(**o) for o in self.method(method_id)["options"]]

    def methods_of(self, style: StoredStyle) -> list[str]:
        """The methods that can paint a style; of one that is newer than the worker's last report, those that take any picture
        or have learnt it."""
        methods = self._available.get(style.pinned)
        if methods is not None or not style.own:
            return methods or []
        return [m for m, about in self._methods.items() if about["capabilities"]["arbitrary"] or style.state(m) is not None]

    def page(self, number: int) -> Page:
        """Header (less `type` and `re`) and thumbnails of a page. Raises ScumbleError "bad-message"."""
        if not self._pages or self.store.revision + self._own_changes != self.revision:
            self.changed()
            self._pages = self._build()
        if number >= len(self._pages):
            raise ScumbleError("bad-message", f"The catalogue has {len(self._pages)} pages; there is no page {number}.")
        return self._pages[number]

    def _build(self) -> list[Page]:
        """Methods first, then styles, on as many pages as they need."""
        drafts = [_Draft()]

        def place(entry: dict[str, Any]) -> _Draft | None:
            """The page for an entry, a new one where need be; None for one that no page could hold."""
            size = len(encode(entry)) + 1
            if size > PAGE_BYTES:
                log.warning("%r is left out of the catalogue: its texts are too long", entry["id"])
                return None
            if drafts[-1].size + size > PAGE_BYTES or len(drafts[-1].styles) == PAGE:
                drafts.append(_Draft())
            drafts[-1].size += size
            return drafts[-1]

        for method in self._methods.values():
            if page := place(method):
                page.methods.append(method)
        for style in self.store.list():
            entry = self._entry(style)
            if page := place(entry):
                picture = style.thumbnail()
                if picture is not None:
                    entry["thumbnail"] = len(page.thumbnails)
                    page.thumbnails.append(picture)
                page.styles.append(entry)
        about = {"pages": len(drafts), "revision": self.revision}
        return [
            ({"page": number, **about, "methods": d.methods, "styles": d.styles}, d.thumbnails)
            for number, d in enumerate(drafts)
        ]

    def refined(self, style: StoredStyle) -> list[str]:
        """The methods that have refined a style of the user's, and have not outgrown it since."""
        refiners = [m for m, described in self._methods.items() if described["capabilities"].get("refine")]
        outdated = self._outdated.get(style.pinned, [])
        return [m for m in refiners if style.own and m not in outdated and style.state(m) is not None]

    def _entry(self, style: StoredStyle) -> dict[str, Any]:
        return {
            "id": style.id,
            "revision": style.revision,
            "title": style.title,
            "artist": style.artist,
            "year": style.year,
            "licence": style.licence,
            "own": style.own,
            "methods": self.methods_of(style),
            "refined": self.refined(style),
            "thumbnail": None,
        }
