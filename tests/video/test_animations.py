# SPDX-License-Identifier: Apache-2.0
"""Animated files: what is written is what was given, what is read is what others see, and what is cut short is refused.

Pillow and libvips, which take such files apart each in a way of its own, say what is right.
"""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import pyvips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from scumble.api.errors import ScumbleError
from scumble.image.files import read_picture
from scumble.video.frames import Clock, lay
from scumble.video.palette import Palettes
from scumble.video.reading import read_animation
from scumble.video.writing import Add, write_animation, write_gif

SUFFIXES = ("gif", "png", "webp")
TIMES = (20, 30, 100, 0, 4000)
MANY = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sprites(alpha: bool = True, size: tuple[int, int] = (30, 44)) -> list[np.ndarray]:
    """Five frames of a square that goes over a ground of few, smooth colours, which is transparent at one side."""
    frames = []
    for i in range(5):
        frame = np.full((*size, 4), (200, 180, 90, 255), np.uint8)
        frame[:, :10] = (90, 60, 30, 255)
        frame[8:18, 6 * i : 6 * i + 10] = (20, 40 * i, 250, 255)
        if alpha:
            frame[20:] = 0
        frames.append(frame)
    return frames


def write(path: Path, frames: list[np.ndarray], plays: int = 3, alpha: bool = True, times: Iterable[int] = TIMES) -> Path:
    height, width = frames[0].shape[:2]
    with write_animation(path, (width, height), plays, len(frames), alpha) as add:
        for frame, time in zip(frames, times, strict=False):
            add(frame, Fraction(time))
    return path


def read(path: Path) -> list[np.ndarray]:
    animation = read_animation(path)
    assert animation is not None
    return [picture.pixels for picture in animation.frames()]


def alike(a: np.ndarray, b: np.ndarray, most: float) -> bool:
    """The same alpha, and visible colours that differ by no more."""
    visible = a[..., 3] > 0
    return np.array_equal(a[..., 3], b[..., 3]) and bool(np.abs(a[visible].astype(float) - b[visible]).max() <= most)


@pytest.mark.parametrize(("alpha", "plays"), [(True, 0), (False, 1), (True, 3)])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read_again_and_others_read_the_same(tmp_path: Path, suffix: str, plays: int, alpha: bool) -> None:
    frames = sprites(alpha)
    path = write(tmp_path / f"a.{suffix}", frames, plays, alpha)
    animation = read_animation(path)
    assert animation is not None
    assert (animation.layout.plays, animation.layout.alpha, animation.durations) == (plays, alpha, TIMES)
    mean = [np.abs(a.astype(float) - b).mean() for a, b in zip(frames, read(path), strict=True)]
    assert max(mean) <= (0 if suffix != "webp" else 6)
    with Image.open(path) as frame_file:
        repeats = {"gif": {0: 0, 1: None, 3: 2}[plays], "png": plays, "webp": plays}[suffix]
        assert (frame_file.n_frames, frame_file.info.get("loop")) == (5, repeats)  # type: ignore[attr-defined]
        for number, (ours, time) in enumerate(zip(read(path), TIMES, strict=True)):
            frame_file.seek(number)
            assert alike(np.asarray(frame_file.convert("RGBA")), ours, 0 if suffix != "webp" else 3)
            assert frame_file.info["duration"] == time


@pytest.mark.parametrize("target", SUFFIXES)
@pytest.mark.parametrize("source", SUFFIXES)
def test_each_kind_becomes_each_other_with_its_times_and_plays(tmp_path: Path, source: str, target: str) -> None:
    first = read_animation(write(tmp_path / f"a.{source}", sprites()))
    assert first is not None
    layout = first.layout
    path = tmp_path / f"b.{target}"
    with write_animation(path, (layout.width, layout.height), layout.plays, first.count, layout.alpha) as add:
        for picture, duration in zip(first.frames(), first.durations, strict=True):
            add(picture.pixels, duration)
    second = read_animation(path)
    assert second is not None
    assert (second.durations, second.layout.plays, second.count) == (first.durations, 3, 5)
    for a, b in zip(first.frames(), second.frames(), strict=True):
        assert np.array_equal(a.pixels[..., 3], b.pixels[..., 3])


@pytest.mark.parametrize("disposal", [0, 1, 2, 3, (1, 3, 2, 3, 1)])
def test_a_gif_of_parts_is_seen_as_libvips_sees_it(tmp_path: Path, disposal: int | tuple[int, ...]) -> None:
    images = [Image.fromarray(f) for f in sprites()]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=70, disposal=disposal, loop=0)
    frame_file = pyvips.Image.gifload(str(tmp_path / "a.gif"), n=-1).numpy().reshape(5, 30, 44, 4)
    animation = read_animation(tmp_path / "a.gif")
    assert animation is not None
    assert animation.layout.plays == 0
    assert any((p.width, p.height) != (44, 30) for p in animation.layout.parts) or disposal not in (0, 1)
    assert all(alike(a, b, 0) for a, b in zip(frame_file, read(tmp_path / "a.gif"), strict=True))


# Not (2, 1): what Pillow's reader brings back then is what it has just laid over.
@pytest.mark.parametrize(("disposal", "blend"), [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)])
def test_an_apng_of_parts_is_seen_as_pillow_sees_it(tmp_path: Path, disposal: int, blend: int) -> None:
    images = [Image.fromarray(f) for f in sprites()]
    images[0].save(tmp_path / "a.png", save_all=True, append_images=images[1:], duration=70, disposal=disposal, blend=blend)
    with Image.open(tmp_path / "a.png") as frame_file:
        for number, ours in enumerate(read(tmp_path / "a.png")):
            frame_file.seek(number)
            assert alike(np.asarray(frame_file.convert("RGBA")), ours, 0)


def test_what_is_half_transparent_is_laid_over_what_is_there() -> None:
    """Pillow mixes without regard to the alpha below, so this is by hand: half of red over half of blue."""
    below = np.array([[[0, 0, 1, 0.5], [0, 0, 1, 0.5], [0, 0, 1, 0.5], [0.3, 0.2, 0.1, 0]]], np.float32)
    above = np.array([[[1, 0, 0, 0.5], [1, 0, 0, 0], [1, 0, 0, 1], [1, 0, 0, 0.5]]], np.float32)
    lay(above, below, over=True)
    assert np.allclose(below, [[[2 / 3, 0, 1 / 3, 0.75], [0, 0, 1, 0.5], [1, 0, 0, 1], [1, 0, 0, 0.5]]])


def test_a_webp_of_parts_is_seen_as_libvips_sees_it(tmp_path: Path) -> None:
    images = [Image.fromarray(f) for f in sprites()]
    images[0].save(tmp_path / "a.webp", save_all=True, append_images=images[1:], duration=70, lossless=True, minimize_size=True)
    animation = read_animation(tmp_path / "a.webp")
    assert animation is not None
    assert any((p.width, p.height) != (44, 30) for p in animation.layout.parts)
    frame_file = pyvips.Image.webpload(str(tmp_path / "a.webp"), n=-1).numpy().reshape(5, 30, 44, 4)
    assert all(alike(a, b, 0) for a, b in zip(frame_file, read(tmp_path / "a.webp"), strict=True))


def test_16_bit_apngs_stay_16_bit(tmp_path: Path) -> None:
    frames = [np.random.default_rng(i).integers(0, 65536, (9, 13, 4), np.uint16) for i in range(3)]
    for got, frame in zip(read(write(tmp_path / "a.png", frames)), frames, strict=True):
        assert np.array_equal(got, frame)


def test_a_gif_of_deep_frames_shows_them_in_8_bits(tmp_path: Path) -> None:
    frames = [np.full((4, 5, 4), value, np.float32) for value in (0.0, 0.2, 1.0)]
    for frame in frames:
        frame[..., 3] = 1
    assert [int(got[0, 0, 0]) for got in read(write(tmp_path / "a.gif", frames))] == [0, 51, 255]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_is_cut_anywhere_is_refused_and_never_a_shorter_one(tmp_path: Path, suffix: str) -> None:
    whole = write(tmp_path / f"a.{suffix}", sprites()).read_bytes()
    path = tmp_path / f"cut.{suffix}"
    for cut in sorted({*range(0, len(whole), max(1, len(whole) // 40)), len(whole) - 1, len(whole) - 2}):
        path.write_bytes(whole[:cut])
        with pytest.raises(ScumbleError) as caught:
            read_animation(path) or read_picture(path)  # the latter where the head itself is cut
        assert caught.value.code == "bad-picture"
        assert caught.value.hint


@MANY
@given(st.sampled_from(SUFFIXES), st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_damage_is_one_sentence_or_frames_of_the_right_size(
    tmp_path: Path, suffix: str, damage: list[tuple[float, int]]
) -> None:
    path = tmp_path / f"a.{suffix}"
    if not path.exists():
        write(path, sprites())
    data = bytearray(path.read_bytes())
    for where, what in damage:
        data[int(where * (len(data) - 1))] ^= what
    hurt = tmp_path / f"hurt.{suffix}"
    hurt.write_bytes(data)
    shapes, problem = [], None
    try:
        animation = read_animation(hurt)
        shapes = [picture.pixels.shape for picture in animation.frames()] if animation else []
    except ScumbleError as e:
        problem = e
    if problem is not None:
        assert (problem.code, str(hurt) in problem.message) == ("bad-picture", True)
    elif animation is not None:
        assert shapes == [(animation.layout.height, animation.layout.width, 4)] * animation.count


def test_a_damaged_frame_is_named_when_its_turn_comes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.webp", sprites())
    animation = read_animation(path)
    assert animation is not None
    data = bytearray(path.read_bytes())
    offset, length = animation.layout.parts[2].spans[0]
    data[offset + 8 : offset + length] = bytes(length - 8)
    path.write_bytes(data)
    frames = animation.frames()
    next(frames), next(frames)
    with pytest.raises(ScumbleError, match="frame 3 of 5 is damaged"):
        next(frames)


def test_still_pictures_and_what_is_none_are_left_to_the_reader_of_pictures(tmp_path: Path) -> None:
    image = Image.fromarray(sprites()[0])
    for suffix in ("png", "webp", "gif", "tif"):
        image.save(tmp_path / f"a.{suffix}")
        assert read_animation(tmp_path / f"a.{suffix}") is None
        assert read_picture(tmp_path / f"a.{suffix}").pixels.shape == (30, 44, 4)
    assert read_animation(tmp_path / "missing.gif") is None


def test_a_still_gif_is_written_and_read(tmp_path: Path) -> None:
    write_gif(tmp_path / "a.gif", sprites()[0])
    assert alike(read_picture(tmp_path / "a.gif").pixels, sprites()[0], 0)


def _interrupted(add: Add) -> None:
    add(sprites()[0], Fraction(10))
    raise KeyboardInterrupt


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_whose_frames_fail_is_not_there_and_the_one_before_stays(tmp_path: Path, suffix: str) -> None:
    old = tmp_path / "out" / f"old.{suffix}"
    old.parent.mkdir()
    old.write_bytes(b"old")
    for path in (old, old.with_stem("new")):
        with pytest.raises(KeyboardInterrupt), write_animation(path, (44, 30), 0, 5, True) as add:
            _interrupted(add)
    assert [(p.name, p.read_bytes()) for p in old.parent.iterdir()] == [(old.name, b"old")]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_five_times_as_many_frames_take_no_more_memory(tmp_path: Path, suffix: str) -> None:
    def peak(count: int) -> int:
        noise = np.random.default_rng(0).integers(0, 255, (128, 128, 4), np.uint8)
        path = tmp_path / f"{count}.{suffix}"
        tracemalloc.start()
        with write_animation(path, (128, 128), 0, count, True) as add:
            for i in range(count):
                add(np.roll(noise, i, 0), Fraction(40))
        animation = read_animation(path)
        assert animation is not None
        assert sum(1 for _ in animation.frames()) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    few = peak(5)
    assert peak(25) <= 1.5 * few


def test_a_frame_of_few_colours_keeps_each_and_others_keep_their_palette_while_it_fits() -> None:
    palettes = Palettes()
    smooth = np.full((64, 64, 4), 255, np.uint8)
    smooth[..., :3] = np.stack(np.meshgrid(range(0, 256, 4), range(0, 128, 2)), -1)[..., [0, 1, 0]]
    first, colours, clear = palettes.fit(smooth)
    assert clear is None
    assert np.abs(colours[first].astype(int) - smooth[..., :3]).mean() < 4
    shifted, same, _ = palettes.fit(np.roll(smooth, 1, 1))
    assert np.array_equal(colours, same)
    assert np.array_equal(np.roll(first, 1, 1), shifted)
    other = smooth.copy()
    other[..., 2] = 255 - other[..., 1]
    assert not np.array_equal(palettes.fit(other)[1], colours)


def test_what_durations_are_rounded_by_does_not_add_up() -> None:
    clock = Clock(10, 0xFFFF)
    assert sum(clock.ticks(Fraction(1000, 30)) for _ in range(300)) == 1000


def test_gif_frames_of_a_sixtieth_of_a_second_are_not_so_short_that_players_slow_them_down(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gif", sprites(), times=[16] * 5)
    animation = read_animation(path)
    assert animation is not None
    assert set(animation.durations) == {20}


def test_a_profile_in_the_file_is_used_for_every_frame(tmp_path: Path) -> None:
    profile = pyvips.Image.black(1, 1, bands=3).copy(interpretation="srgb")
    profile = profile.icc_transform("p3", input_profile="srgb").get("icc-profile-data")
    images = [Image.fromarray(f[..., :3]) for f in sprites(alpha=False)]
    for suffix in ("png", "webp"):
        path = tmp_path / f"a.{suffix}"
        images[0].save(path, save_all=True, append_images=images[1:], icc_profile=bytes(profile), lossless=True)
        with io.BytesIO() as still:
            images[1].save(still, "PNG", icc_profile=bytes(profile))
            (tmp_path / "still.png").write_bytes(still.getvalue())
        wanted = read_picture(tmp_path / "still.png").pixels
        assert np.abs(wanted[9, 8].astype(int) - sprites(alpha=False)[1][9, 8]).max() > 5
        assert alike(wanted, read(path)[1], 1)
