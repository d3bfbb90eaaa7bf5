# SPDX-License-Identifier: Apache-2.0
"""JSON objects on disk: cards, records and ledgers. Reading is bounded, and a damaged file is a ValueError."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MAX_BYTES = 1 << 20
"""Bytes that are read of a file at most; the largest card that ships has a hundredth of it."""


def read_object(path: Path, most: int = MAX_BYTES) -> dict[str, Any]:
    """The JSON object in a file of `most` bytes or fewer. Raises OSError, and ValueError where it is damaged or longer."""
    with open(path, "rb") as f:
        text = f.read(most + 1)
    if len(text) > most:
        raise ValueError(f"it is longer than {most} bytes")
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it nests too deep") from None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value


def to_bytes(value: Mapping[str, object]) -> bytes:
    """The object as indented UTF-8 text that ends with a line break."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
