# SPDX-License-Identifier: Apache-2.0
"""JSON of texts that are not valid UTF-8: names of files reach messages, and must not break them.

Invariant: every value that JSON can hold is encoded; what of a text cannot be UTF-8 is written as an escape (`\\udcff`).
"""

from __future__ import annotations

from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder()


def encoded(value: Any) -> bytes:
    """`value`, a struct or what JSON knows, as JSON in UTF-8."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return _ENCODER.encode(_legible(msgspec.to_builtins(value)))


def legible(text: str) -> str:
    """`text` with escapes in place of what UTF-8 cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _legible(value: Any) -> Any:
    match value:
        case str():
            return legible(value)
        case dict():
            return {_legible(key): _legible(entry) for key, entry in value.items()}
        case list() | tuple():
            return [_legible(entry) for entry in value]
    return value
