# SPDX-License-Identifier: Apache-2.0
"""What a benchmark yields or raises, and the two statistics they share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


class Unavailable(Exception):
    """A benchmark cannot run here; the message says why."""


@dataclass(frozen=True)
class Figure:
    """One measured number. `limit` is the most (or, with `at_least`, the least) it may be; None only reports it."""

    name: str
    value: float
    unit: str
    limit: float | None = None
    at_least: bool = False
    note: str = ""
    """How it was measured, where the name does not say: "median of 20"."""

    @property
    def holds(self) -> bool:
        """Whether the limit, if any, is kept. A value that is not a number keeps none."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def median(values: Iterable[float]) -> float:
    """The middle value. Raises ValueError for none."""
    return quantile(values, 0.5)


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least `share` (0..1] of all do not exceed. Raises ValueError for none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
