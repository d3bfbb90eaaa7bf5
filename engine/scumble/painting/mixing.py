# SPDX-License-Identifier: Apache-2.0
"""The styles of a run: each is prepared by the method, and their weights are brought to a sum of 1."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scumble.api.errors import ScumbleError
from scumble.api.method import Method, Runtime, Style, Weighted
from scumble.methods import registry


def check_weights(weights: Sequence[float]) -> None:
    """Raises ScumbleError "bad-weights"."""
    if not weights or any(not w >= 0 for w in weights) or not 0 < sum(weights) < float("inf"):
        raise ScumbleError("bad-weights", "The weights of the styles must not be negative, and one must be above 0.")


def _how_to_mix() -> str:
    able = ", ".join(m.id for m in registry.methods().values() if m.capabilities.blend)
    other = f"a method that mixes them ({able})" if able else "another method"
    return f"Choose one style, or {other}, or give every style a mask: then each is painted where its mask is."


def states(
    method: Method, styles: Sequence[tuple[Style, float]], options: Any, runtime: Runtime, apart: bool = False
) -> list[Weighted]:
    """Prepare the styles of a run and bring their weights to a sum of 1. `apart`: they have masks of their own, so that a
    method need not be able to blend them. Raises ScumbleError "bad-weights"."""
    check_weights([w for _, w in styles])
    if len(styles) > 1 and not apart and not method.capabilities.blend:
        raise ScumbleError("bad-weights", f"{method.title} paints one style at a time.", _how_to_mix())
    total = sum(w for _, w in styles)
    return [Weighted(method.prepare(s, options, runtime), w / total) for s, w in styles]
