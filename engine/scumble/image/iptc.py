# SPDX-License-Identifier: Apache-2.0
"""IPTC as files hold it: in a TIFF as it is (tag 33723), in a JPEG as a resource of Photoshop's in APP13.

It is our own because Pillow reads IPTC and does not write it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

SIGNATURE, RESOURCE, IPTC = b"Photoshop 3.0\0", b"8BIM", 0x0404


def bare(block: bytes | None) -> bytes | None:
    """IPTC itself, out of a JPEG's block or as it is; None where a block holds none."""
    if block is None or not block.startswith(SIGNATURE):
        return block
    return next((data for id, data in _resources(block) if id == IPTC), None)


def in_jpeg(block: bytes | None) -> bytes | None:
    """IPTC as a JPEG holds it; a JPEG's block as it is."""
    if not block or block.startswith(SIGNATURE):
        return block
    return SIGNATURE + RESOURCE + struct.pack(">HHI", IPTC, 0, len(block)) + block + bytes(len(block) % 2)


def _resources(block: bytes) -> Iterator[tuple[int, bytes]]:
    """Photoshop's resources: signature, id, a name, and data of a length, the last two padded to even lengths."""
    at = len(SIGNATURE)
    while block[at : at + 4] == RESOURCE and at + 7 <= len(block):
        (id,) = struct.unpack(">H", block[at + 4 : at + 6])
        at += 6 + (block[at + 6] + 2) // 2 * 2
        if at + 4 > len(block):
            return
        (length,) = struct.unpack(">I", block[at : at + 4])
        yield id, block[at + 4 : at + 4 + length]
        at += 4 + length + length % 2
