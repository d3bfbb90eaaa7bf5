# SPDX-License-Identifier: Apache-2.0
"""Where in the layer stack a result goes: on top of the layer's earlier results, or instead of them.

Invariant: a layer counts as a result of another only while it lies above it among its siblings, so that what a painter has
moved elsewhere stays there. Siblings are listed from bottom to top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def results_above(siblings: Sequence[T], source: T, is_result: Callable[[T], bool]) -> list[T]:
    """The results of `source`, bottom to top; none where it is not among the siblings."""
    if source not in siblings:
        return []
    return [layer for layer in siblings[siblings.index(source) + 1 :] if is_result(layer)]


def topmost(source: T, results: Sequence[T]) -> T:
    """The layer above which the next result is put."""
    return results[-1] if results else source
