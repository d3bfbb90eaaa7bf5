# SPDX-License-Identifier: Apache-2.0
"""The directories of a TIFF file (TIFF 6.0, section 2; BigTIFF), read with Pillow, and one of them written again."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, BinaryIO

from PIL.TiffImagePlugin import ImageFileDirectory_v2 as Directory


def directories(file: BinaryIO) -> Iterator[Directory]:
    """A TIFF's directories in order, one a page. Raises whatever Pillow stumbles over."""
    file.seek(0)
    head = head_of(file)
    offset, visited = empty_directory(head).next, set[int]()
    while offset and offset not in visited:
        visited.add(offset)
        directory = directory_at(file, head, offset)
        yield directory
        offset = directory.next


def directory_at(file: BinaryIO, head: bytes, offset: int) -> Directory:
    """A directory by its place. Raises as `directories` does."""
    directory = empty_directory(head)
    file.seek(offset)
    directory.load(file)
    return directory


def empty_directory(head: bytes) -> Directory:
    """A directory as files with this header have them. Of BigTIFF Pillow knows only the little-endian header by sight."""
    return Directory(b"II+\0" + head[4:], prefix=head[:2]) if len(head) > 8 else Directory(head)


def rewrite(file: BinaryIO, tags: Mapping[int, Any], without: Collection[int] = ()) -> None:
    """Give the first directory of a TIFF, open for reading and writing, these tags in place of its own. Raises OSError.

    It is written once more at the end, and the header points there. Entries are copied as they are, so that what they point to
    stays where it is (Pillow, asked to write a directory, moves strips).
    """
    file.seek(0)
    head = head_of(file)
    extra = empty_directory(head)
    for tag, value in tags.items():
        extra[tag] = value
    pointer = _word(head)
    entries = _entries(file, head, struct.unpack(pointer, head[-struct.calcsize(pointer) :])[0])
    entries |= _entries(file, head, _append(file, extra.tobytes))
    kept = [entries[tag] for tag in sorted(entries) if tag not in without]
    directory = struct.pack(pointer[0] + ("Q" if len(head) > 8 else "H"), len(kept)) + b"".join(kept)
    where = _append(file, lambda where: directory + bytes(struct.calcsize(pointer)))
    file.seek(len(head) - struct.calcsize(pointer))
    file.write(struct.pack(pointer, where))


def head_of(file: BinaryIO) -> bytes:
    """A TIFF's header, which ends with the offset of the first directory."""
    head = file.read(8)
    return head + file.read(8) if 43 in head[2:4] else head


def _word(head: bytes) -> str:
    """struct's format of an offset."""
    return ("<" if head[:2] == b"II" else ">") + ("Q" if len(head) > 8 else "L")


def _entries(file: BinaryIO, head: bytes, offset: int) -> dict[int, bytes]:
    """A directory's entries by tag, as they are coded."""
    size, counter = (20, "Q") if len(head) > 8 else (12, "H")
    order = _word(head)[0]
    file.seek(offset)
    count = struct.unpack(order + counter, file.read(struct.calcsize(order + counter)))[0]
    coded = [file.read(size) for _ in range(count)]
    return {struct.unpack(order + "H", entry[:2])[0]: entry for entry in coded}


def _append(file: BinaryIO, make: Callable[[int], bytes]) -> int:
    """Write what `make` gives for its place at the end, and return that place."""
    where = file.seek(0, 2)
    where += file.write(bytes(-where % 8))
    file.write(make(where))
    return where
