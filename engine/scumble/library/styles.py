# SPDX-License-Identifier: Apache-2.0
"""The catalogue of styles: those that ship, and the user's own.

Invariants: `id@revision` means one thing forever, also after the style was removed and another took its id; a style is there
completely or not at all; a damaged one is left out with a warning and the others stay. Nothing is cached, so that the broker
and the worker, which are two processes, see the same styles.
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import io
import logging
import re
import secrets
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from scumble.api.errors import ScumbleError
from scumble.library.atomic import cannot_write, write_atomic
from scumble.library.json_files import read_object, to_bytes
from scumble.library.names import id_of, title_of
from scumble.library.places import SHIPPED, data_dir
from scumble.library.stored_style import ID, StoredStyle, load_style
from scumble.library.weights import card_path, load_weights

__all__ = ["ID", "StoredStyle", "StyleStore"]

log = logging.getLogger(__name__)

METHOD = re.compile(r"[a-z0-9-]{1,64}")
"""A method's id; nothing that leads out of a folder."""

PINNED = re.compile(r"([a-z0-9-]{1,64})(?:@([1-9][0-9]{0,8}))?")

MAX_SIDE = 1536
"""Longest side in pixels at which a style's picture is kept: one and a half times the scale it is compared at."""
THUMBNAIL = 128
"""Side in pixels."""


class StyleStore:
    """Shipped styles in `SHIPPED/styles`, the user's in `user_dir` (default: `styles` in the user's data folder)."""

    def __init__(self, user_dir: Path | None = None) -> None:
        self.user_dir = user_dir or data_dir() / "styles"
        self._warned: set[Path] = set()

    @property
    def revision(self) -> int:
        """The catalogue's number: it rises with every style added, changed or removed, also from one engine to the next."""
        changes: int = self._ledger()["changes"]
        return changes + sum(style.revision for style in self._shipped())

    def list(self) -> Sequence[StoredStyle]:
        """All styles at their newest revision: shipped ones in the gallery's order, then the user's by title."""
        return [*self._shipped(), *self._own()]

    def get(self, name: str) -> StoredStyle:
        """The style `id` (newest) or `id@revision`; no other card is opened. Raises ScumbleError "style-unknown"."""
        match = PINNED.fullmatch(name)
        newest = self._newest(match[1]) if match else None
        if match is None or newest is None:
            raise self._unknown(name)
        wanted = int(match[2] or newest.revision)
        if wanted == newest.revision:
            return newest
        if not newest.first <= wanted <= newest.revision:
            raise ScumbleError(
                "style-unknown", f"The style {newest.title!r} has no revision {wanted} here.", f"Use {newest.pinned}."
            )
        return replace(newest, revision=wanted)

    def put(self, name: str, rgb: NDArray[np.uint8], style_id: str | None = None) -> StoredStyle:
        """Add the picture (H, W, 3) uint8 as a user style titled `name`; the same picture and title again give the same style.

        Without `style_id` the id is made of the name. Raises ScumbleError "bad-raster", "disk-full", "no-write", and
        "style-unavailable" where another style has that id.
        """
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or min(rgb.shape) < 1:
            raise ScumbleError("bad-raster", "A style needs a picture of 8-bit red, green and blue.")
        title = title_of(name)
        image = Image.fromarray(np.ascontiguousarray(rgb))
        if max(image.size) > MAX_SIDE:
            scale = MAX_SIDE / max(image.size)
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=4)
        picture, thumbnail = _png(image), _png(ImageOps.fit(image, (THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS))
        digest = hashlib.sha256(picture).hexdigest()
        for style in self._own():
            same = style.title == title and style_id in (None, style.id)
            if same and read_object(style.folder / "style.json").get("sha256") == digest:
                return style
        card = {"title": title, "artist": "", "year": "", "licence": "", "sha256": digest}
        try:
            return self._store(
                style_id or id_of(title), style_id is not None, card, {"picture.png": picture, "thumbnail.png": thumbnail}
            )
        except OSError as e:
            raise cannot_write(e, self.user_dir) from e

    def revise(self, style_id: str) -> StoredStyle:
        """Raise a user style's revision, after `state_path(method, revision + 1)` was written. Raises as `get` and `put`."""
        style = self._own_one(style_id)
        self._rewrite(style, {"revision": style.revision + 1})
        return replace(style, revision=style.revision + 1)

    def rename(self, style_id: str, name: str) -> StoredStyle:
        """Change a user style's title to `name`; its id, revision and files stay. Raises as `remove`."""
        style, title = self._own_one(style_id), title_of(name)
        self._rewrite(style, {"title": title})
        return replace(style, title=title)

    def attach(self, style_id: str, weights: Path) -> StoredStyle:
        """Copy a trained weight file into a user style, for the method that its card names: a new revision.

        Raises as `get` and `put`, and ScumbleError "weights-corrupt".
        """
        style = self._own_one(style_id)
        method = load_weights(weights)[1].get("method")
        if not isinstance(method, str) or not METHOD.fullmatch(method):
            raise ScumbleError(
                "weights-corrupt", f"The card of {weights.name} names no method.", "Take what scumble train wrote."
            )
        path = style.state_path(method, style.revision + 1)
        try:
            write_atomic(card_path(path), card_path(weights).read_bytes())
            write_atomic(path, weights.read_bytes())  # last: a state is there as soon as this is
        except OSError as e:
            raise cannot_write(e, self.user_dir) from e
        return self.revise(style.id)

    def remove(self, style_id: str) -> None:
        """Remove a user style. Raises ScumbleError "style-shipped", "style-unknown", "no-write"."""
        style = self._own_one(style_id)
        removed = self.user_dir / f".{secrets.token_hex(6)}.removed"
        try:
            self._note({style.id: style.revision})
            style.folder.rename(removed)
        except OSError as e:
            raise cannot_write(e, self.user_dir) from e
        shutil.rmtree(removed, ignore_errors=True)

    def _own_one(self, style_id: str) -> StoredStyle:
        style = self.get(style_id.partition("@")[0])
        if not style.own:
            raise ScumbleError(
                "style-shipped", f"{style.title!r} ships with Scumble and stays as it is.", "Only your own can change."
            )
        return style

    def _rewrite(self, style: StoredStyle, changes: dict[str, Any]) -> None:
        """Replace fields of a user style's card. Raises ScumbleError "disk-full", "no-write"."""
        path = style.folder / "style.json"
        try:
            write_atomic(path, to_bytes(read_object(path) | changes))
            self._note()
        except OSError as e:
            raise cannot_write(e, self.user_dir) from e

    def _store(self, wanted: str, exactly: bool, card: dict[str, Any], files: dict[str, bytes]) -> StoredStyle:
        """Write a new style's folder under the first free id like `wanted`, or under that one `exactly`. Raises OSError; there
        is then no such style."""
        draft = self.user_dir / f".{secrets.token_hex(6)}.new"
        draft.mkdir(parents=True)
        try:
            for name, data in files.items():
                write_atomic(draft / name, data)
            taken, removed = _shipped_ids(), self._ledger()["removed"]
            for number in range(1, 2 if exactly else 10_000):
                style_id = wanted if number == 1 else f"{wanted[:58].rstrip('-')}-{number}"
                if style_id in taken:
                    continue
                revision = int(removed.get(style_id, 0)) + 1
                if self._place(draft, {"id": style_id, "revision": revision, "first": revision} | card):
                    return load_style(self.user_dir / style_id / "style.json", own=True)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        if exactly:
            raise ScumbleError("style-unavailable", f"Another style has the id {wanted!r}.", "Choose one that is free.")
        raise ScumbleError("no-write", f"There are thousands of styles called {card['title']!r}.", "Choose another name.")

    def _place(self, draft: Path, card: dict[str, Any]) -> bool:
        """Make `draft` the folder of the card's id; False where that id is taken. Raises OSError."""
        folder = self.user_dir / str(card["id"])
        if folder.exists():
            return False
        write_atomic(draft / "style.json", to_bytes(card))
        try:
            draft.rename(folder)
        except OSError as e:
            if e.errno in (errno.EEXIST, errno.ENOTEMPTY):
                return False  # another process took the id meanwhile
            raise
        try:
            self._note()
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return True

    def _ledger(self) -> dict[str, Any]:
        """Read how often the user's styles have changed, and the last revision of each removed one by id."""
        try:
            ledger = read_object(self.user_dir / "ledger.json")
            changes, removed = ledger["changes"], ledger["removed"]
            if isinstance(changes, int) and isinstance(removed, dict):
                return {"changes": changes, "removed": removed}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError) as e:
            self._warn(self.user_dir / "ledger.json", e)
        return {"changes": 0, "removed": {}}

    def _note(self, removed: dict[str, int] | None = None) -> None:
        """Count a change in the ledger, and note the last revisions of `removed` styles. Raises OSError."""
        ledger = self._ledger()
        changed = {"changes": ledger["changes"] + 1, "removed": ledger["removed"] | (removed or {})}
        write_atomic(self.user_dir / "ledger.json", to_bytes(changed))

    def _newest(self, style_id: str) -> StoredStyle | None:
        """The style of that id at its newest revision; None where there is none, or a damaged one."""
        shipped, own = SHIPPED / "styles" / f"{style_id}.json", self.user_dir / style_id
        if shipped.is_file():
            styles = self._loaded([shipped], own=False)
        else:
            styles = self._loaded([own / "style.json"] if own.is_dir() else [], own=True)
        return styles[0] if styles else None

    def _shipped(self) -> Sequence[StoredStyle]:
        return self._loaded(sorted((SHIPPED / "styles").glob("*.json")), own=False)

    def _own(self) -> Sequence[StoredStyle]:
        folders = sorted(self.user_dir.iterdir()) if self.user_dir.is_dir() else []
        taken = _shipped_ids()
        cards = [f / "style.json" for f in folders if ID.fullmatch(f.name) and f.is_dir() and f.name not in taken]
        return self._loaded(cards, own=True)

    def _loaded(self, cards: Iterable[Path], own: bool) -> Sequence[StoredStyle]:
        """The styles of these cards by rank and title, without the damaged ones."""
        styles = []
        for card in cards:
            try:
                styles.append(load_style(card, own))
            except (OSError, ValueError, KeyError, TypeError) as e:
                self._warn(card, e)
        return sorted(styles, key=lambda s: (s.rank, s.title.casefold(), s.id))

    def _warn(self, path: Path, error: Exception) -> None:
        if path not in self._warned:
            self._warned.add(path)
            log.warning("%s is damaged and left out: %s", path, error)

    def _unknown(self, name: str) -> ScumbleError:
        ids = [s.id for s in self.list()]
        near = difflib.get_close_matches(name.partition("@")[0].lower(), ids, 3, 0.5) or ids[:5]
        return ScumbleError(
            "style-unknown", f"There is no style called {name[:80]!r}.", f"Did you mean: {', '.join(near)}?" if near else ""
        )


def _shipped_ids() -> set[str]:
    """Ids of all styles that ship, damaged ones too: no style of the user's may take one."""
    return {path.stem for path in (SHIPPED / "styles").glob("*.json")}


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
