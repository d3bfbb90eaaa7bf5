# SPDX-License-Identifier: Apache-2.0
"""Writes films by PyAV: pictures are encoded again, sound and subtitles copied as they are.

Invariant: a file of the name that was asked for is the whole film. A film that is interrupted is closed so that it can be
played, and kept beside it under another name that no file had.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from scumble.api.errors import ScumbleError
from scumble.image.pixels import AnyPixels
from scumble.library.atomic import cannot_write, replacing
from scumble.video.extra import av
from scumble.video.film import Film, Frame
from scumble.video.frames import eight_bits

if TYPE_CHECKING:
    from av import Packet, VideoStream

MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
H264, VP9 = "libx264", "libvpx-vp9"
CODECS = {".webm": VP9}
"""Else H.264, which every player plays."""

USUAL_CRF = {H264: 18, VP9: 24}
"""Constant rate factors at which strokes look as they were painted."""

MOST_CRF = {H264: 51, VP9: 63}

OPTIONS = {
    H264: {"preset": "medium", "rc-lookahead": "20"},
    VP9: {"deadline": "good", "cpu-used": "4", "row-mt": "1", "b": "0", "lag-in-frames": "16"},
}
"""Frames that an encoder may hold back are memory."""

UNSPECIFIED = 2
"""H.273's number for colours that are not specified."""

OWN_TAGS = ("encoder", "major_brand", "minor_version", "compatible_brands", "duration")
"""Metadata that the writer adds itself."""

OnUnfinished = Callable[[Path, float], None]
"""Takes the path of an unfinished film, and how many seconds it lasts."""


class FilmWriter:
    """Writes a film from its frames and packets, one after another."""

    def __init__(self, file: BinaryIO, path: Path, film: Film, quality: int | None) -> None:
        suffix = path.suffix.lower()
        self._path, self._film, self._quality = path, film, quality
        self._codec = CODECS.get(suffix, H264)
        self._container = av().open(file, "w", format=MUXERS[suffix])
        self._container.metadata.update({k: v for k, v in film.container.metadata.items() if k not in OWN_TAGS})
        self._container.set_chapters(film.chapters)
        self._video: VideoStream | None = None
        self._copies = {s.index: self._copy_of(s) for s in film.copied}
        self._waiting: list[Packet[Any]] = []
        self._durations: dict[int, int] = {}
        self.seconds = 0.0
        """How long the film is by now."""
        self.notes: list[str] = []

    def copy(self, packet: Packet[Any]) -> None:
        """Sound or subtitles, as they are."""
        packet.stream = self._copies[packet.stream_index]
        self._waiting.append(packet)
        if self._video is not None:  # the header is written with the first packet, and must know the pictures
            self._mux()

    def add(self, frame: Frame, pixels: AnyPixels) -> None:
        """The painted pixels of a frame, (H, W, 4) of its size, of any depth."""
        if self._video is None:
            self._video = self._stream(*pixels.shape[:2])
        base = self._film.time_base
        self._durations[frame.pts] = frame.duration
        self._waiting += self._video.encode(self._coded(pixels, frame.pts))
        self.seconds = float((frame.pts + frame.duration) * base)
        self._mux()

    def close(self) -> None:
        """Write what the encoder holds back, and the file's end."""
        if self._video is not None:
            self._waiting += self._video.encode(None)
            self._mux()
        self._container.close()

    def _mux(self) -> None:
        """Write what waits. Each packet is taken off only once it is written: an interrupt loses none."""
        while self._waiting:
            packet = self._waiting[0]
            if packet.stream is self._video and packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, 0) or packet.duration
            self._container.mux(packet)
            del self._waiting[0]

    def _stream(self, height: int, width: int) -> VideoStream:
        """The stream of pictures, which says of its colours and times what the film says."""
        source = self._film.video
        rate = source.average_rate or source.guessed_rate or Fraction(25)
        crf = USUAL_CRF[self._codec] if self._quality is None else round(MOST_CRF[self._codec] * (1 - self._quality / 100))
        options = OPTIONS[self._codec] | {"crf": str(crf)}

        even = self._codec == H264
        if even and (height % 2 or width % 2):
            self.notes.append(f"Its sides become even ({width + width % 2} x {height + height % 2}), as H.264 needs them.")

        stream = self._container.add_stream(self._codec, rate=rate, options=options)
        stream.width, stream.height = width + even * (width % 2), height + even * (height % 2)
        stream.pix_fmt = "yuv420p"
        stream.time_base = stream.codec_context.time_base = self._film.time_base

        shape, context, source_context = source.sample_aspect_ratio, stream.codec_context, source.codec_context
        if shape:
            turned = (height > width) != (source.height > source.width)
            context.sample_aspect_ratio = 1 / shape if turned else shape
        context.color_primaries, context.color_trc = source_context.color_primaries, source_context.color_trc
        context.colorspace = source_context.colorspace if source_context.colorspace else UNSPECIFIED
        context.color_range = 1  # limited, as players expect
        stream.metadata.update({k: v for k, v in source.metadata.items() if k == "language"})
        return stream  # type: ignore[no-any-return]

    def _coded(self, pixels: AnyPixels, pts: int) -> Any:
        """Pixels as a frame for the encoder; a row or column is repeated where it must have one more."""
        assert self._video is not None
        rgb = eight_bits(pixels)[..., :3]
        more = self._video.height - rgb.shape[0], self._video.width - rgb.shape[1]
        rgb = np.pad(rgb, [(0, more[0]), (0, more[1]), (0, 0)], mode="edge") if any(more) else np.ascontiguousarray(rgb)
        frame = av().VideoFrame.from_ndarray(rgb, "rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=self._film.matrix, dst_color_range=1)
        frame.colorspace = self._video.codec_context.colorspace
        frame.pts, frame.time_base = pts, self._film.time_base
        return frame

    def _copy_of(self, source: Any) -> Any:
        """A stream that packets of `source` go into unchanged. Raises ScumbleError "no-write" where no such file holds it."""
        name, codec = self._path.suffix.lower(), source.codec_context.name
        try:
            stream = self._container.add_stream_from_template(source)
        except (ValueError, av().error.FFmpegError) as e:
            raise self._cannot_hold(source.type, codec, name) from e
        stream.metadata.update({k: v for k, v in source.metadata.items() if k in ("language", "title")})
        return stream

    def _cannot_hold(self, kind: str, codec: str, suffix: str) -> ScumbleError:
        what = "sound" if kind == "audio" else "subtitles"
        return ScumbleError(
            "no-write", f"A {suffix} file cannot hold the {what} of {self._film.path} ({codec}).", "Write an .mkv file."
        )


@contextmanager
def write_film(path: Path, film: Film, quality: int | None, on_unfinished: OnUnfinished) -> Iterator[FilmWriter]:
    """Gives what takes a film's items. The file is there when the block ends.

    Where the block raises, or is interrupted, after the first frame, what is there becomes a film beside it,
    NAME.unfinished.SUFFIX, and `on_unfinished` is called. Raises ScumbleError "disk-full", "no-write".
    """
    try:
        with replacing(path) as temporary, open(temporary, "wb+") as file:
            writer = FilmWriter(file, path, film, quality)
            try:
                yield writer
            except BaseException:
                with suppress(OSError, av().error.FFmpegError):
                    writer.close()
                    file.close()
                    if writer.seconds:
                        on_unfinished(_moved(temporary, path), writer.seconds)
                raise
            writer.close()
    except av().error.FFmpegError as e:
        raise ScumbleError("no-write", f"{path} could not be written: {e.strerror}.", "Write an .mkv or .mp4 file.") from e
    except OSError as e:
        raise cannot_write(e, path) from e


def _moved(temporary: Path, path: Path) -> Path:
    """Give an unfinished film a name beside `path` that no file has. That path."""
    for number in itertools.count(1):
        place = path.with_name(f"{path.stem}.unfinished{'' if number == 1 else f'-{number}'}{path.suffix}")
        try:
            place.touch(0o666, exist_ok=False)
        except FileExistsError:
            continue
        mode = place.stat().st_mode
        temporary.replace(place)
        place.chmod(mode)
        return place
    raise AssertionError
