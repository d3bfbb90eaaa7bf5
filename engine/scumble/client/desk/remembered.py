# SPDX-License-Identifier: Apache-2.0
"""The catalogue that an engine sent last, on disk, so that a gallery is there before any engine is.

Invariant: it is only shown; what is painted is decided by the engine's own catalogue. A file that cannot be read, or is of
another version, counts as none; one that cannot be written is left out.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import sys
from dataclasses import asdict
from typing import Any, Optional

from ..catalogue import Catalogue, Pages
from ..errors import EngineError

LARGEST = 32 << 20
"""Bytes; fifty styles with their thumbnails take 2 MB."""
VERSION = 1


def gallery_file() -> str:
    """The path of the file that keeps the catalogue, in the user's cache."""
    given = os.environ.get("SCUMBLE_CACHE_DIR")
    if given:
        return os.path.join(os.path.abspath(given), "gallery.json")
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or os.path.expanduser(os.path.join("~", "AppData", "Local"))
    elif sys.platform == "darwin":
        base = os.path.expanduser(os.path.join("~", "Library", "Caches"))
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser(os.path.join("~", ".cache"))
    return os.path.join(os.path.abspath(base), "scumble", "gallery.json")


def remember(catalogue: Catalogue, path: Optional[str] = None) -> None:
    """Write the catalogue to disk for the next start; a failure to write is ignored."""
    path = path or gallery_file()
    styles: list[dict[str, Any]] = []
    frames: list[str] = []
    for style in catalogue.styles:
        entry = {**asdict(style), "thumbnail": None}
        if style.thumbnail is not None:
            entry["thumbnail"] = len(frames)
            frames.append(base64.b64encode(style.thumbnail).decode("ascii"))
        styles.append(entry)
    page: dict[str, Any] = {"page": 0, "pages": 1, "revision": catalogue.revision, "styles": styles}
    page["methods"] = [asdict(method) for method in catalogue.methods]
    with contextlib.suppress(OSError, TypeError, ValueError):
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        beside = f"{path}.{os.getpid()}"
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump({"version": VERSION, "page": page, "thumbnails": frames}, file)
        os.replace(beside, path)


def remembered(path: Optional[str] = None) -> Optional[Catalogue]:
    """The catalogue that was written last; None where there is none, or it cannot be read."""
    path = path or gallery_file()
    try:
        if os.path.getsize(path) > LARGEST:
            return None
        with open(path, encoding="utf-8") as file:
            saved = json.load(file)
        if saved["version"] != VERSION:
            return None
        return Pages().add(saved["page"], [base64.b64decode(frame) for frame in saved["thumbnails"]])
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, EngineError):
        return None
