# SPDX-License-Identifier: Apache-2.0
"""Test films, made by PyAV from moving pictures, with sound; and what is in a film."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

RATE, HERTZ = 25, 44100


def moving(count: int, size: tuple[int, int] = (160, 120)) -> list[NDArray[np.uint8]]:
    """Frames (H, W, 3): a square of 30 pixels that goes right by one pixel a frame over a gradient, a white corner top left."""
    width, height = size
    frames = []
    for i in range(count):
        rgb = np.zeros((height, width, 3), np.uint8)
        rgb[..., 0] = np.arange(width) * 255 // width
        rgb[10:40, 10 + i : 40 + i] = (20, 200, 80)
        rgb[:20, :20] = 255
        frames.append(rgb)
    return frames


def make_film(
    path: Path,
    frames: Sequence[NDArray[np.uint8]],
    sound: bool = True,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    milliseconds: Sequence[int] | None = None,
    degrees: int = 0,
    options: dict[str, str] | None = None,
    **tags: int,
) -> Path:
    """A film of the frames, 25 a second or at the times given, with two channels of a sine as AAC. `tags` are set on the
    codec's context; to show it upright, it is turned by `degrees` against the clock."""
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w", options=options or {}) as film:
        video: Any = film.add_stream(codec, rate=RATE)
        video.width, video.height, video.pix_fmt = width, height, pix_fmt
        if milliseconds:
            video.time_base = video.codec_context.time_base = Fraction(1, 1000)
        for name, value in tags.items():
            setattr(video.codec_context, name, value)
        if degrees:
            video.set_display_rotation(degrees)
        audio: Any = film.add_stream("aac", rate=HERTZ) if sound else None
        done = 0
        for i, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            if milliseconds:
                frame.pts, frame.time_base = milliseconds[i], Fraction(1, 1000)
            film.mux(video.encode(frame))
            while audio is not None and done < (i + 1) * HERTZ / RATE:
                film.mux(audio.encode(_sine(done)))
                done += 1024
        film.mux(video.encode(None))
        if audio is not None:
            film.mux(audio.encode(None))
    return path


def _sine(first: int) -> av.AudioFrame:
    wave = 0.3 * np.sin(2 * np.pi * 440 * (first + np.arange(1024)) / HERTZ)
    frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]).astype(np.float32), "fltp", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = HERTZ, first, Fraction(1, HERTZ)
    return frame


def packets(path: Path, kind: str) -> list[tuple[Fraction, bytes]]:
    """When each packet of the first stream of a kind is shown, in seconds, and what it holds."""
    with av.open(str(path)) as film:
        stream = next(s for s in film.streams if s.type == kind)
        return [(p.pts * p.time_base, bytes(p)) for p in film.demux(stream) if p.size and p.pts is not None]


def times(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds."""
    return sorted(time for time, _ in packets(path, "video"))


def shown(path: Path) -> list[NDArray[np.uint8]]:
    """The frames (H, W, 3), not turned."""
    with av.open(str(path)) as film:
        return [np.asarray(f.to_ndarray(format="rgb24")) for f in film.decode(video=0)]
