# SPDX-License-Identifier: Apache-2.0
"""The animation whose frames the worker paints one after another, kept from flickering as `--steady` keeps films.

Invariant: what is held is one frame of one animation, the last; a frame of another one starts over, and so does the first one
after a worker's death, after a minute without work, and where memory does not suffice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import psutil

from scumble.api.errors import ScumbleError
from scumble.image.pixels import AnyPixels
from scumble.image.transfer import Transfer
from scumble.painting.progressive import out_of_memory
from scumble.video.steady import Steady

log = logging.getLogger(__name__)

BYTES = 160
"""Of each pixel, while frames are compared: 146 were measured for 4 megapixels of 8 bits and of float32."""


class _GivenUp(Exception):
    """The frame is not wanted any more."""


class Sequence:
    """Keeps the frames of one animation steady. They come in order; one thread uses it."""

    def __init__(self) -> None:
        self._name = ""
        self._steady: Steady | None = None

    def settle(self, name: str, frame: AnyPixels, painted: AnyPixels, transfer: Transfer, cancelled: Callable[[], bool]) -> str:
        """Lay the last painted frame of the animation `name` under this one, in `painted`, where both show the same; see
        `Steady.settle` for the arrays. What the painter should know: why it could not be done, or "". Ends soon after
        `cancelled` says so, which is asked some times a second; `painted` is as it was then."""

        def stop_if_cancelled() -> None:
            if cancelled():
                raise _GivenUp

        if name != self._name or self._steady is None:
            self.forget()
        try:
            needed = BYTES * frame.shape[0] * frame.shape[1]
            if needed > psutil.virtual_memory().available:
                raise MemoryError(f"keeping frames from flickering takes {needed // 1_000_000} MB more than there is")
            self._steady = self._steady or Steady()
            self._name = name
            shown = self._steady.settle(frame, painted, transfer, stop_if_cancelled)
            if shown is not painted:
                painted[...] = shown
        except _GivenUp:
            return ""
        except ScumbleError as e:
            self.forget()
            return f"{e.message} {e.hint}"
        except Exception as e:  # the frame itself is painted, and must not be lost for this
            log.warning("a frame was not kept from flickering", exc_info=True)
            self.forget()
            if out_of_memory(e) or "Insufficient memory" in str(e):  # OpenCV's words
                return "Memory did not suffice to keep the frames from flickering."
            return "This frame could not be kept from flickering; the engine's log has the details."
        return ""

    def forget(self) -> None:
        """The next frame is the first one."""
        self._name, self._steady = "", None
