# SPDX-License-Identifier: Apache-2.0
"""One refinement inside the worker: follow the method, stop between two yields, hand over what it has come to.

Invariant: `refine` always returns how it ended, whatever the method does short of killing the process, and one that is
stopped has sent its last checkpoint before.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, cast

from scumble.api.errors import ScumbleError
from scumble.api.method import Checkpoint, Pixels, Progress, Refined, Refinement, Runtime
from scumble.library.refinements import read_checkpoint
from scumble.library.styles import StyleStore
from scumble.library.weights import MAX_CARD, pack_state
from scumble.methods import registry
from scumble.server import channel, limits

log = logging.getLogger(__name__)

End = tuple[channel.Refined | channel.Failed | channel.Cancelled, bytes]
"""The last message, and its payload."""


def refine(
    asked: channel.Refine, contents: Sequence[Pixels], device: str, say: Callable[..., None], cancelled: Callable[[], bool]
) -> End:
    """Refine a style from its checkpoint, if it has one, to the end, or until `cancelled()`."""
    try:
        style, method = StyleStore().get(asked.style), registry.method(asked.method)
        if method.refiner is None:
            raise ScumbleError("not-refinable", f"{method.title} cannot refine a style.", "Use it as it is.")
        checkpoint = read_checkpoint(style, method.id)
        events = method.refiner.refine(style, contents, Runtime(device=device), checkpoint)
        return _follow(asked.job, events, say, cancelled)
    except ScumbleError as e:
        return channel.Failed(asked.job, e.code, e.message, e.hint), b""
    except Exception as e:
        log.exception("a refinement failed")
        message = f"The method {asked.method} failed to refine this style: {type(e).__name__}: {str(e)[:300]}"
        hint = "The style can be used as it is. Please report this; the engine's log has the details."
        return channel.Failed(asked.job, "internal", message, hint), b""


def _follow(job: str, events: Iterator[Refinement], say: Callable[..., None], cancelled: Callable[[], bool]) -> End:
    unsaved: Checkpoint | None = None
    reported, saved = 0.0, time.monotonic()
    with closing(cast(Any, events)):
        for event in events:
            now = time.monotonic()
            if isinstance(event, Refined):
                return channel.Refined(job, _plain(event.card)), pack_state(event.arrays)
            if isinstance(event, Checkpoint):
                unsaved = event
            elif isinstance(event, Progress) and now - reported >= limits.REFINE_TELL:
                reported = now
                say(channel.Progress(job, min(1.0, max(0.0, float(event.fraction))), event.text[:200]))
            stop = cancelled()
            if unsaved is not None and (stop or now - saved >= limits.CHECKPOINT):
                say(channel.Checkpoint(job), pack_state(unsaved.arrays))
                unsaved, saved = None, now
            if stop:
                return channel.Cancelled(job), b""
    raise ValueError("it ended without a result")


def _plain(card: Mapping[str, Any]) -> dict[str, Any]:
    """The card as JSON knows it. Raises TypeError or ValueError for one it cannot hold."""
    text = json.dumps(dict(card), allow_nan=False)
    if len(text) > MAX_CARD:
        raise ValueError(f"its card is longer than {MAX_CARD} characters")
    plain: dict[str, Any] = json.loads(text)
    return plain
