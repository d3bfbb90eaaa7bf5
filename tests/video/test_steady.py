# SPDX-License-Identifier: Apache-2.0
"""Sequences: what stands still does not flicker, what moves draws no trail. The painting is a real network's."""

from __future__ import annotations

import sys
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from scumble.api.errors import ScumbleError
from scumble.image.transfer import to_linear
from scumble.library.styles import StyleStore
from scumble.methods.johnson.method import Johnson
from scumble.nst import synthetic
from scumble.painting import pipeline
from scumble.video.motion import is_cut
from scumble.video.steady import Steady
from support.flicker import flicker
from support.painted import through_pipeline

HEIGHT, WIDTH, FRAMES, BORDER = 96, 128, 6, 16
JOHNSON = Johnson()


def scene() -> np.ndarray:
    """(HEIGHT, 256, 3) in [0, 1]: overlapping discs."""
    leaves = synthetic.dead_leaves(256, torch.Generator().manual_seed(1))
    return leaves[:, :HEIGHT].permute(1, 2, 0).numpy()


def frame(rgb: np.ndarray, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    noisy = rgb + np.random.default_rng(seed).normal(0, noise, rgb.shape)
    rgba = np.full((*rgb.shape[:2], 4), 255, np.uint8)
    rgba[..., :3] = np.rint(np.clip(noisy, 0, 1) * 255)
    return rgba


def by_johnson(pixels: np.ndarray) -> np.ndarray:
    style = StyleStore().get("starry-night")
    return through_pipeline(pipeline.Request(JOHNSON, [(style, 1.0)], 1.0, {}, pixels))


def settled(frames: list[np.ndarray], paintings: list[np.ndarray]) -> list[np.ndarray]:
    steady = Steady()
    return [steady.settle(*pair) for pair in zip(frames, paintings, strict=True)]


@pytest.mark.parametrize(("noise", "pan"), [(0.02, 0), (0.05, 0), (0.0, 1), (0.0, 3), (0.02, 3)])
def test_what_stands_still_or_moves_with_the_camera_flickers_at_most_half_as_much(noise: float, pan: int) -> None:
    frames = [frame(scene()[:, pan * i : pan * i + WIDTH], noise, i) for i in range(FRAMES)]
    off = [by_johnson(f) for f in frames]
    assert flicker(off, pan, BORDER) > 3
    assert flicker(settled(frames, off), pan, BORDER) <= 0.5 * flicker(off, pan, BORDER)


def through_camera(camera: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """The scene as a camera shows it whose motion (2, 3) leads from its pixels to the scene's."""
    big = synthetic.dead_leaves(512, torch.Generator().manual_seed(1)).permute(1, 2, 0).numpy()
    soft = cv2.GaussianBlur(big, (0, 0), 0.7)
    return frame(cv2.warpAffine(soft, camera, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP), noise, seed)


def cameras(pan: tuple[float, float], zoom: float, degrees: float) -> list[np.ndarray]:
    """Where each frame's camera is: it moves by `pan` pixels, nears by `zoom` and turns, each a frame."""
    motions = []
    for i in range(FRAMES):
        angle, scale = np.deg2rad(degrees * i), zoom**i
        turned = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        at = np.array([200.0, 200.0]) + np.array(pan) * i - turned @ np.array([WIDTH / 2, HEIGHT / 2])
        motions.append(np.column_stack([turned, at]))
    return motions


def error_along(paintings: list[np.ndarray], through: list[np.ndarray]) -> float:
    """Mean absolute difference of each painted frame from the one before, moved as the camera has moved, in 255ths."""
    errors = []
    for (a, b), (first, second) in zip(pairwise(paintings), pairwise(through), strict=True):
        full = [np.vstack([m, [0, 0, 1]]) for m in (first, second)]
        way = (np.linalg.inv(full[0]) @ full[1])[:2]
        how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(a[..., :3].astype(np.float32), way, (WIDTH, HEIGHT), flags=how)
        errors.append(np.abs(moved - b[..., :3])[BORDER:-BORDER, BORDER:-BORDER].mean())
    return float(np.mean(errors))


@pytest.mark.parametrize(
    ("pan", "zoom", "degrees", "noise"),
    [((1.3, 0.6), 1.0, 0.0, 0.0), ((0.37, 0.2), 1.0, 0.0, 0.02), ((0.0, 0.0), 0.99, 0.0, 0.0), ((0.0, 0.0), 1.0, 1.0, 0.0)],
    ids=["pan by parts of a pixel", "slow pan with noise", "zoom", "turn"],
)
def test_what_the_camera_turns_to_or_nears_flickers_at_most_half_as_much(
    pan: tuple[float, float], zoom: float, degrees: float, noise: float
) -> None:
    """By whole pixels alone, as it was once, a zoom kept three quarters of its flicker, and a pan by 1.3 pixels half."""
    through = cameras(pan, zoom, degrees)
    frames = [through_camera(camera, noise, i) for i, camera in enumerate(through)]
    off = [by_johnson(f) for f in frames]
    assert error_along(off, through) > 3
    assert error_along(settled(frames, off), through) <= 0.5 * error_along(off, through)


def test_things_that_move_apart_are_each_carried_along() -> None:
    """Half the frame stands still, and half moves by a part of a pixel."""
    frames = []
    still = scene()[:, :WIDTH]
    for i in range(FRAMES):
        rgb = still.copy()
        moving = cv2.warpAffine(still, np.array([[1, 0, 1.4 * i], [0, 1, 0]]), (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        rgb[HEIGHT // 2 :] = moving[HEIGHT // 2 :]
        frames.append(frame(rgb, 0.01, i))
    off = [by_johnson(f) for f in frames]
    on = settled(frames, off)
    halves = (slice(0, HEIGHT // 2), 0.0), (slice(HEIGHT // 2, None), 1.4)
    for rows, pan in halves:
        changes = []
        for shown in (on, off):
            way = np.array([[1, 0, pan], [0, 1, 0]])
            moved = [cv2.warpAffine(a[rows, :, :3].astype(np.float32), way, (WIDTH, HEIGHT // 2)) for a in shown[:-1]]
            pairs = zip(moved, shown[1:], strict=True)
            changes.append(np.mean([np.abs(a - b[rows, :, :3])[12:-12, 24:-12].mean() for a, b in pairs]))
        assert changes[0] <= 0.5 * changes[1]


@pytest.mark.parametrize("seed", [2, 3])
def test_a_cut_between_scenes_of_like_brightness_draws_no_ghost(seed: int) -> None:
    """Their histograms do not tell them apart; what was painted of the one does not show in the other."""
    other = synthetic.dead_leaves(256, torch.Generator().manual_seed(seed)).permute(1, 2, 0).numpy()[:HEIGHT, :WIDTH]
    frames = [frame(scene()[:, :WIDTH], 0.01, i) for i in range(3)] + [frame(other, 0.01, 9)]
    off = [by_johnson(f) for f in frames]
    on = settled(frames, off)
    old, new, shown = (p[..., :3].astype(float) for p in (on[2], off[3], on[3]))
    ghost = ((shown - new) * (old - new)).sum() / np.square(old - new).sum()
    assert ghost <= 0.02
    assert np.abs(shown - new).mean() < 1


def test_scenes_of_other_brightness_are_a_cut() -> None:
    dark, light = (np.full((40, 40), grey, np.float32) for grey in (0.2, 0.7))
    assert is_cut(dark, light)
    assert not is_cut(dark, dark)


@pytest.mark.parametrize(("colour", "noise"), [(1.0, 0.0), (1.0, 0.02), (0.3, 0.0), (0.3, 0.02)])
def test_what_moves_leaves_at_most_a_quarter_of_itself_behind(colour: float, noise: float) -> None:
    """A square of 24 pixels, opaque or a veil, moves by 4; what counts is the ground it has left in the last three frames."""
    frames = []
    for i in range(FRAMES + 2):
        rgb = scene()[:, :WIDTH].copy()
        square = rgb[40:64, 20 + 4 * i : 44 + 4 * i]
        square[...] = (1 - colour) * square + colour * np.array([0.9, 0.2, 0.1])
        frames.append(frame(rgb, noise, i))
    off = [by_johnson(f) for f in frames]
    on = settled(frames, off)
    left = slice(40, 64), slice(20 + 4 * 4, 20 + 4 * 7), slice(3)
    made = off[4][left].astype(float) - off[7][left]
    stays = on[7][left].astype(float) - off[7][left]
    assert (made * stays).sum() <= 0.25 * np.square(made).sum()


def test_a_cut_shows_the_new_scene_at_once() -> None:
    a, b = (np.random.default_rng(i).integers(0, 256, (40, 50, 4), np.uint8) for i in range(2))
    steady = Steady()
    assert np.array_equal(steady.settle(a, a), a)
    assert np.array_equal(steady.settle(b, b), b)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_depth_and_alpha_are_those_of_the_painted_frame(depth: type) -> None:
    most = 1 if depth is np.float32 else np.iinfo(depth).max
    pixels = (np.random.default_rng(0).random((20, 30, 4)) * most).astype(depth)
    steady = Steady()
    for _ in range(2):
        result = steady.settle(pixels, pixels)
    assert result.dtype == depth
    assert np.array_equal(result[..., 3], pixels[..., 3])


def test_colours_under_alpha_0_stay_as_they_are_painted() -> None:
    frame, first, second = (np.full((20, 30, 4), value, np.uint8) for value in (90, 100, 110))
    for pixels in (frame, first, second):
        pixels[:, 15:, 3] = 0
    steady = Steady()
    steady.settle(frame, first)
    shown = steady.settle(frame, second)
    assert (shown[:, 15:, :3] == 110).all()
    assert (shown[:, :15, :3] < 110).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 40), (17, 16)])
def test_frames_of_any_size_are_settled(size: tuple[int, int]) -> None:
    pixels = np.full((*size, 4), 99, np.uint8)
    steady = Steady()
    assert np.array_equal(steady.settle(pixels, pixels), pixels)
    assert np.array_equal(steady.settle(pixels, pixels), pixels)


def test_a_frame_of_another_size_begins_again_and_the_next_ones_are_carried_on_from_it() -> None:
    steady = Steady()
    small, grey, light = (np.full((*size, 4), value, np.uint8) for size, value in (((4, 6), 9), ((5, 6), 100), ((5, 6), 110)))
    assert not steady.starts_over(small)
    steady.settle(small, small)
    assert steady.starts_over(grey)
    assert np.array_equal(steady.settle(grey, grey), grey)
    assert not steady.starts_over(grey)
    assert steady.settle(grey, light)[..., 0].max() < 110


@pytest.mark.parametrize("depth", [np.uint16, np.float16, np.float32])
def test_deep_frames_are_carried_as_8_bit_ones_are_but_finer(depth: type) -> None:
    """A step that 8 bits cannot show still goes from frame to frame."""
    most = 1 if depth is not np.uint16 else 65535
    frame = np.full((20, 30, 4), 0.5 * most).astype(depth)
    frame[..., 3] = most
    later = frame.copy()
    later[..., :3] = 0.502 * most
    steady = Steady()
    steady.settle(frame, frame)
    carried = steady.settle(frame, later)[..., :3].astype(float) / most
    assert np.abs(carried - (0.5 + 0.2 * 0.002)).max() < 5e-4
    assert carried.min() >= 0.5


def test_linear_light_is_compared_and_mixed_as_it_is_seen() -> None:
    """A change in the dark is small in linear light: taken as it is there, it counted as noise, and stayed as a ghost."""
    dark, less_dark = (np.full((20, 30, 4), value, np.float32) for value in (0.03, 0.09))
    paintings = [np.full((20, 30, 4), value, np.float32) for value in (0.5, 0.6, 0.4)]
    frames = [dark, dark, less_dark]
    for pixels in (*frames, *paintings):
        pixels[..., 3] = 1
    linear = [[np.concatenate([to_linear(p[..., :3]), p[..., 3:]], 2) for p in some] for some in (frames, paintings)]
    plain, curved = Steady(), Steady()
    shown = [plain.settle(*pair) for pair in zip(frames, paintings, strict=True)]
    of_light = [curved.settle(*pair, "linear") for pair in zip(*linear, strict=True)]
    assert shown[1][0, 0, 0] == pytest.approx(0.52, abs=1e-4)
    assert np.array_equal(of_light[2], linear[1][2])
    for a, b in zip(shown, of_light, strict=True):
        np.testing.assert_allclose(to_linear(a[..., :3]), b[..., :3], atol=1e-5)


def test_without_opencv_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(ScumbleError) as error:
        Steady()
    assert error.value.code == "bad-options"
    assert 'pip install "scumble[video]"' in error.value.hint


def test_floats_beyond_white_and_numbers_that_are_none_do_no_harm() -> None:
    frame = np.full((20, 30, 4), 0.5, np.float32)
    frame[..., 3] = 1
    bright = frame.copy()
    bright[:10, :, :3] = 4.0
    odd = bright.copy()
    odd[0, 0] = (np.nan, np.inf, -np.inf, 1)
    steady = Steady()
    steady.settle(frame, frame)
    shown = steady.settle(bright, bright)
    assert np.array_equal(shown[:5], bright[:5])  # a light that is switched on is there at once, whole
    assert np.isfinite(steady.settle(bright, bright)).all()
    shown = steady.settle(odd, np.nan_to_num(odd))
    assert np.isfinite(shown).all()
    assert np.isfinite(steady.settle(bright, bright)).all()
