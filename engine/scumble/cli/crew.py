# SPDX-License-Identifier: Apache-2.0
"""Work done ahead of its turn by several hands, and handed over in order.

Invariant: with one hand everything happens when it is asked for, on the thread that asks; no more than a few things a hand are
begun and not yet handed over, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

SPARE = 2
"""Things read ahead beside those that are being painted, so that no hand waits for a file."""


def ahead(items: Iterable[T], do: Callable[[T], R], hands: int) -> Generator[tuple[T, Callable[[], R]], None, None]:
    """Each item, in order, with what gives the result of `do` for it, or raises what that raised."""
    if hands == 1:
        for item in items:
            yield item, lambda item=item: do(item)  # type: ignore[misc]
        return
    pool = ThreadPoolExecutor(hands + SPARE, thread_name_prefix="hand")
    try:
        begun: deque[tuple[T, Callable[[], R]]] = deque()
        for item in items:
            begun.append((item, pool.submit(do, item).result))
            if len(begun) > hands + SPARE:
                yield begun.popleft()
        while begun:
            yield begun.popleft()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
