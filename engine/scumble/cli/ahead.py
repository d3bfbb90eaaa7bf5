# SPDX-License-Identifier: Apache-2.0
"""Work begun ahead of its turn on several threads, and handed over in order.

Invariant: one at a time, everything happens when it is asked for, on the thread that asks; no more than SPARE beyond those that
run at once are begun and not yet handed over, so that memory does not grow with their number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

SPARE = 2
"""Items begun beyond those that are painted at once, so that none of these waits for a file."""


def ahead(items: Iterable[T], do: Callable[[T], R], at_once: int) -> Generator[tuple[T, Callable[[], R]], None, None]:
    """Each item, in order, with what gives the result of `do` for it, or raises what that raised."""
    if at_once == 1:
        for item in items:
            yield item, lambda item=item: do(item)  # type: ignore[misc]
        return
    pool = ThreadPoolExecutor(at_once + SPARE, thread_name_prefix="ahead")
    try:
        begun: deque[tuple[T, Callable[[], R]]] = deque()
        for item in items:
            begun.append((item, pool.submit(do, item).result))
            if len(begun) > at_once + SPARE:
                yield begun.popleft()
        while begun:
            yield begun.popleft()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
