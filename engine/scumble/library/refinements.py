# SPDX-License-Identifier: Apache-2.0
"""What the disk knows of a user style's refinement: that one is under way, its checkpoint, and at last its result.

Invariants: a refined state appears with a revision of its own, so `id@revision` goes on meaning what it meant; record and
checkpoint name the revision they began from, and are of no account for any other. One process writes: the engine.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from scumble.api.errors import ScumbleError
from scumble.library.atomic import cannot_write, write_atomic
from scumble.library.states import MAX_STATE, Arrays, unpack_state, write_state
from scumble.library.styles import StoredStyle, StyleStore

log = logging.getLogger(__name__)

KEPT = 12
"""Pictures of the user's that a style is refined on, the newest: 36 MiB in the engine, eight times that while it refines."""

UNFINISHED = ".unfinished.safetensors"
"""How the name of a checkpoint ends."""


@dataclass(frozen=True)
class Record:
    """A refinement that has begun and is not done."""

    method: str
    base: int
    """The revision it begins from."""
    state: Literal["wanted", "stopped", "failed"] = "wanted"
    fraction: float = 0.0
    """How far it was when it stopped."""
    code: str = ""
    """Why it failed, as in docs/protocol.md, section 8; likewise `message` and `hint`."""
    message: str = ""
    hint: str = ""


def read_record(style: StoredStyle) -> Record | None:
    """The record of a style at its newest revision; None where there is none that counts."""
    path = _record_path(style)
    try:
        with open(path, "rb") as f:
            record = Record(**json.loads(f.read(1 << 16)))
        texts = (record.method, record.code, record.message, record.hint)
        if not all(isinstance(text, str) for text in texts) or record.state not in ("wanted", "stopped", "failed"):
            raise ValueError("its fields are not those of a refinement")
        return record if record.base == style.revision and 0 <= record.fraction <= 1 else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, RecursionError) as e:
        log.warning("%s is damaged and counts for nothing: %s", path, e)
        return None


def write_record(store: StyleStore, style_id: str, record: Record) -> None:
    """Raises ScumbleError "style-unknown" where the style has gone on or away, "disk-full", "no-write"."""
    style = _still(store, style_id, record.base)
    _write(_record_path(style), (json.dumps(asdict(record), indent=2, ensure_ascii=False) + "\n").encode())


def read_checkpoint(style: StoredStyle, method: str) -> Arrays | None:
    """Where the unfinished refinement of this revision stood; None where there is nothing that can be used."""
    path = _checkpoint_path(style, method)
    try:
        with open(path, "rb") as f:
            return unpack_state(f.read(2 * MAX_STATE))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as e:
        log.warning("%s is damaged, so the refinement begins again: %s", path, e)
        return None


def write_checkpoint(store: StyleStore, style_id: str, base: int, method: str, data: bytes) -> None:
    """Keep what `pack_state` gave. Raises as `write_record`."""
    _write(_checkpoint_path(_still(store, style_id, base), method), data)


def keep_refined(store: StyleStore, style_id: str, base: int, method: str, data: bytes, card: Mapping[str, Any]) -> StoredStyle:
    """Make what `pack_state` gave the state of a new revision; record and checkpoint go. Raises as `write_record`."""
    style = _still(store, style_id, base)
    path = style.state_path(method, base + 1)
    try:
        write_state(path, data, {**card, "style": style.id, "method": method, "revision": base + 1, "from": base})
    except OSError as e:
        raise cannot_write(e, path) from e
    revised = store.revise(style.id)
    for old in (_record_path(style), *style.folder.glob(f"*{UNFINISHED}")):
        old.unlink(missing_ok=True)
    return revised


def _still(store: StyleStore, style_id: str, base: int) -> StoredStyle:
    """The user style, if `base` is its newest revision. Raises ScumbleError "style-unknown"."""
    style = store.get(style_id)
    if not style.own or style.revision != base:
        raise ScumbleError("style-unknown", f"The style {style.title!r} has been changed meanwhile.", f"Use {style.pinned}.")
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
