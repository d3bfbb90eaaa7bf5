# SPDX-License-Identifier: Apache-2.0
"""One job inside the worker: map its spools, run the pipeline, stop between two yields, climb down when memory ends.
Between jobs, one refinement.

Invariant: `paint` always returns how the job ended, whatever the method does short of killing the process.
"""

from __future__ import annotations

import gc
import logging
import mmap
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, cast

import numpy as np
import psutil
from numpy.typing import NDArray

from scumble.api.errors import ScumbleError
from scumble.api.method import Preview, Progress, Runtime
from scumble.image.mapped import Mapped
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import pipeline
from scumble.painting.grid import LEAST_SHARE, USUAL_TILE
from scumble.painting.progressive import Effort, out_of_memory
from scumble.server import channel, limits, refining
from scumble.server.contents import Contents
from scumble.server.messages import planes
from scumble.server.spool import as_array, layout

log = logging.getLogger(__name__)

LADDER = ({"tile": 512}, {"tile": 256}, {"tile": 128}, {"tile": 128, "half": True})
"""What is tried in turn when memory does not suffice: smaller tiles, then half precision."""

AMPLE = 1.5
"""A rung is begun with where so many times the least it takes is free: others want memory, too."""

Pixels = NDArray[Any]
End = channel.Done | channel.Failed | channel.Cancelled


class Painter:
    """Runs jobs and refinements, one at a time, on the thread that calls; another thread may `cancel`."""

    def __init__(self, say: Callable[..., None]) -> None:
        self.device = "cpu"
        self.contents = Contents()
        self._painted: pipeline.Request | None = None
        self._say = say
        self._cancelled: set[str] = set()
        self._kept: set[str] = set()
        self._held_back: channel.Progress | None = None
        self._lock = threading.Lock()

    def cancel(self, job: str) -> None:
        with self._lock:
            self._cancelled.add(job)

    def keep(self, job: str) -> None:
        """End a job with what is shown of it."""
        with self._lock:
            self._kept.add(job)

    def catch_up(self) -> None:
        """Tell the progress that came too soon after another and was not followed by a third. From any thread."""
        progress, self._held_back = self._held_back, None
        if progress is not None:
            self._say(progress)

    def paint(self, run: channel.Run, fds: list[int]) -> End:
        """Run a job to its end. Closes `fds`."""
        began = time.monotonic()
        try:
            done = self._paint(run, *_mapped(run, fds))
            return channel.Done(run.job, round(time.monotonic() - began, 3)) if done else channel.Cancelled(run.job)
        except ScumbleError as e:
            return channel.Failed(run.job, e.code, e.message, e.hint)
        except Exception as e:
            log.exception("a job failed")
            message = f"The method {run.method} failed: {type(e).__name__}: {str(e)[:300]}"
            return channel.Failed(run.job, "internal", message, "Please report this; the engine's log has the details.")
        finally:
            for fd in fds:
                os.close(fd)
            self._held_back = None
            with self._lock:
                self._cancelled.clear()
                self._kept.clear()

    def remember(self) -> None:
        """Keep the picture that was painted last, in small, to refine styles on; once its client has its result."""
        request, self._painted = self._painted, None
        if request is not None and any(m.capabilities.refine for m in registry.methods().values()):
            self.contents.keep(request.pixels, request.order, request.context, request.transfer)

    def refine(self, asked: channel.Refine) -> refining.End:
        """Refine a style to the end, or until it is cancelled."""
        try:
            pictures = self.contents.pictures()
            return refining.refine(asked, pictures, self.device, self._say, lambda: asked.job in self._cancelled)
        finally:
            with self._lock:
                self._cancelled.clear()

    def _paint(
        self, run: channel.Run, pixels: Pixels, context: pipeline.Context | None, masks: Pixels | None, out: Pixels
    ) -> bool:
        """Whether the job came to its end; False when it was cancelled. Raises ScumbleError "no-memory" off the ladder."""
        store = StyleStore()
        request = pipeline.Request(
            method=registry.method(run.method),
            styles=[(store.get(name), weight) for name, weight in run.styles],
            strength=run.strength,
            options=dict(run.options),
            pixels=pixels,
            order=run.raster.order,
            transfer=run.raster.transfer,
            context=context,
            previews=run.previews,
            masks=masks,
            effort=Effort(run.quality, run.seconds, lambda: run.keep or run.job in self._kept),
        )
        first = max(first_rung(request, self.device), min(run.attempt, len(LADDER) - 1))
        needed = 0
        half = pixels.dtype == np.uint8 and request.method.half_for_8_bits(self.device)
        for rung in LADDER[first:]:
            try:
                runtime = Runtime(device=self.device, **{"half": half, **rung})  # type: ignore[arg-type]
                done = self._follow(run.job, pipeline.run(request, runtime, out))
                self._painted = request if done else None
                return done
            except Exception as e:
                if not out_of_memory(e):
                    raise
                needed = max(needed, bytes_needed(e))
                log.warning("memory did not suffice with %s: %s", rung, e)
            _give_memory_back()
        raise _no_memory(f"This picture needs about {_mb(needed)} MB more than there is.")

    def _follow(self, job: str, events: Iterator[Progress | Preview]) -> bool:
        """Pass on what the run yields, no faster than an eye can follow."""
        told = shown = 0.0
        with closing(cast(Any, events)):
            for event in events:
                if job in self._cancelled:
                    return False
                now = time.monotonic()
                if isinstance(event, Preview):
                    if now - shown >= limits.PREVIEW_PAUSE:
                        shown = now
                        rgba = _rgba(event.rgb)
                        self._say(channel.Preview(job, rgba.shape[1], rgba.shape[0]), rgba.tobytes())
                    continue
                progress = channel.Progress(job, min(1.0, max(0.0, float(event.fraction))), event.text[:200])
                if now - told >= limits.PROGRESS_PAUSE:
                    told, self._held_back = now, None
                    self._say(progress)
                else:
                    self._held_back = progress
        return job not in self._cancelled


def _mapped(run: channel.Run, fds: list[int]) -> tuple[Pixels, pipeline.Context | None, Pixels | None, Pixels]:
    """Picture, context, masks and result as arrays over the spools."""
    # Copy on write: the arrays look writable, as torch wants them, and the spool stays as it is for a second attempt.
    source = Mapped(fds[0], 0, access=mmap.ACCESS_COPY)
    result = Mapped(fds[1], 0)
    rasters = planes(run.context, run.masks, run.raster)
    found = {
        name: as_array(source, raster, offset)
        for (name, raster), offset in zip(rasters.items(), layout(rasters.values())[0], strict=True)
    }
    context = None
    if run.context is not None:
        c = run.context
        context = pipeline.Context(found["context"], c.x, c.y, c.full_width, c.full_height, c.order, c.transfer)
    return found["picture"], context, found.get("masks"), as_array(result, run.raster)


def _rgba(rgb: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A preview for the wire: RGBA, u8, every n-th pixel where it is larger than PREVIEW_SIDE."""
    step = -(-max(rgb.shape[:2]) // limits.PREVIEW_SIDE)
    small = np.nan_to_num(rgb[::step, ::step])
    rgba = np.full((*small.shape[:2], 4), 255, np.uint8)
    rgba[..., :3] = np.clip(small * 255 + 0.5, 0, 255)
    return rgba


def first_rung(request: pipeline.Request, device: str) -> int:
    """The largest tiles for which there is ample memory now; else the smallest in full precision.

    Raises ScumbleError "no-memory" for a picture that cannot fit, before it takes anything. What is predicted is the least a
    run takes. Without this, the kernel would end the worker, twice, and could not say why.
    """
    here, method = pipeline.memory_needed(request)
    on_gpu = device.startswith("cuda")
    memory = psutil.virtual_memory().available + limits.WORKER_HEAP  # what the worker has kept is free, too
    for needed, free in ((here if on_gpu else here + method, memory), (method if on_gpu else 0, gpu_memory(device))):
        if needed > free:
            raise _no_memory(f"This picture needs about {_mb(needed)} MB of memory, and {_mb(free)} MB are free.")
    room = gpu_memory(device) if on_gpu else memory - here
    for number, rung in enumerate(LADDER):
        share = max((rung["tile"] / USUAL_TILE) ** 2, LEAST_SHARE)
        if AMPLE * pipeline.memory_needed(request, share)[1] <= room or share == LEAST_SHARE:
            return number
    return 0


def gpu_memory(device: str) -> int:
    """Free bytes on a CUDA device, with those torch has kept for its next arrays; 0 on any other."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not device.startswith("cuda"):
        return 0
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(torch.cuda.mem_get_info(device)[0] + kept)


def _no_memory(message: str) -> ScumbleError:
    return ScumbleError("no-memory", message, "Use a smaller picture or selection, or close other programs.")


def _mb(size: int) -> int:
    return -(-size // 1_000_000)


def bytes_needed(error: BaseException) -> int:
    """What the failed allocation asked for, as far as its message tells."""
    units = {"bytes": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
    found = re.search(r"(?:allocate|allocate array of size)\s+([\d.]+)\s*(bytes|[KMG]iB|B)\b", str(error))
    return int(float(found[1]) * units[found[2]]) if found else 1 << 20


def _give_memory_back() -> None:
    gc.collect()
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
