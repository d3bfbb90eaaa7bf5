# SPDX-License-Identifier: Apache-2.0
"""Where the pixels of a job lie: an unnamed file that engine and worker both map.

Invariant: bytes are taken from memory or disk as they are written, never because a header claims them; and when the
last process that has the spool open ends, by whatever death, nothing remains.
"""

from __future__ import annotations

import contextlib
import math
import mmap
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scumble.server import limits
from scumble.server.messages import AnyRaster

DTYPES = {"u8": "|u1", "u16": "<u2", "f16": "<f2", "f32": "<f4"}

ALIGNMENT = 8
"""Bytes: planes begin at multiples of them, so that their numbers lie as processors like them."""


class Spool:
    """`size` bytes, all zero at first. Small ones live in memory where the system can do that, others in `folder`."""

    def __init__(self, size: int, folder: Path) -> None:
        self.size = size
        self.path: Path | None = None
        """Set only where open files cannot be handed to another process (Windows): the name to open it by."""
        if sys.platform == "linux" and size <= limits.SPOOL_IN_MEMORY:
            self.fd = os.memfd_create("scumble-spool")
        else:
            self.fd, name = tempfile.mkstemp(prefix="spool-", dir=folder)
            if sys.platform == "win32":
                self.path = Path(name)
            else:
                Path(name).unlink()
        os.truncate(self.fd, size)

    def write(self, data: memoryview, offset: int) -> None:
        """Copy `data` in. Raises OSError when the disk is full, which a write through a map would turn into SIGBUS."""
        while data.nbytes:
            n = os.pwrite(self.fd, data, offset) if sys.platform != "win32" else self._seek_write(data, offset)
            data, offset = data[n:], offset + n

    def _seek_write(self, data: memoryview, offset: int) -> int:
        os.lseek(self.fd, offset, os.SEEK_SET)
        return os.write(self.fd, data)

    def allocate(self) -> None:
        """Take all `size` bytes now, so that writing through a map cannot fail later. Raises OSError."""
        if sys.platform == "linux" and self.size:
            os.posix_fallocate(self.fd, 0, self.size)

    def read(self, start: int, stop: int) -> memoryview:
        """A copy of bytes start..stop: through a map, all that was ever read would count as the reader's. Raises OSError."""
        data = bytearray(stop - start)
        rest = memoryview(data)
        while rest.nbytes:
            n = os.preadv(self.fd, [rest], stop - rest.nbytes) if sys.platform != "win32" else self._seek_read(rest, stop)
            if not n:
                raise OSError("the spool ends early")
            rest = rest[n:]
        return memoryview(data)

    def _seek_read(self, rest: memoryview, stop: int) -> int:
        os.lseek(self.fd, stop - rest.nbytes, os.SEEK_SET)
        data = os.read(self.fd, rest.nbytes)
        rest[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Release the file and its memory."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            if self.path is not None:
                with contextlib.suppress(OSError):  # the worker has it open still; `sweep` comes back for it
                    self.path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what an engine left that was killed where open files keep their names (Windows)."""
    for path in folder.glob("spool-*"):
        with contextlib.suppress(OSError):
            path.unlink()


def layout(rasters: Iterable[AnyRaster]) -> tuple[list[int], int]:
    """The offset of each raster in a spool that holds them all, and the bytes of them all."""
    offsets, end = list[int](), 0
    for raster in rasters:
        offsets.append(-(-end // ALIGNMENT) * ALIGNMENT)
        end = offsets[-1] + raster.nbytes
    return offsets, end


def as_array(buffer: mmap.mmap | memoryview, raster: AnyRaster, offset: int = 0) -> NDArray[Any]:
    """The pixels of `raster`, which begin at `offset`, as (H, W, channels) without a copy."""
    shape = raster.height, raster.width, raster.channels
    flat: NDArray[Any] = np.frombuffer(buffer, DTYPES[raster.format], math.prod(shape), offset)
    return flat.reshape(shape)
