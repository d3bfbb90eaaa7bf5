# SPDX-License-Identifier: Apache-2.0
"""Films in and out: what is shown when, sound that is not touched, and files that are no films."""

from __future__ import annotations

import os
import re
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from scumble.api.errors import ScumbleError
from scumble.video import film_writing
from scumble.video.film import Excerpt, Frame, begins_as_film, open_film
from scumble.video.film_writing import write_film
from support.films import make_film, moving, packets, shown, times

HDR10 = {"color_trc": 16, "color_primaries": 9, "colorspace": 9}


def through(source: Path, target: Path, excerpt: Excerpt | None = None, quality: int | None = 90) -> tuple[str, ...]:
    """The film as it is, read and written again; gives the notes."""
    with open_film(source, excerpt) as film, write_film(target, film, quality, lambda path, seconds: None) as writer:
        for item in film.items():
            if isinstance(item, Frame):
                writer.add(item, item.pixels)
            else:
                writer.copy(item)
        return (*film.notes, *writer.notes)


def error_of(path: Path, excerpt: Excerpt | None = None) -> ScumbleError:
    with pytest.raises(ScumbleError) as error, open_film(path, excerpt) as film:
        list(film.items())
    return error.value


def difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b).mean())


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_pictures_times_and_sound_come_back(tmp_path: Path, suffix: str) -> None:
    made = moving(30)
    source = make_film(tmp_path / f"in{suffix}", made)
    target = tmp_path / f"out{suffix}"
    assert through(source, target) == ()
    assert times(target) == times(source)
    assert packets(target, "audio") == packets(source, "audio")
    assert [p.name for p in tmp_path.iterdir() if p.name not in (source.name, target.name)] == []
    assert max(difference(a, b) for a, b in zip(made, shown(target), strict=True)) < 2


def test_frames_keep_their_times_where_the_rate_varies(tmp_path: Path) -> None:
    milliseconds = [40 * i + 7 * (i % 3) + (500 if i > 5 else 0) for i in range(12)]
    source = make_film(tmp_path / "in.mp4", moving(12), milliseconds=milliseconds)
    through(source, tmp_path / "out.mp4")
    assert times(tmp_path / "out.mp4") == [Fraction(ms, 1000) for ms in milliseconds]


@pytest.mark.parametrize(("degrees", "corner"), [(90, (-1, 0)), (180, (-1, -1)), (270, (0, -1))])
def test_a_film_held_sideways_is_painted_and_written_upright(tmp_path: Path, degrees: int, corner: tuple[int, int]) -> None:
    """The white corner lies top left as the camera held it."""
    source = make_film(tmp_path / "in.mp4", moving(4), degrees=degrees)
    through(source, tmp_path / "out.mp4")
    first = shown(tmp_path / "out.mp4")[0]
    assert first.shape[:2] == ((160, 120) if degrees != 180 else (120, 160))
    place = tuple(slice(0, 16) if side == 0 else slice(-16, None) for side in corner)
    assert first[place].min() > 200
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert next(film.decode(video=0)).rotation == 0


def test_an_excerpt_has_its_frames_and_its_sound_from_its_own_start(tmp_path: Path) -> None:
    made = moving(100)
    source = make_film(tmp_path / "in.mp4", made)
    excerpt = Excerpt(Fraction("1.2"), Fraction("0.8"))
    through(source, tmp_path / "out.mp4", excerpt)
    assert times(tmp_path / "out.mp4") == [Fraction(i, 25) for i in range(20)]
    assert max(difference(a, b) for a, b in zip(made[30:50], shown(tmp_path / "out.mp4"), strict=True)) < 2
    whole, part = packets(source, "audio"), packets(tmp_path / "out.mp4", "audio")
    expected = [(time, data) for time, data in whole if Fraction("1.2") <= time < 2]
    assert [data for _, data in part] == [data for _, data in expected]
    assert abs(part[0][0] - (expected[0][0] - Fraction("1.2"))) < Fraction(1, 1000)


def test_colours_of_a_large_untagged_film_are_coded_as_players_read_them(tmp_path: Path) -> None:
    """From 720 rows on that is BT.709; with BT.601's green comes out darker by a tenth."""
    colours = np.array([(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30)], np.uint8)
    rgb = np.repeat(np.repeat(colours[None], 720, 0), 64, 1)
    source = tmp_path / "in.mp4"
    with av.open(str(source), "w") as film:
        stream = film.add_stream("libx264", rate=25, options={"crf": "5"})
        stream.width, stream.height, stream.pix_fmt = 256, 720, "yuv420p"
        frame = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p", dst_colorspace=1, dst_color_range=1)
        film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    with open_film(source) as opened:
        (frame,) = [item for item in opened.items() if isinstance(item, Frame)]
    assert np.abs(frame.pixels[360, 32::64, :3].astype(int) - colours).max() <= 4
    through(source, tmp_path / "out.mp4")
    with open_film(tmp_path / "out.mp4") as opened:
        (again,) = [item for item in opened.items() if isinstance(item, Frame)]
    assert np.abs(again.pixels[360, 32::64, :3].astype(int) - colours).max() <= 6


def test_odd_sides_become_even_and_a_note_says_so(tmp_path: Path) -> None:
    made = moving(4, (161, 121))
    source = make_film(tmp_path / "in.mkv", made, codec="libvpx-vp9")
    assert "162 x 122" in " ".join(through(source, tmp_path / "out.mp4"))
    frames = shown(tmp_path / "out.mp4")
    assert frames[0].shape == (122, 162, 3)
    assert difference(frames[0][:121, :161], made[0]) < 4
    assert through(make_film(tmp_path / "b.webm", made, sound=False, codec="libvpx-vp9"), tmp_path / "out.webm") == ()
    assert shown(tmp_path / "out.webm")[0].shape == (121, 161, 3)


def test_ten_bits_become_eight_and_a_note_says_so(tmp_path: Path) -> None:
    made = moving(4)
    source = make_film(tmp_path / "in.mp4", made, pix_fmt="yuv420p10le")
    assert through(source, tmp_path / "out.mp4") == ("Its 10 bits a colour become 8.",)
    assert difference(shown(tmp_path / "out.mp4")[0], made[0]) < 2


def test_hdr_is_refused_by_its_name(tmp_path: Path) -> None:
    error = error_of(make_film(tmp_path / "in.mp4", moving(2), pix_fmt="yuv420p10le", **HDR10))
    assert error.code == "bad-picture"
    assert "HDR (PQ)" in error.message
    assert "tonemap" in error.hint


def cut(path: Path, share: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def sound_alone(path: Path) -> Path:
    with av.open(str(path), "w") as film:
        audio = film.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
        frame.sample_rate = 44100
        film.mux(audio.encode(frame))
        film.mux(audio.encode(None))
    return path


def no_frame(path: Path) -> Path:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=25)
        stream.width, stream.height = 64, 64
        film.start_encoding()
    return path


def text(path: Path, what: str = "It was a dark and stormy night.\n") -> Path:
    path.write_text(what, encoding="utf-8")
    return path


def broken_inside(path: Path) -> Path:
    """Zeros lie over a third of the frames; the index, at the end, is whole."""
    noise = [np.random.default_rng(i).integers(0, 256, (120, 160, 3), np.uint8) for i in range(30)]
    data = bytearray(make_film(path, noise, sound=False).read_bytes())
    third = len(data) // 3
    data[third : 2 * third] = bytes(third)
    path.write_bytes(data)
    return path


BAD = {
    "cut before the index": (lambda p: cut(make_film(p / "a.mp4", moving(30)), 0.5), "damaged or cut short"),
    "cut after the index": (
        lambda p: cut(make_film(p / "a.mp4", moving(30), options={"movflags": "faststart"}), 0.7),
        "cut short",
    ),
    "cut Matroska": (lambda p: cut(make_film(p / "a.mkv", moving(60)), 0.6), "cut short"),
    "overwritten by zeros": (lambda p: broken_inside(p / "a.mp4"), "it is damaged after"),
    "sound alone": (lambda p: sound_alone(p / "a.mp4"), "no pictures that move"),
    "no frame": (lambda p: no_frame(p / "a.mp4"), "damaged or cut short|no frame|no pictures"),
    "a text": (lambda p: text(p / "a.mp4"), "no film of a kind"),
    "an empty file": (lambda p: text(p / "a.mkv", ""), "no film of a kind"),
    "a list of other files": (lambda p: text(p / "a.mp4", "ffconcat version 1.0\nfile secret.mp4\n"), "no film of a kind"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_one_clear_error(tmp_path: Path, kind: str) -> None:
    make, message = BAD[kind]
    path = make(tmp_path)
    assert begins_as_film(path)
    error = error_of(path)
    assert error.code == "bad-picture"
    assert str(path) in error.message
    assert re.search(message, error.message)
    assert error.hint


def test_pictures_whatever_their_name_are_no_films(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    (tmp_path / "b.png").write_bytes(b"what is this")
    assert not begins_as_film(tmp_path / "a.mp4")
    assert not begins_as_film(tmp_path / "b.png")
    assert not begins_as_film(tmp_path / "missing.mp4")


def test_an_excerpt_after_the_end_says_how_long_the_film_is(tmp_path: Path) -> None:
    error = error_of(make_film(tmp_path / "a.mp4", moving(25), sound=False), Excerpt(Fraction(7)))
    assert (error.code, "1.00 s long" in error.message) == ("bad-options", True)


def test_sound_that_a_webm_cannot_hold_is_named(tmp_path: Path) -> None:
    source = make_film(tmp_path / "a.mp4", moving(4))
    with pytest.raises(ScumbleError) as error:
        through(source, tmp_path / "out.webm")
    assert error.value.code == "no-write"
    assert "aac" in error.value.message
    assert not (tmp_path / "out.webm").exists()


def test_what_is_broken_off_becomes_a_film_beside_and_replaces_nothing(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mp4", moving(30))
    (tmp_path / "out.mp4").write_bytes(b"from before")
    (tmp_path / "out.unfinished.mp4").write_bytes(b"from before, too")
    notices: list[tuple[Path, float]] = []
    with pytest.raises(KeyboardInterrupt):
        _twelve_frames(source, tmp_path / "out.mp4", lambda *facts: notices.append(facts))
    kept = tmp_path / "out.unfinished-2.mp4"
    assert notices == [(kept, 0.48)]
    assert times(kept) == [Fraction(i, 25) for i in range(12)]
    assert (tmp_path / "out.mp4").read_bytes() == b"from before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.mp4", "out.mp4", "out.unfinished-2.mp4", "out.unfinished.mp4"]


def _twelve_frames(source: Path, target: Path, kept: film_writing.OnUnfinished) -> None:
    with open_film(source) as film, write_film(target, film, None, kept) as writer:
        for number, item in enumerate(i for i in film.items() if isinstance(i, Frame)):
            if number == 12:
                raise KeyboardInterrupt
            writer.add(item, item.pixels)


def test_an_interrupt_between_coding_and_writing_loses_no_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets are taken off the list when they are written; one interrupted on its way used to be missing."""
    source = make_film(tmp_path / "in.mp4", moving(60), sound=False)
    mux, broken = film_writing.FilmWriter._mux, []

    def interrupted(self: film_writing.FilmWriter) -> None:
        if self._waiting and not broken:
            broken.append(len(self._waiting))
            raise KeyboardInterrupt
        mux(self)

    monkeypatch.setattr(film_writing.FilmWriter, "_mux", interrupted)
    with pytest.raises(KeyboardInterrupt):
        through(source, tmp_path / "out.mp4")
    got = times(tmp_path / "out.unfinished.mp4")
    assert broken
    assert got[0] == 0
    assert {b - a for a, b in pairwise(got)} == {Fraction(1, 25)}


def test_a_disk_that_is_full_is_reported_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mp4", moving(30, (320, 240)))
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(ScumbleError) as error:
            through(source, tmp_path / "out.mp4")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.code in ("disk-full", "no-write")
    assert "out.mp4" in error.value.message
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    base = moving(50, (320, 240))
    source = make_film(tmp_path / "in.mp4", base * 16, options={})
    process, sizes = psutil.Process(os.getpid()), []
    with open_film(source) as film, write_film(tmp_path / "out.mp4", film, 20, lambda path, seconds: None) as writer:
        for item in film.items():
            if isinstance(item, Frame):
                writer.add(item, item.pixels)
                sizes.append(process.memory_info().rss)
            else:
                writer.copy(item)
    assert len(sizes) == 800
    assert max(sizes[400:]) - max(sizes[:200]) < 24 << 20


def test_without_pyav_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_film(tmp_path / "in.mp4", moving(2))
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    error = error_of(source)
    assert error.code == "bad-picture"
    assert "PyAV" in error.message
    assert 'pip install "scumble[video]"' in error.hint


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_chapters_stay_and_an_excerpt_has_its_own(tmp_path: Path, suffix: str) -> None:
    source, thousandth = make_film(tmp_path / "plain.mkv", moving(30), sound=False), Fraction(1, 1000)
    chaptered = tmp_path / f"in{suffix}"
    with av.open(str(source)) as given, av.open(str(chaptered), "w") as made:
        spans = {"One": (0, 400), "Two": (400, 800), "Three": (800, 1200)}
        made.set_chapters(
            [
                {"id": i, "start": a, "end": b, "time_base": thousandth, "metadata": {"title": title}}
                for i, (title, (a, b)) in enumerate(spans.items(), 1)
            ]
        )
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                made.mux(packet)

    def chapters(path: Path) -> dict[str, tuple[float, float]]:
        with av.open(str(path)) as film:
            listed = film.chapters()
        return {c["metadata"]["title"]: tuple(round(float(c[s] * c["time_base"]), 2) for s in ("start", "end")) for c in listed}

    through(chaptered, tmp_path / "whole.mp4")
    assert chapters(tmp_path / "whole.mp4") == {"One": (0, 0.4), "Two": (0.4, 0.8), "Three": (0.8, 1.2)}
    through(chaptered, tmp_path / "part.mkv", Excerpt(Fraction(1, 2), Fraction(2, 5)))
    assert chapters(tmp_path / "part.mkv") == {"Two": (0, 0.3), "Three": (0.3, 0.4)}


def test_a_film_of_fields_says_so(tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mp4", moving(6), sound=False, options={}, flags=1 << 18 | 1 << 29)  # interlaced DCT, ME
    with open_film(source) as film:
        assert [note.split(",")[0] for note in film.notes] == ["It is interlaced"]
