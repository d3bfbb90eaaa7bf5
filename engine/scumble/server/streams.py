# SPDX-License-Identifier: Apache-2.0
"""A standard stream that never raises: what it cannot write is lost, since telling must not fail the work it tells of."""

from __future__ import annotations

import contextlib
import io
from typing import TextIO


class SafeStream(io.TextIOBase):
    """Writes to another stream line by line, and loses what that cannot write: it may be closed, missing or on a full disk."""

    def __init__(self, stream: TextIO | None) -> None:
        """Letters that the encoding of `stream` lacks are written escaped, as \\u65e5."""
        self._stream = stream
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors="backslashreplace", line_buffering=True)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.flush()

    def isatty(self) -> bool:
        with contextlib.suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def fileno(self) -> int:
        """Raises OSError where there is no stream."""
        if self._stream is None:
            raise io.UnsupportedOperation("there is no stream")
        return self._stream.fileno()

    def writable(self) -> bool:
        return True
