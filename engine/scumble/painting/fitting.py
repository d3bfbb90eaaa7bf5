# SPDX-License-Identifier: Apache-2.0
"""A job within the memory there is: begun with the largest tiles that fit, and again with smaller ones where they did not.

Invariant: a picture that cannot fit is refused before it takes anything, and one that did not fit costs nothing but time.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator

import numpy as np
import psutil

from scumble.api.errors import ScumbleError
from scumble.api.method import Helpers, Preview, Progress, Runtime
from scumble.image.pixels import AnyPixels
from scumble.painting import pipeline
from scumble.painting.device import free_memory, give_memory_back, is_gpu
from scumble.painting.grid import LEAST_SHARE, USUAL_TILE
from scumble.painting.progressive import out_of_memory

log = logging.getLogger(__name__)

LADDER = ({"tile": 512}, {"tile": 256}, {"tile": 128}, {"tile": 128, "half": True})
"""What is tried in turn when memory does not suffice: smaller tiles, then half precision."""

AMPLE = 1.5
"""A rung is begun with where so many times the least it takes is free: others want memory, too."""

Follow = Callable[[Iterator[Progress | Preview]], bool]
"""Takes what a run yields, and says whether it came to its end."""


def run_fitted(
    request: pipeline.Request,
    device: str,
    out: AnyPixels,
    follow: Follow,
    attempt: int = 0,
    kept: int = 0,
    helpers: Helpers | None = None,
) -> bool:
    """Paint into `out`; whether `follow` came to the end. `attempt` begins so many rungs lower.

    Raises ScumbleError "no-memory" off the ladder, and what the pipeline raises.
    """
    first = max(first_rung(request, device, kept), min(attempt, len(LADDER) - 1))
    needed = 0
    half = request.pixels.dtype == np.uint8 and request.method.half_for_8_bits(device)
    for rung in LADDER[first:]:
        try:
            runtime = Runtime(device=device, helpers=helpers, **{"half": half, **rung})  # type: ignore[arg-type]
            return follow(pipeline.run(request, runtime, out))
        except Exception as e:
            if not out_of_memory(e):
                raise
            needed = max(needed, bytes_needed(e))
            log.warning("memory did not suffice with %s: %s", rung, e)
        give_memory_back()
    raise _no_memory(f"This picture needs about {_mb(needed)} MB more than there is.")


def first_rung(request: pipeline.Request, device: str, kept: int = 0) -> int:
    """The largest tiles for which there is ample memory now; else the smallest in full precision.

    `kept` bytes count as free that this process has freed and not given back. What is predicted is the least a run takes.
    Without this, the kernel would end the worker, twice, and could not say why. Raises ScumbleError "no-memory" for a picture
    that cannot fit, before it takes anything.
    """
    here, method = pipeline.memory_needed(request)
    on_gpu = is_gpu(device)
    memory = psutil.virtual_memory().available + kept
    for needed, free in ((here if on_gpu else here + method, memory), (method if on_gpu else 0, free_memory(device))):
        if needed > free:
            raise _no_memory(f"This picture needs about {_mb(needed)} MB of memory, and {_mb(free)} MB are free.")
    room = free_memory(device) if on_gpu else memory - here
    for number, rung in enumerate(LADDER):
        share = max((rung["tile"] / USUAL_TILE) ** 2, LEAST_SHARE)
        if AMPLE * pipeline.memory_needed(request, share)[1] <= room or share == LEAST_SHARE:
            return number
    return 0


def _no_memory(message: str) -> ScumbleError:
    return ScumbleError("no-memory", message, "Use a smaller picture or selection, or close other programs.")


def _mb(size: int) -> int:
    return -(-size // 1_000_000)


def bytes_needed(error: BaseException) -> int:
    """The bytes that the failed allocation asked for, as far as its message tells."""
    units = {"bytes": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    match = re.search(r"(?:allocate|allocate array of size)\s+([\d.]+)\s*(bytes|[KMG]iB|B)\b", str(error))
    return int(float(match[1]) * units[match[2]]) if match else 1 << 20
