# SPDX-License-Identifier: Apache-2.0
"""The packages of the extra `video`, loaded when they are first needed; a missing one is an error that says how to mend it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scumble.api.errors import ScumbleError

HINT = 'Install it: pip install "scumble[video]"'


def av(path: Path | str = "A film") -> Any:
    """PyAV, which reads and writes films. Raises ScumbleError "bad-picture" that names the file."""
    try:
        import av as module
        import av.error
        import av.logging
        import av.stream
    except ImportError as e:
        raise ScumbleError("bad-picture", f"{path} is a film, and PyAV, which reads films, does not load ({e}).", HINT) from e
    return module


def cv2() -> Any:
    """OpenCV. Raises ScumbleError "bad-options"."""
    try:
        import cv2 as module
    except ImportError as e:
        why = f"Keeping frames from flickering needs OpenCV, which does not load ({e})."
        raise ScumbleError("bad-options", why, HINT) from e
    return module
