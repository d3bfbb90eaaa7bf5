# SPDX-License-Identifier: Apache-2.0
"""The refinement of a user style on disk: the record that it began, its checkpoint, and its result.

Invariants: a refined state gets a new revision, so that `id@revision` means what it meant before; record and checkpoint name
the revision they began from, and are ignored for any other. One process writes: the engine.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from scumble.api.errors import ScumbleError
from scumble.library.atomic import cannot_write, write_atomic
from scumble.library.json_files import read_object, to_bytes
from scumble.library.styles import StoredStyle, StyleStore
from scumble.library.weights import MAX_STATE, Arrays, unpack_state, write_state

log = logging.getLogger(__name__)

KEPT = 12
"""How many of the user's pictures a style is refined on, the newest: 36 MiB in the engine, 290 MiB while it refines."""

UNFINISHED = ".unfinished.safetensors"
"""The end of a checkpoint's file name."""


@dataclass(frozen=True)
class Record:
    """A refinement that has begun and is not finished."""

    method: str
    base: int
    """The revision it began from."""
    state: Literal["wanted", "stopped", "failed"] = "wanted"
    fraction: float = 0.0
    """How far it was when it stopped, from 0 to 1."""
    code: str = ""
    """Why it failed: with `message` and `hint` the error of docs/protocol.md, section 8."""
    message: str = ""
    hint: str = ""


def read_record(style: StoredStyle) -> Record | None:
    """The record of a style at its newest revision; None where it is missing, damaged, or of another revision."""
    path = _record_path(style)
    try:
        record = Record(**read_object(path, 1 << 16))
        texts = (record.method, record.code, record.message, record.hint)
        if not all(isinstance(text, str) for text in texts) or record.state not in ("wanted", "stopped", "failed"):
            raise ValueError("its fields are not those of a refinement")
        return record if record.base == style.revision and 0 <= record.fraction <= 1 else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as e:
        log.warning("%s is damaged and ignored: %s", path, e)
        return None


def write_record(store: StyleStore, style_id: str, record: Record) -> None:
    """Write a style's record.

    Raises ScumbleError "style-unknown" where the style was revised or removed meanwhile, "disk-full", "no-write".
    """
    _write(_record_path(_unchanged(store, style_id, record.base)), to_bytes(asdict(record)))


def read_checkpoint(style: StoredStyle, method: str) -> Arrays | None:
    """The state of this revision's unfinished refinement; None where it is missing or damaged."""
    path = _checkpoint_path(style, method)
    try:
        with open(path, "rb") as f:
            return unpack_state(f.read(2 * MAX_STATE))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as e:
        log.warning("%s is damaged, so the refinement starts again: %s", path, e)
        return None


def write_checkpoint(store: StyleStore, style_id: str, base: int, method: str, data: bytes) -> None:
    """Write what `pack_state` returned. Raises as `write_record`."""
    _write(_checkpoint_path(_unchanged(store, style_id, base), method), data)


def keep_refined(store: StyleStore, style_id: str, base: int, method: str, data: bytes, card: Mapping[str, Any]) -> StoredStyle:
    """Make what `pack_state` returned the state of a new revision, and delete record and checkpoint.

    Raises as `write_record`.
    """
    style = _unchanged(store, style_id, base)
    path = style.state_path(method, base + 1)
    try:
        write_state(path, data, {**card, "style": style.id, "method": method, "revision": base + 1, "from": base})
    except OSError as e:
        raise cannot_write(e, path) from e
    revised = store.revise(style.id)
    for old in (_record_path(style), *style.folder.glob(f"*{UNFINISHED}")):
        old.unlink(missing_ok=True)
    return revised


def _unchanged(store: StyleStore, style_id: str, base: int) -> StoredStyle:
    """The user style, if `base` is its newest revision. Raises ScumbleError "style-unknown"."""
    style = store.get(style_id)
    if not style.own or style.revision != base:
        raise ScumbleError("style-unknown", f"The style {style.title!r} has changed meanwhile.", f"Use {style.pinned}.")
    return style


def _record_path(style: StoredStyle) -> Path:
    return style.folder / "refining.json"


def _checkpoint_path(style: StoredStyle, method: str) -> Path:
    return style.folder / f"{method}@{style.revision}{UNFINISHED}"


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomic(path, data)
    except OSError as e:
        raise cannot_write(e, path) from e
