# SPDX-License-Identifier: Apache-2.0
"""libvips, loaded when a file is first read or written: it takes a while, and its warnings are not for painters."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np

FORMATS = {"uint8": "uchar", "uint16": "ushort", "float32": "float"}
DEPTHS = {"uchar": np.uint8, "ushort": np.uint16, "float": np.float32}


@cache
def vips() -> Any:
    """The module pyvips."""
    os.environ.setdefault("VIPS_WARNING", "0")
    import pyvips

    pyvips.cache_set_max(0)
    return pyvips


def set_blob(image: Any, name: str, data: bytes | None) -> None:
    """Attach data to an image that is ours alone (`copy`), under libvips' name for it; None attaches nothing."""
    if data is not None:
        image.set_type(vips().GValue.blob_type, name, data)
