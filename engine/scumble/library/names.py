# SPDX-License-Identifier: Apache-2.0
"""What a style of the user's is called: its title, and the id that is made of it.

Invariant: an id can be typed on any keyboard, and titles in any script have ids that tell them apart.
"""

from __future__ import annotations

import re
import unicodedata

MAX_TITLE, MAX_ID = 80, 64


def title_of(name: str) -> str:
    """`name` in one line of printable text, 80 characters at most."""
    text = "".join(c if c.isprintable() else " " for c in name)
    return " ".join(text.split())[:MAX_TITLE].strip() or "Style"


def id_of(title: str) -> str:
    """Small letters, digits and dashes: "Müller" is muller, "かな" ka-na, "日本" u65e5-u672c, as their letters are named."""
    parts = []
    for c in unicodedata.normalize("NFKD", title).lower():
        if c.isascii():
            parts.append(c)
        elif c.isalnum():
            parts.append(f"-{_spelt(unicodedata.normalize('NFKC', c))}-")
        elif not unicodedata.combining(c):
            parts.append("-")
    return re.sub(r"[^a-z0-9]+", "-", "".join(parts)).strip("-")[:MAX_ID].strip("-") or "style"


def _spelt(c: str) -> str:
    """A letter that is not ASCII, by the last word of its name in Unicode; where that is a number, as u and the number."""
    word = unicodedata.name(c, "").lower().rpartition(" ")[2]
    return word if word.isalpha() else f"u{ord(c):04x}"
