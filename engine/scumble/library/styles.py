# SPDX-License-Identifier: Apache-2.0
"""The styles there are: those that ship, and the user's own.

Invariants: `id@revision` means one thing forever, also after the style was removed and another took its name; a style
is there completely or not at all; a damaged one is left out with a warning and the others stay. Nothing is cached, so
that the broker and the worker, which are two processes, see the same styles.
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import io
import json
import logging
import os
import re
import secrets
import shutil
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from scumble.api.errors import ScumbleError
from scumble.api.method import Pixels
from scumble.library.atomic import cannot_write, write_atomic
from scumble.library.places import SHIPPED, data_dir, state_path

log = logging.getLogger(__name__)

ID = re.compile(r"[a-z0-9-]{1,64}")
METHOD = re.compile(r"[a-z0-9-]{1,64}")
"""What a method is called, and nothing that leads out of a folder."""

PINNED = re.compile(r"([a-z0-9-]{1,64})(?:@([1-9][0-9]{0,8}))?")

MAX_SIDE = 1536
"""Longest side a style's picture is kept at, in pixels: half as large again as the working scale it is compared at."""
MAX_FILE = 16 << 20
"""No PNG of ours is larger: 1536 x 1536 RGB has 6.75 MiB before compression."""
MAX_TITLE = 80
THUMBNAIL = 128

Card = dict[str, Any]


@dataclass(frozen=True)
class StoredStyle:
    """One style at one revision; implements `api.method.Style`. `year` and `licence` are text for people."""

    id: str
    revision: int
    title: str
    artist: str
    year: str
    licence: str
    own: bool
    """Whether the user put it in; otherwise it ships."""
    folder: Path

    @property
    def pinned(self) -> str:
        """`id@revision`."""
        return f"{self.id}@{self.revision}"

    @property
    def has_picture(self) -> bool:
        """Whether its painting is kept: of the user's own styles it is, of the shipped ones it is not."""
        return self.own

    def picture(self) -> Pixels | None:
        """(H, W, 3) in [0, 1], or None where only trained states ship. Raises ScumbleError "style-unavailable"."""
        if not self.own:
            return None
        try:
            data = (self.folder / "picture.png").read_bytes()
            if hashlib.sha256(data).hexdigest() != _read_json(self.folder / "style.json").get("sha256"):
                raise ValueError("its bytes are not those its card names")
            with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
                return np.asarray(image.convert("RGB"), np.float32) / np.float32(255)
        except (OSError, ValueError) as e:
            raise ScumbleError(
                "style-unavailable",
                f"The picture of the style {self.title!r} is damaged.",
                "Remove the style and add it again.",
            ) from e

    def state(self, method: str) -> Path | None:
        """The weight file `method` has for this revision (the newest that is no newer), or None."""
        if not self.own:
            path = state_path(self.folder.parent, method, self.id)
            return path if path.is_file() else None
        paths = (self.state_path(method, revision) for revision in range(self.revision, 0, -1))
        return next((path for path in paths if path.is_file()), None)

    def state_path(self, method: str, revision: int) -> Path:
        """Where a user style keeps the weight file of `method` that appeared with `revision`."""
        return self.folder / f"{method}@{revision}.safetensors"

    def thumbnail(self) -> bytes | None:
        """PNG, 128 px square; None where there is none (a picture of a style is nice to have, no more)."""
        path = self.folder / ("thumbnail.png" if self.own else f"{self.id}.png")
        try:
            return path.read_bytes() if path.stat().st_size <= MAX_FILE else None
        except OSError:
            return None


class StyleStore:
    """Shipped styles in `SHIPPED/styles`, the user's in `user_dir` (default: `styles` in the user's data folder)."""

    def __init__(self, user_dir: Path | None = None) -> None:
        self.user_dir = user_dir or data_dir() / "styles"
        self._warned: set[Path] = set()

    @property
    def revision(self) -> int:
        """Of the catalogue: rises with every style put, revised or removed, also from one engine to the next."""
        changes: int = self._ledger()["changes"]
        return changes + sum(style.revision for style in self._shipped())

    def list(self) -> Sequence[StoredStyle]:
        """All styles at their newest revision, shipped ones first, each group by title."""
        return [*self._shipped(), *self._own()]

    def get(self, name: str) -> StoredStyle:
        """The style `id` (newest) or `id@rev`. Raises ScumbleError "style-unknown" with the nearest names."""
        match = PINNED.fullmatch(name)
        found = next((s for s in self.list() if match and s.id == match[1]), None)
        if match is None or found is None:
            raise self._unknown(name)
        wanted = int(match[2] or found.revision)
        if wanted == found.revision:
            return found
        first = int(_read_json(found.folder / "style.json")["first"]) if found.own else found.revision
        if not first <= wanted <= found.revision:
            raise ScumbleError(
                "style-unknown", f"The style {found.title!r} has no revision {wanted} here.", f"Use {found.pinned}."
            )
        return replace(found, revision=wanted)

    def put(self, name: str, rgb: NDArray[np.uint8]) -> StoredStyle:
        """Keep the picture (H, W, 3) uint8 as a style of the user's called `name`; a picture already kept is not kept twice.

        Raises ScumbleError "bad-raster", "disk-full", "no-write".
        """
        if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or min(rgb.shape) < 1:
            raise ScumbleError("bad-raster", "A style needs a picture of 8-bit red, green and blue.")
        title = _title(name)
        image = Image.fromarray(np.ascontiguousarray(rgb))
        if max(image.size) > MAX_SIDE:
            scale = MAX_SIDE / max(image.size)
            size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
            image = image.resize(size, Image.Resampling.LANCZOS, reducing_gap=4)
        picture, thumbnail = _png(image), _png(ImageOps.fit(image, (THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS))
        digest = hashlib.sha256(picture).hexdigest()
        for style in self._own():
            if style.title == title and _read_json(style.folder / "style.json").get("sha256") == digest:
                return style
        card = {"title": title, "artist": "", "year": "", "licence": "", "sha256": digest}
        try:
            return self._store(_slug(title), card, {"picture.png": picture, "thumbnail.png": thumbnail})
        except OSError as e:
            raise cannot_write(e, self.user_dir) from e

    def revise(self, style_id: str) -> StoredStyle:
        """Raise the revision of a user style, once `state_path(method, revision + 1)` is written. Raises as `get` and `put`."""
        style = self._own_one(style_id)
        card = _read_json(style.folder / "style.json") | {"revision": style.revision + 1}
        try:
            write_atomic(style.folder / "style.json", _json(card))
            self._note()
        except OSError as e:
            raise cannot_write(e, self.user_dir) from e
        return replace(style, revision=style.revision + 1)

    def attach(self, style_id: str, weights: Path) -> StoredStyle:
        """Give a user style a trained file of its own, of the method that its card names: a new revision.

        Raises as `get` and `put`, and ScumbleError "weights-corrupt".
        """
        from scumble.library.weights import card_path, load_weights  # here, for they import torch

        style = self._own_one(style_id)
        method = load_weights(weights)[1].get("method")
        if not isinstance(method, str) or not METHOD.fullmatch(method):
            raise ScumbleError("weights-corrupt", f"The card of {weights.name} does not say of what method it is.")
        path = style.state_path(method, style.revision + 1)
        try:
            write_atomic(card_path(path), card_path(weights).read_bytes())
            write_atomic(path, weights.read_bytes())  # last: a state is there as soon as this is
        except OSError as e:
            raise cannot_write(e, self.user_dir) from e
        return self.revise(style.id)

    def remove(self, style_id: str) -> None:
        """Forget a user style. Raises ScumbleError "style-shipped", "style-unknown", "no-write"."""
        style = self._own_one(style_id)
        grave = self.user_dir / f".{secrets.token_hex(6)}.removed"
        try:
            self._note({style.id: style.revision})
            style.folder.rename(grave)
        except OSError as e:
            raise cannot_write(e, self.user_dir) from e
        shutil.rmtree(grave, ignore_errors=True)

    def _own_one(self, style_id: str) -> StoredStyle:
        style = self.get(style_id.partition("@")[0])
        if not style.own:
            raise ScumbleError("style-shipped", f"{style.title!r} comes with Scumble and stays.", "Only your own can go.")
        return style

    def _store(self, wanted: str, card: Card, files: dict[str, bytes]) -> StoredStyle:
        """Write a new style's folder under the first free id like `wanted`."""
        taken = {s.id for s in self._shipped()}
        removed = self._ledger()["removed"]
        draft = self.user_dir / f".{secrets.token_hex(6)}.new"
        draft.mkdir(parents=True)
        try:
            for name, data in files.items():
                write_atomic(draft / name, data)
            for number in range(1, 10_000):
                style_id = wanted if number == 1 else f"{wanted[:58].rstrip('-')}-{number}"
                folder = self.user_dir / style_id
                if style_id in taken or folder.exists():
                    continue
                revision = int(removed.get(style_id, 0)) + 1
                write_atomic(draft / "style.json", _json({"id": style_id, "revision": revision, "first": revision} | card))
                try:
                    draft.rename(folder)
                except OSError as e:
                    if e.errno in (errno.EEXIST, errno.ENOTEMPTY):
                        continue  # another process took the id between the two lines
                    raise
                try:
                    self._note()
                except OSError:
                    shutil.rmtree(folder, ignore_errors=True)
                    raise
                return _load(folder / "style.json", own=True)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        raise ScumbleError("no-write", f"There are thousands of styles called {card['title']!r}.", "Choose another name.")

    def _ledger(self) -> Card:
        """How often the user's styles changed, and the last revision of each removed one."""
        try:
            ledger = _read_json(self.user_dir / "ledger.json")
            changes, removed = ledger["changes"], ledger["removed"]
            if isinstance(changes, int) and isinstance(removed, dict):
                return {"changes": changes, "removed": removed}
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError) as e:
            self._warn(self.user_dir / "ledger.json", e)
        return {"changes": 0, "removed": {}}

    def _note(self, removed: dict[str, int] | None = None) -> None:
        ledger = self._ledger()
        changed = {"changes": ledger["changes"] + 1, "removed": ledger["removed"] | (removed or {})}
        write_atomic(self.user_dir / "ledger.json", _json(changed))

    def _shipped(self) -> Sequence[StoredStyle]:
        return self._loaded(sorted((SHIPPED / "styles").glob("*.json")), own=False)

    def _own(self) -> Sequence[StoredStyle]:
        folders = sorted(self.user_dir.iterdir()) if self.user_dir.is_dir() else []
        shipped = {path.stem for path in (SHIPPED / "styles").glob("*.json")}
        cards = [f / "style.json" for f in folders if ID.fullmatch(f.name) and f.is_dir() and f.name not in shipped]
        return self._loaded(cards, own=True)

    def _loaded(self, cards: Iterable[Path], own: bool) -> Sequence[StoredStyle]:
        styles = []
        for card in cards:
            try:
                styles.append(_load(card, own))
            except (OSError, ValueError, KeyError, TypeError) as e:
                self._warn(card, e)
        return sorted(styles, key=lambda s: (s.title.casefold(), s.id))

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


def _load(path: Path, own: bool) -> StoredStyle:
    """A style from its card. Raises OSError, ValueError, KeyError or TypeError where something is wrong with it."""
    card = _read_json(path)
    name = path.parent.name if own else path.stem
    if card["id"] != name or not ID.fullmatch(name):
        raise ValueError(f"its card says {card['id']!r}")
    revision = card["revision"]
    if not isinstance(revision, int) or revision < 1:
        raise ValueError(f"its revision is {revision!r}")
    texts = {key: str(card[key])[:200] for key in ("title", "artist", "year", "licence")}
    if own:
        if not 1 <= int(card["first"]) <= revision:
            raise ValueError("its first revision comes after its last")
        with open(path.parent / "picture.png", "rb") as f:
            if f.read(8) != b"\x89PNG\r\n\x1a\n" or os.fstat(f.fileno()).st_size > MAX_FILE:
                raise ValueError("its picture is no PNG of ours")
    return StoredStyle(name, revision, own=own, folder=path.parent, **texts)


def _read_json(path: Path) -> Card:
    with open(path, "rb") as f:
        text = f.read(1 << 20)
    try:
        card = json.loads(text)
    except RecursionError:
        raise ValueError("it nests too deep") from None
    if not isinstance(card, dict):
        raise ValueError("it is not a JSON object")
    return card


def _json(card: Card) -> bytes:
    return (json.dumps(card, indent=2, ensure_ascii=False) + "\n").encode()


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _title(name: str) -> str:
    """`name` in one line of printable text, 80 characters at most."""
    text = "".join(c if c.isprintable() else " " for c in name)
    return " ".join(text.split())[:MAX_TITLE].strip() or "Style"


def _slug(title: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text)[:64].strip("-") or "style"
