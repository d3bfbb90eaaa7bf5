# SPDX-License-Identifier: Apache-2.0
"""Tiles painted here and, at the same time, by helpers (api.method.Helpers), if there are any.

Invariant: every tile is given back once, and none waits for a helper that is slow, busy with something else or lost: what is
not back when nothing else is left to do is painted here as well, and what comes first is taken.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing

from scumble.api.method import Helpers, Pixels


def shared(
    count: int,
    paint: Callable[[int], Generator[float, None, Pixels]],
    inputs: Callable[[int], Sequence[Pixels]],
    helpers: Helpers | None,
) -> Generator[tuple[int, float | Pixels], None, None]:
    """(tile, answer) once for each of `count` tiles, in any order; in between (tile, share in [0, 1] that is painted of it).

    `paint` yields shares and returns the answer; it is closed where a helper's answer comes first. Tiles are begun from the
    front here and from the back by the helpers, who get their `inputs`; those that are out where this is closed or raises, are
    dropped.
    """
    away = dict[int, None]()
    try:
        yield from _shared(deque(range(count)), away, paint, inputs, helpers)
    finally:
        for tile in away:
            assert helpers is not None
            helpers.drop(tile)


def _shared(
    left: deque[int],
    away: dict[int, None],
    paint: Callable[[int], Generator[float, None, Pixels]],
    inputs: Callable[[int], Sequence[Pixels]],
    helpers: Helpers | None,
) -> Iterator[tuple[int, float | Pixels]]:
    """The loop of `shared`. `left` are the tiles that nobody has begun, `away` those that a helper has."""
    while left or away:
        while helpers is not None and len(left) > 1 and helpers.free:
            tile = left.pop()
            helpers.ask(tile, inputs(tile))
            away[tile] = None
        own = left.popleft() if left else next(iter(away))
        came = False
        with closing(paint(own)) as steps:
            try:
                while not came:
                    yield own, next(steps)
                    for tile, answer in helpers.done() if helpers is not None else ():
                        del away[tile]
                        if answer is not None:
                            yield tile, answer
                            came = came or tile == own
                        elif tile != own:
                            left.appendleft(tile)
            except StopIteration as end:
                if helpers is not None and own in away:
                    del away[own]
                    helpers.drop(own)
                yield own, end.value
