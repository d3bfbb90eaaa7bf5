# SPDX-License-Identifier: Apache-2.0
"""A thread for what takes the broker too long: it changes styles on disk and reduces their pictures.

Invariant: work is done in the order it is asked for, one at a time, so that nobody else writes styles; what it gave is
taken on the broker's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from scumble.api.errors import ScumbleError
from scumble.server.shared import Inbox, Returned


class Helper:
    """Runs functions on its one thread, in the order in which they were submitted."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._thread = ThreadPoolExecutor(1, "styles")

    def submit(
        self, work: Callable[[], Any], then: Callable[[Any], None], otherwise: Callable[[ScumbleError], None]
    ) -> Future[Any]:
        """Let the thread call `work`. `then` takes its value, `otherwise` the error of it or of `then`."""
        future = self._thread.submit(work)
        future.add_done_callback(lambda done: self._inbox.put(Returned(done, then, otherwise)))
        return future

    def close(self, wait: bool) -> None:
        """Drop what has not begun; `wait` for what has."""
        self._thread.shutdown(wait=wait, cancel_futures=True)
