# SPDX-License-Identifier: Apache-2.0
"""What a node of a cluster does: paint one picture at a time, in a process that keeps its networks from one to the next.

Invariant: the same picture, styles and options give the same bytes as the engine on that device, since it is the same pipeline
with the same tiles, precision and number of threads.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scumble import __version__
from scumble.api.errors import ScumbleError
from scumble.api.method import Preview, Progress
from scumble.cluster.job import Failure, Files, Job, Painted, unpack
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import pipeline
from scumble.painting.device import HEAP, choose, is_gpu
from scumble.painting.fitting import run_fitted
from scumble.painting.progressive import Effort

if TYPE_CHECKING:
    from scumble.cluster.helpers import RayHelpers

_stores: dict[int, StyleStore] = {}
"""The user's styles that this process has unpacked, by what they are."""


def paint(job: Job, files: Files, threads: int) -> Painted | Failure:
    """Paint a picture on the first GPU that this process may use, else on the processor with so many threads."""
    began = time.monotonic()
    try:
        if job.version != __version__:
            raise ScumbleError(
                "engine-refused",
                f"A node of the cluster has Scumble {__version__}, and this is {job.version}.",
                "Install the same version everywhere.",
            )
        return _paint(job, _store(files), threads, began)
    except ScumbleError as e:
        return Failure(e.code, e.message, e.hint)
    except Exception as e:
        message = f"The method {job.method} failed: {type(e).__name__}: {str(e)[:300]}"
        return Failure("internal", message, "Please report this; Ray's logs on that node have the details.")


def _paint(job: Job, store: StyleStore, threads: int, began: float) -> Painted:
    method, device = registry.method(job.method), _device(threads)
    request = pipeline.Request(
        method=method,
        styles=[(store.get(name), weight) for name, weight in job.styles],
        strength=job.strength,
        options=dict(job.options),
        pixels=job.pixels.copy(),  # what comes from the object store is read-only, and torch warns of that
        order=job.order,
        transfer=job.transfer,
        masks=job.masks,
        effort=Effort(job.quality, job.seconds),
    )
    out = np.empty_like(job.pixels)
    helpers = _helpers(job, device, threads)
    run_fitted(request, device, out, _to_its_end, kept=HEAP, helpers=helpers)
    styles = tuple(style.pinned for style, _ in request.styles)  # type: ignore[attr-defined]
    elsewhere = 0 if helpers is None else helpers.came
    return Painted(out, styles, round(time.monotonic() - began, 3), device, elsewhere)


def _helpers(job: Job, device: str, threads: int) -> RayHelpers | None:
    """The other slots that may paint tiles of the picture; None where there are none."""
    if not job.helpers:
        return None
    from scumble.cluster.helpers import RayHelpers

    return RayHelpers(job.helpers, is_gpu(device), threads)


def _to_its_end(events: Iterator[Progress | Preview]) -> bool:
    for _ in events:
        pass
    return True


def _device(threads: int) -> str:
    """The device, once the methods have imported torch."""
    registry.methods()
    return choose("auto", threads)


def _store(files: Files) -> StyleStore:
    key = hash(tuple((style, name, data) for style, contents in files.items() for name, data in contents.items()))
    if key not in _stores:
        _stores[key] = unpack(files, Path(tempfile.mkdtemp(prefix="scumble-styles-"))) if files else StyleStore()
    return _stores[key]
