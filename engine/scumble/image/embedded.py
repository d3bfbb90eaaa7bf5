# SPDX-License-Identifier: Apache-2.0
"""ICC profiles that files embed: whether one is whole, for such pixels, and can be written with.

libvips takes sRGB for a profile that it cannot use, and says nothing of it; so each is judged here first.
"""

from __future__ import annotations

import io
from typing import Any

from PIL import ImageCms

COLOURS = {1: "GRAY", 3: "RGB ", 4: "CMYK"}
"""ICC's name of what each number of channels holds."""
INTENTS = range(4)


def fits(icc: bytes, channels: int) -> bool:
    """Whether the profile is whole, and one for pixels of so many channels without alpha."""
    opened = _opened(icc)
    return opened is not None and opened.xcolor_space == COLOURS[channels] and _serves(opened, ImageCms.Direction.INPUT)


def can_be_written(icc: bytes) -> bool:
    """Whether colours can be brought into the profile; many scanners' and cameras' only lead out of it."""
    opened = _opened(icc)
    return opened is not None and _serves(opened, ImageCms.Direction.OUTPUT)


def _opened(icc: bytes) -> Any:
    """Pillow's lcms profile, or None."""
    try:
        return ImageCms.ImageCmsProfile(io.BytesIO(icc)).profile
    except (OSError, ValueError, TypeError):
        return None


def _serves(profile: Any, direction: ImageCms.Direction) -> bool:
    return any(profile.is_intent_supported(intent, direction) for intent in INTENTS)
