# SPDX-License-Identifier: Apache-2.0
"""The catalogue a client sees: what the worker said about methods, and the styles on disk.

Invariant: `revision` rises whenever a page would read differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scumble.errors import ScumbleError
from scumble.methods.base import OptionSpec
from scumble.styles import StoredStyle, StyleStore

PAGE = 32
"""Styles on a page."""

Page = tuple[dict[str, Any], list[bytes]]


class Catalogue:
    """Methods and styles, page by page."""

    def __init__(self, store: StyleStore) -> None:
        self.store = store
        self.ready = False
        """Whether the worker has told its methods."""
        self.revision = store.revision
        """As last seen; an integer that another thread may read."""
        self._methods: dict[str, dict[str, Any]] = {}
        self._available: dict[str, list[str]] = {}
        self._own_changes = 0
        self._pages: list[Page] = []

    def learn(self, methods: list[dict[str, Any]] | None, available: dict[str, list[str]]) -> None:
        """Take over what a worker said."""
        told = self._methods if methods is None else {m["id"]: m for m in methods}
        if (told, available) != (self._methods, self._available) or not self.ready:
            self._methods, self._available, self.ready = told, available, True
            self._own_changes += 1
            self.changed()

    def changed(self) -> int:
        """Look at the styles anew. The revision after that."""
        self._pages = []
        self.revision = self.store.revision + self._own_changes
        return self.revision

    def method(self, method_id: str) -> dict[str, Any]:
        """A method as base.describe gives it. Raises ScumbleError "method-unknown"."""
        try:
            return self._methods[method_id]
        except KeyError:
            known = ", ".join(self._methods)
            message = f"There is no method called {method_id!r}."
            raise ScumbleError("method-unknown", message, f"Methods are: {known}.") from None

    def options(self, method_id: str) -> list[OptionSpec]:
        return [OptionSpec(**o) for o in self.method(method_id)["options"]]

    def methods_of(self, style: StoredStyle) -> list[str]:
        """The methods that can paint a style; for one that is newer than the worker's word, those that take any picture."""
        told = self._available.get(style.pinned)
        if told is not None or not style.own:
            return told or []
        return [m for m, described in self._methods.items() if described["capabilities"]["arbitrary"]]

    def page(self, number: int) -> Page:
        """Header (less `type` and `re`) and thumbnails of a page. Raises ScumbleError "bad-message"."""
        if not self._pages or self.store.revision + self._own_changes != self.revision:
            self.changed()
            self._pages = self._build()
        if number >= len(self._pages):
            raise ScumbleError("bad-message", f"The catalogue has {len(self._pages)} pages; there is no page {number}.")
        return self._pages[number]

    def _build(self) -> list[Page]:
        styles = self.store.list()
        count = max(1, -(-len(styles) // PAGE))
        return [self._build_page(n, count, styles[n * PAGE : (n + 1) * PAGE]) for n in range(count)]

    def _build_page(self, number: int, count: int, styles: Sequence[StoredStyle]) -> Page:
        thumbnails: list[bytes] = []
        entries = []
        for style in styles:
            picture = style.thumbnail()
            entries.append(
                {
                    "id": style.id,
                    "revision": style.revision,
                    "title": style.title,
                    "artist": style.artist,
                    "year": style.year,
                    "licence": style.licence,
                    "own": style.own,
                    "methods": self.methods_of(style),
                    "thumbnail": None if picture is None else len(thumbnails),
                }
            )
            if picture is not None:
                thumbnails.append(picture)
        methods = list(self._methods.values()) if number == 0 else []
        header = {"page": number, "pages": count, "revision": self.revision, "methods": methods, "styles": entries}
        return header, thumbnails
