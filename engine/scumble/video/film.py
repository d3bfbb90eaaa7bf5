# SPDX-License-Identifier: Apache-2.0
"""Reads films (MP4, MOV, Matroska, WebM, AVI, MPEG) by PyAV: pictures are decoded, sound and subtitles left as coded.

Invariants: only the demuxer for what the file is opens it, and nothing but the file, so that no list or link inside it leads
elsewhere; one that is cut short is refused before its first frame is given away; no more is held than a decoder holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scumble.api.errors import ScumbleError
from scumble.image.formats import kind_of
from scumble.image.pixels import MAX_PIXELS, MAX_SIDE
from scumble.library.atomic import open_regular
from scumble.video.extra import av

if TYPE_CHECKING:
    from av import Packet, VideoFrame, VideoStream
    from av.container import InputContainer
    from av.stream import Stream

READ_ONLY = (".avi", ".flv", ".m2ts", ".mpeg", ".mpg", ".mts", ".ogv", ".ts", ".wmv", ".3gp")
WRITTEN = (".mp4", ".m4v", ".mov", ".mkv", ".webm")
"""Suffixes of films, lower case; what a file is decides how it is read, not its name."""

DEMUXERS: tuple[tuple[bytes, str], ...] = (
    (rb"....ftyp(?!crx )|....(moov|mdat|wide|free|skip)", "mov"),
    (rb"\x1a\x45\xdf\xa3", "matroska"),
    (rb"RIFF....AVI ", "avi"),
    (rb"\0\0\x01\xba", "mpeg"),
    (rb"FLV\x01", "flv"),
    (rb"OggS", "ogg"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (rb"\x47.{187}\x47", "mpegts"),
    (rb".{4}\x47.{191}\x47", "mpegts"),
)
"""The first bytes of films, as patterns, and FFmpeg's name of the demuxer that reads them."""

HDR = {16: "PQ", 18: "HLG"}
"""Transfer characteristics (ITU-T H.273, table 3) of pictures brighter than white."""

MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
"""H.273's matrix coefficients to swscale's."""

PROGRESSIVE = 1
"""FFmpeg's AV_FIELD_PROGRESSIVE; 0 is unknown, more are orders of fields."""

HD = 720
"""Rows from which an untagged film is taken for BT.709 and not BT.601, as players do."""

LOSSY = ("mpegts", "mpeg")
"""Kinds that are sent over the air, where damage is no sign of an end."""

SLACK = Fraction(1, 2)
"""Seconds by which a complete film may be shorter than it states."""

EARLY = 1
"""Seconds that sound may lie before the picture in a file and still belong to the beginning of an excerpt."""

LATE = 10
"""Seconds that sound may lie behind the picture in a file and still be taken at the end of an excerpt."""

BUFFER = 1 << 20


@dataclass(frozen=True)
class Excerpt:
    """A part of a film: where it starts, and how long it is, in seconds; None is to the end."""

    start: Fraction = Fraction(0)
    length: Fraction | None = None

    @property
    def end(self) -> Fraction | None:
        return None if self.length is None else self.start + self.length

    def holds(self, time: Fraction) -> bool:
        """Whether a time of the film lies in it. Without a start all before belongs to it, too, as sound has data before 0."""
        return (time >= self.start or not self.start) and (self.end is None or time < self.end)


@dataclass(frozen=True)
class Frame:
    """A picture of a film. `pixels` (H, W, 4) uint8, upright, opaque; `pts` and `duration` (0: not known) count its stream's
    time base from the start of the excerpt."""

    pixels: NDArray[np.uint8]
    pts: int
    duration: int


@dataclass(frozen=True)
class Film:
    """An open film, scanned to its end."""

    path: Path
    container: InputContainer
    video: VideoStream
    copied: tuple[Stream, ...]
    """Sound and subtitles."""
    excerpt: Excerpt
    count: int
    """Frames of the excerpt."""
    notes: tuple[str, ...]

    @property
    def matrix(self) -> int:
        """swscale's number for how colours are coded."""
        context = self.video.codec_context
        return MATRICES.get(context.colorspace, 1 if context.height >= HD else 5)

    @property
    def time_base(self) -> Fraction:
        """The unit of `Frame.pts`, in seconds."""
        return self.video.time_base or Fraction(1, 90000)

    @property
    def chapters(self) -> list[Any]:
        """The chapters that begin or go on within the excerpt, as PyAV has them, times from its start."""
        begin, length = _origin(self.container) + self.excerpt.start, self.excerpt.length
        kept = list[Any]()
        for chapter in self.container.chapters():
            base = chapter["time_base"] or Fraction(1, av().time_base)
            start, end = (max(Fraction(0), chapter[side] * base - begin) for side in ("start", "end"))
            end = end if length is None else min(end, length)
            if start < end:
                kept.append({**chapter, "start": int(start / base), "end": int(end / base)})
        return kept

    def items(self) -> Iterator[Frame | Packet[Any]]:
        """The excerpt's frames, and packets of the copied streams, as they lie in the file, times from its start.

        Raises ScumbleError "bad-picture" where what comes next is damaged.
        """
        excerpt = self.excerpt
        begin = _origin(self.container) + excerpt.start
        if excerpt.start:
            self.container.seek(int((begin - EARLY) * av().time_base), backward=True)

        streams, ended = (self.video, *self.copied), set[int]()
        frames = _FrameDecoder(self, begin)
        try:
            for packet in self.container.demux(*streams):
                time = _time(packet)
                if packet.stream is self.video:
                    yield from frames.decode(packet)
                elif time is not None and excerpt.holds(time - begin + excerpt.start):
                    yield _shifted(packet, begin)
                late = _late(packet, begin, excerpt.length)
                if late >= 0:
                    ended.add(packet.stream_index)
                    if len(ended) == len(streams) or late > LATE:
                        break
            yield from frames.decode(None)
        except (av().error.FFmpegError, OSError) as e:
            raise _bad(self.path, f"it is damaged after {frames.given} frames", AGAIN) from e


class _FrameDecoder:
    """Decodes the pictures of an excerpt, which begins at `begin` by the file's clock."""

    def __init__(self, film: Film, begin: Fraction) -> None:
        self._film, self._shift = film, round(begin / film.time_base)
        self._length = None if film.excerpt.length is None else film.excerpt.length / film.time_base
        self._last = -1
        self.given = 0
        self.over = False

    def decode(self, packet: Packet[Any] | None) -> Iterator[Frame]:
        """The frames that a packet completes; None gives the last ones."""
        if self.over:
            return
        try:
            decoded = self._film.video.decode(packet)
        except av().error.EOFError:
            return
        except av().error.InvalidDataError:
            if self.given or self._film.excerpt.start:
                raise
            return  # a recording may begin within a group of pictures

        for frame in decoded:
            pts = self._last + 1 if frame.pts is None else frame.pts - self._shift
            if pts < 0:
                continue
            if self._length is not None and pts >= self._length:
                self.over = True
                return
            self._last = max(pts, self._last + 1)
            self.given += 1
            yield Frame(_pixels(frame, self._film.matrix), self._last, frame.duration or 0)


def begins_as_film(path: Path) -> bool:
    """Whether a file is a film, or of no known kind but named as a film."""
    try:
        head = _head(path)
    except OSError:
        return False  # reading it as a picture says why
    return kind_of(head) is None and (_demuxer(head) is not None or path.suffix.lower() in (*WRITTEN, *READ_ONLY))


@contextmanager
def open_film(path: Path, excerpt: Excerpt | None = None) -> Iterator[Film]:
    """A film, or an excerpt of it, once all of it has been looked through without decoding.

    Raises ScumbleError "bad-picture", also where PyAV is missing, and "bad-options" for an excerpt of nothing.
    """
    library = av(path)
    try:
        with open_regular(path) as file:
            demuxer = _demuxer(_head(path))
            if demuxer is None:
                raise _bad(path, "it is no film of a kind that is read", "MP4, MOV, Matroska, WebM, AVI and MPEG are.")
            how: dict[str, Any] = {"format": demuxer, "buffer_size": BUFFER, "metadata_errors": "replace"}
            with library.open(file, **how) as container:
                count = _scan(path, container, excerpt or Excerpt())
            file.seek(0)  # again, since winding back may pass over sound before the first picture
            with library.open(file, **how) as container:
                video, copied = _video(path, container), _copied(container)
                notes = tuple(_notes(container, video, copied))
                yield Film(path, container, video, copied, excerpt or Excerpt(), count, notes)
    except library.error.FFmpegError as e:
        raise _bad(path, "it is damaged or cut short", AGAIN) from e


def _scan(path: Path, container: InputContainer, excerpt: Excerpt) -> int:
    """Frames of the excerpt, once the whole film has been looked through."""
    video = _video(path, container)
    origin, last, packets, count = _origin(container), Fraction(0), 0, 0
    for packet in container.demux(video, *_copied(container)):
        if packet.is_corrupt and container.format.name not in LOSSY:
            raise _bad(path, "it is damaged or cut short", AGAIN)
        if (time := _time(packet)) is None:
            continue
        last = max(last, time - origin + (packet.duration or 0) * packet.time_base)
        if packet.stream is video:
            packets += 1
            count += not packet.is_discard and excerpt.holds(time - origin)

    if not packets:
        raise _bad(path, "it has no frame", AGAIN)
    stated = Fraction(container.duration or 0, av().time_base)
    if last + SLACK < stated or packets < video.frames:
        raise _bad(path, f"it is cut short: {float(last):.1f} of {float(stated):.1f} s are there", AGAIN)
    if not count:
        nothing = f"{path} is {float(last):.2f} s long; from {float(excerpt.start):g} s there is nothing."
        raise ScumbleError("bad-options", nothing, "Give another --start or --length.")
    return count


def _copied(container: InputContainer) -> tuple[Stream, ...]:
    return tuple(s for s in container.streams if s.type in ("audio", "subtitle") and s.codec_context is not None)


def _video(path: Path, container: InputContainer) -> VideoStream:
    """The film's pictures. Raises ScumbleError "bad-picture" where there are none that can be painted."""
    cover = av().stream.Disposition.attached_pic
    streams = [s for s in container.streams.video if not s.disposition & cover]
    if not streams:
        raise _bad(path, "it has no pictures that move", "Give a film, or a picture.")
    video = max(streams, key=lambda s: (bool(s.disposition & av().stream.Disposition.default), s.width * s.height))
    if video.codec_context is None or not video.width or not video.height or video.format is None:
        raise _bad(path, "its pictures are coded in a way that is not known here", "Convert it to MP4 first.")
    if max(video.width, video.height) > MAX_SIDE or video.width * video.height > MAX_PIXELS:
        raise _bad(path, f"{video.width} x {video.height} pixels are more than can be stylized", "Scale it down first.")
    if video.codec_context.color_trc in HDR:
        kind = HDR[video.codec_context.color_trc]
        hint = "Convert it to SDR first, in the program it came from or by FFmpeg's filters zscale and tonemap."
        raise _bad(path, f"it is HDR ({kind}), whose brightness an SDR painting cannot show", hint)
    video.thread_type = "AUTO"
    return video


def _notes(container: InputContainer, video: VideoStream, copied: tuple[Stream, ...]) -> Iterator[str]:
    """Sentences about what of the film is not kept."""
    bits = max(c.bits for c in video.format.components)
    if bits > 8:
        yield f"Its {bits} bits a colour become 8."
    if int(video.codec_context.field_order) > PROGRESSIVE:
        yield "It is interlaced, and the fields of a frame are painted as one picture; deinterlace it first for a clean one."
    if any(c.is_alpha for c in video.format.components):
        yield "Its transparency is lost."
    left = [s for s in container.streams if s is not video and s not in copied]
    if left:
        yield "Left out: " + ", ".join(f"stream {s.index} ({s.type})" for s in left) + "."


def _pixels(frame: VideoFrame, matrix: int) -> NDArray[np.uint8]:
    """(H, W, 4), upright."""
    from av.video.reformatter import ColorRange, Interpolation

    full = ColorRange.JPEG if frame.format.name.startswith("yuvj") else None
    how = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    turn = frame.rotation
    plain: dict[str, Any] = {} if frame.format.is_rgb else {"src_colorspace": matrix, "src_color_range": full}
    pixels = np.asarray(frame.to_ndarray(format="rgba", interpolation=how, **plain), np.uint8)
    pixels[..., 3] = 255
    return np.ascontiguousarray(np.rot90(pixels, round(turn / 90))) if turn else pixels


def _shifted(packet: Packet[Any], begin: Fraction) -> Packet[Any]:
    """The packet, with times from `begin`."""
    shift = round(begin / packet.time_base)
    if shift:
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
    return packet


def _late(packet: Packet[Any], begin: Fraction, length: Fraction | None) -> Fraction:
    """Seconds after the end by the time of decoding, since earlier pictures may follow one that is shown after it; else -1."""
    return Fraction(-1) if length is None or packet.dts is None else packet.dts * packet.time_base - begin - length


def _time(packet: Packet[Any]) -> Fraction | None:
    """When a packet is shown, in seconds by the file's clock; None for the empty ones that end a stream."""
    ticks = packet.dts if packet.pts is None else packet.pts
    return None if ticks is None or not packet.size else ticks * packet.time_base


def _origin(container: InputContainer) -> Fraction:
    """The file's clock at its start, in seconds."""
    return Fraction(container.start_time or 0, av().time_base)


def _head(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read(256)


def _demuxer(head: bytes) -> str | None:
    return next((name for pattern, name in DEMUXERS if re.match(pattern, head, re.DOTALL)), None)


AGAIN = "Save or copy it again from where it came."


def _bad(path: Path, why: str, hint: str) -> ScumbleError:
    return ScumbleError("bad-picture", f"{path} cannot be read: {why}.", hint)
