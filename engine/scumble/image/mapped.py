# SPDX-License-Identifier: Apache-2.0
"""Arrays for pictures too large for memory, mapped from unnamed files.

Invariant: an array in a file takes memory only for the pages in use until the next `release_pages`; the disk's room is claimed
when the array is made, never found missing later; and when the process ends, by whatever death, nothing remains.
"""

from __future__ import annotations

import math
import mmap
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import DTypeLike, NDArray

from scumble.api.errors import ScumbleError

LARGE = 1 << 27
"""Bytes of an array from which on it lies in a file: a picture of 11 megapixels as floats, or one of 33 in 8 bits."""


class Mapped(mmap.mmap):
    """A mapped file whose pages can be handed back. What has been written to a private map of it is then undone."""

    def release_pages(self) -> None:
        """Keep no page in this process; the system has them, and reads or writes them as it likes. Windows decides alone."""
        if hasattr(self, "madvise"):
            self.madvise(mmap.MADV_DONTNEED)


def in_memory(size: int) -> int:
    """The bytes that an array of `size` bytes takes in memory."""
    return size if size < LARGE else 0


def allocate(size: int) -> Mapped | bytearray:
    """`size` bytes, all zero; from LARGE on in a file. Raises ScumbleError "no-memory" where the disk has no room."""
    return bytearray(size) if size < LARGE else _mapped(size)


def empty(shape: tuple[int, ...], dtype: DTypeLike, large: int | None = None) -> NDArray[Any]:
    """An array whose numbers are to be written, from `large` bytes (LARGE) on in a file. Raises as `allocate` does."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    if size < (LARGE if large is None else large):
        return np.empty(shape, dtype)
    return np.frombuffer(_mapped(size), dtype).reshape(shape)


def release_pages(*arrays: Any) -> None:
    """Hand back the pages of those that lie in files (or are views of such); None and others are left as they are."""
    for array in arrays:
        mapped = _file_of(array)
        if mapped is not None:
            mapped.release_pages()


def buffer(array: NDArray[Any]) -> Any:
    """The bytes of a C-contiguous array as who is to read them likes them best: the file where they are all of one."""
    mapped = _file_of(array)
    return mapped if mapped is not None and len(mapped) == array.nbytes else array


def _file_of(array: Any) -> Mapped | None:
    while array is not None and not isinstance(array, Mapped):
        array = array.obj if isinstance(array, memoryview) else getattr(array, "base", None)
    return array


def _mapped(size: int) -> Mapped:
    folder = Path(os.environ.get("SCUMBLE_CACHE_DIR") or platformdirs.user_cache_path("scumble"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(prefix="scratch-", dir=folder) as file:
            os.truncate(file.fileno(), size)
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            return Mapped(file.fileno(), size)
    except OSError as e:
        mb = -(-size // 1_000_000)
        raise ScumbleError(
            "no-memory",
            f"This picture needs {mb} MB in {folder} to work in, and the disk answers: {e.strerror}.",
            "Make room there, or set SCUMBLE_CACHE_DIR to a roomier disk.",
        ) from e
