# SPDX-License-Identifier: Apache-2.0
"""What the engine offers, read from its catalogue pages (docs/protocol.md, section 4).

Invariant: a `Catalogue` is of one revision; pages of two revisions are never mixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from .errors import malformed
from .wire import Frame

MAX_PAGES = 4096
"""More than a hundred thousand styles are not believed."""


@dataclass(frozen=True)
class Option:
    """One setting of a method. `kind` is "float", "int", "bool", "choice" or "text"; fields it has no use for are None."""

    name: str
    title: str
    help: str
    kind: str
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    unit: str | None = None
    choices: tuple[str, ...] | None = None
    preview: Any = None
    """What a live preview takes in its place, where a value takes long; None is the value itself."""


@dataclass(frozen=True)
class Method:
    """A method of the engine. `capabilities` are "arbitrary", "blend", "regions", "tiling", "iterative", "refine"."""

    id: str
    title: str
    paper: str
    purpose: str
    capabilities: Mapping[str, bool]
    options: tuple[Option, ...]

    def quick(self, chosen: Mapping[str, Any]) -> dict[str, Any]:
        """The chosen options as a live preview takes them."""
        instead = {o.name: o.preview for o in self.options if o.preview is not None}
        return {name: instead.get(name, value) for name, value in chosen.items()}

    def gradual(self, chosen: Mapping[str, Any]) -> bool:
        """Whether a picture comes step by step with these options, so that unfinished ones are worth showing."""
        return bool(self.capabilities.get("iterative")) or self.quick(chosen) != dict(chosen)


@dataclass(frozen=True)
class Style:
    """A style of the gallery. `methods` are the ids of those that can paint it, `refined` of those that have refined it; `own`
    marks the user's own; `thumbnail` is a PNG of 128 px or None."""

    id: str
    revision: int
    title: str
    artist: str | None
    year: Any
    licence: str | None
    own: bool
    methods: tuple[str, ...]
    thumbnail: bytes | None
    refined: tuple[str, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """All methods and styles of an engine, at one revision of its catalogue."""

    methods: tuple[Method, ...]
    styles: tuple[Style, ...]
    revision: int


class Pages:
    """Collects the pages of one catalogue."""

    def __init__(self) -> None:
        self.wanted = 0
        self._revision = -1
        self._methods: list[Method] = []
        self._styles: list[Style] = []

    def add(self, header: Mapping[str, Any], frames: Sequence[Frame]) -> Catalogue | None:
        """Take page `wanted`; the catalogue when it was the last, else None and `wanted` is the next page to ask for."""
        page, pages, revision = int(header["page"]), int(header["pages"]), int(header["revision"])
        if page != self.wanted or pages > MAX_PAGES:
            raise malformed(f"page {page} of {pages} came where page {self.wanted} was asked for")
        if page and revision != self._revision:
            self._start_over()
            return None
        self._revision = revision
        self._methods += [_method(m) for m in header.get("methods", ())]
        self._styles += [_style(s, frames) for s in header["styles"]]
        self.wanted += 1
        if self.wanted < pages:
            return None
        return Catalogue(tuple(self._methods), tuple(self._styles), revision)

    def _start_over(self) -> None:
        self.wanted = 0
        self._methods.clear()
        self._styles.clear()


T = TypeVar("T")


def _method(entry: Mapping[str, Any]) -> Method:
    return _known(Method, {**entry, "options": tuple(_option(o) for o in entry["options"])})


def _option(entry: Mapping[str, Any]) -> Option:
    choices = entry.get("choices")
    return _known(Option, {**entry, "choices": None if choices is None else tuple(choices)})


def _style(entry: Mapping[str, Any], frames: Sequence[Frame]) -> Style:
    number = entry.get("thumbnail")
    thumbnail = None if number is None else bytes(frames[number])
    optional = {name: entry.get(name) for name in ("artist", "year", "licence")}
    methods = {name: tuple(map(str, entry.get(name, ()))) for name in ("methods", "refined")}
    return _known(Style, {**entry, **optional, **methods, "thumbnail": thumbnail})


def _known(kind: type[T], entry: Mapping[str, Any]) -> T:
    """`entry` as `kind`, without the fields this version does not know."""
    return kind(**{f.name: entry[f.name] for f in fields(kind) if f.name in entry})  # type: ignore[arg-type]
