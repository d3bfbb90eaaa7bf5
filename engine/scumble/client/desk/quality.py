# SPDX-License-Identifier: Apache-2.0
"""How much is done for a picture: what a painter chooses, and what of it the engine is asked for.

Invariant: an older engine is asked for nothing new unless more than the usual is chosen (docs/protocol.md, section 5).
"""

from __future__ import annotations

from typing import Optional

from ..catalogue import Method

USUAL = ""
"""What the method does by itself: one pass, or all of its steps."""
QUALITIES = ("draft", "good", "best")
"""The others, by the wire's names."""

SECONDS = {"good": 60.0}
"""A picture that is to be good is improved no longer than this; one that is to be best until nothing more is gained."""
TIP = (
    "Draft comes at once. Good and Best begin with it and get better while you look: Good for a minute at most, Best for as "
    "long as it takes. Keep ends them with the picture that is shown."
)

_ONE_PASS = ((USUAL, "Draft"), ("good", "Good"), ("best", "Best"))
_STEPS = ((USUAL, "All steps"), ("draft", "Draft"), ("good", "Good"), ("best", "Best"))


def qualities(method: Optional[Method]) -> tuple[tuple[str, str], ...]:
    """(value, word) of what can be chosen, the usual first: of a method of one pass that is the draft itself."""
    return _STEPS if method is not None and method.capabilities.get("iterative") else _ONE_PASS


def quality_of(method: Optional[Method], chosen: str) -> Optional[str]:
    """A request's quality; None for the usual."""
    offered = [value for value, _ in qualities(method)]
    return chosen if chosen and chosen in offered else None


def seconds_of(quality: Optional[str]) -> Optional[float]:
    """A request's limit in seconds; None for none."""
    return SECONDS.get(quality or "")
