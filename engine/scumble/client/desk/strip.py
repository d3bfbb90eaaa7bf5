# SPDX-License-Identifier: Apache-2.0
"""What makes two tries the same, of which the newer takes the older one's place in a strip to choose from.

Invariant: styles, their places and the method make a try another one; strength, shares and options do not.
"""

from __future__ import annotations

from typing import Any

from .blend import Blend


def key_of(choice: Blend, method: str) -> Any:
    """Equal for tries of which the newer replaces the older one; `method` is the id of the one that paints, or was chosen."""
    return choice.style, tuple((other.style, other.where) for other in choice.others), method
