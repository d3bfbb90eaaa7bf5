# SPDX-License-Identifier: Apache-2.0
"""Runs one job inside the worker: maps its spools, runs the pipeline, and stops between two yields when it is cancelled.

Where memory runs out it tries smaller tiles. Between jobs it runs refinements of styles.

Invariant: `paint` always returns how the job ended, whatever the method does short of killing the process.
"""

from __future__ import annotations

import logging
import mmap
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from scumble.api.errors import ScumbleError
from scumble.api.method import Preview, Progress
from scumble.image.mapped import Mapped
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import pipeline
from scumble.painting.device import HEAP
from scumble.painting.fitting import run_fitted
from scumble.painting.progressive import Effort
from scumble.server import channel, limits, refining
from scumble.server.messages import planes
from scumble.server.recent_pictures import RecentPictures
from scumble.server.sequence import Sequence
from scumble.server.spool import as_array, layout

log = logging.getLogger(__name__)

Pixels = NDArray[Any]
End = channel.Done | channel.Failed | channel.Cancelled


class JobRunner:
    """Runs jobs and refinements, one at a time, on the thread that calls; other threads may `cancel` and `keep`."""

    def __init__(self, send: Callable[..., None]) -> None:
        """`send` takes a message for the engine, and its payload."""
        self.device = "cpu"
        self.recent = RecentPictures()
        self.sequence = Sequence()
        self._painted: pipeline.Request | None = None
        """The job that was painted last, until `remember` has taken its picture."""
        self._send = send
        self._cancelled: set[str] = set()
        self._kept: set[str] = set()
        """Ids of jobs that are to end with the picture shown last."""
        self._held_back: channel.Progress | None = None
        """Progress that came too soon after the one before."""
        self._lock = threading.Lock()

    def cancel(self, job: str) -> None:
        with self._lock:
            self._cancelled.add(job)

    def keep(self, job: str) -> None:
        """End a job with the picture of it that was shown last."""
        with self._lock:
            self._kept.add(job)

    def send_held_back(self) -> None:
        """Send the progress that was held back, if no other has followed it. From any thread."""
        progress, self._held_back = self._held_back, None
        if progress is not None:
            self._send(progress)

    def paint(self, run: channel.Run, fds: list[int]) -> End:
        """Run a job to its end. Closes `fds`."""
        began = time.monotonic()
        try:
            pixels, context, masks, out = _mapped(run, fds)
            done = self._paint(run, pixels, context, masks, out)
            remark = self._keep_steady(run, pixels, out) if done else ""
            if not done or run.job in self._cancelled:
                return channel.Cancelled(run.job)
            return channel.Done(run.job, round(time.monotonic() - began, 3), remark)
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
        """Keep the picture that was painted last, made smaller, to refine styles on; once its client has its result."""
        request, self._painted = self._painted, None
        if request is not None and any(m.capabilities.refine for m in registry.methods().values()):
            self.recent.keep(request.pixels, request.order, request.context, request.transfer)

    def refine(self, asked: channel.Refine) -> refining.End:
        """Refine a style to the end, or until it is cancelled."""
        try:
            pictures = self.recent.pictures()
            return refining.refine(asked, pictures, self.device, self._send, lambda: asked.job in self._cancelled)
        finally:
            with self._lock:
                self._cancelled.clear()

    def _paint(
        self, run: channel.Run, pixels: Pixels, context: pipeline.Context | None, masks: Pixels | None, out: Pixels
    ) -> bool:
        """Whether the job came to its end; False when it was cancelled. Raises ScumbleError "no-memory" where no tile fits."""
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
        follow = partial(self._follow, run.job)
        done = run_fitted(request, self.device, out, follow, attempt=run.attempt, kept=HEAP)
        self._painted = request if done else None
        return done

    def _keep_steady(self, run: channel.Run, pixels: Pixels, out: Pixels) -> str:
        """Keep a frame of an animation from flickering. The remark for its client, "" where there is none."""
        if run.sequence is None or run.strength == 0:
            return ""
        self._send(channel.Progress(run.job, 1.0, "keeping the frames steady"))
        return self.sequence.settle(run.sequence, pixels, out, run.raster.transfer, lambda: run.job in self._cancelled)

    def _follow(self, job: str, events: Iterator[Progress | Preview]) -> bool:
        """Send what the run yields, at most every PROGRESS_PAUSE or PREVIEW_PAUSE seconds. False where it was cancelled."""
        reported = shown = 0.0
        with closing(cast(Any, events)):
            for event in events:
                if job in self._cancelled:
                    return False
                now = time.monotonic()
                if isinstance(event, Preview):
                    if now - shown >= limits.PREVIEW_PAUSE:
                        shown = now
                        rgba = _rgba(event.rgb)
                        self._send(channel.Preview(job, rgba.shape[1], rgba.shape[0]), rgba.tobytes())
                    continue
                progress = channel.Progress(job, min(1.0, max(0.0, float(event.fraction))), event.text[:200])
                if now - reported >= limits.PROGRESS_PAUSE:
                    reported, self._held_back = now, None
                    self._send(progress)
                else:
                    self._held_back = progress
        return job not in self._cancelled


def _mapped(run: channel.Run, fds: list[int]) -> tuple[Pixels, pipeline.Context | None, Pixels | None, Pixels]:
    """Picture, context, masks and result as arrays over the spools."""
    # Copy on write: the arrays look writable, as torch wants them, and the spool stays as it is for a second attempt.
    source = Mapped(fds[0], 0, access=mmap.ACCESS_COPY)
    result = Mapped(fds[1], 0)
    rasters = planes(run.context, run.masks, run.raster)
    arrays = {
        name: as_array(source, raster, offset)
        for (name, raster), offset in zip(rasters.items(), layout(rasters.values())[0], strict=True)
    }
    context = None
    if run.context is not None:
        c = run.context
        context = pipeline.Context(arrays["context"], c.x, c.y, c.full_width, c.full_height, c.order, c.transfer)
    return arrays["picture"], context, arrays.get("masks"), as_array(result, run.raster)


def _rgba(rgb: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A preview for the wire: RGBA, u8, every n-th pixel where it is larger than PREVIEW_SIDE."""
    step = -(-max(rgb.shape[:2]) // limits.PREVIEW_SIDE)
    small = np.nan_to_num(rgb[::step, ::step])
    rgba = np.full((*small.shape[:2], 4), 255, np.uint8)
    rgba[..., :3] = np.clip(small * 255 + 0.5, 0, 255)
    return rgba
