# SPDX-License-Identifier: Apache-2.0
"""Mask files as the command line reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image

from scumble.api.errors import ScumbleError
from scumble.cli.masks import fit, parse_region, read_mask, read_masks
from scumble.client.raster import Masks
from scumble.image import files


def grey(path: Path, values: Any, depth: Any = np.uint8, alpha: Any = None) -> Path:
    """A picture file of greys (H, W) in [0, 1]."""
    values = np.broadcast_to(np.asarray(values, np.float64), (3, 4))
    planes = np.stack([values] * 3 + [np.broadcast_to(1.0 if alpha is None else alpha, (3, 4))], 2)
    pixels = planes.astype(depth) if depth == np.float32 else np.rint(planes * np.iinfo(depth).max).astype(depth)
    files.write_picture(path, pixels)
    return path


def numbers(masks: Masks) -> np.ndarray:
    depths = {"u8": np.uint8, "u16": np.uint16, "f32": np.float32}
    return np.frombuffer(masks.data, depths[masks.format]).reshape(masks.height, masks.width, masks.channels)


def test_a_region_is_a_style_with_a_mask_and_may_have_a_weight() -> None:
    assert parse_region("night=sky.png") == ("night", 1.0, Path("sky.png"))
    assert parse_region("night@2:0.5=a=b.png") == ("night@2", 0.5, Path("a=b.png"))


@pytest.mark.parametrize("typed", ["night", "night=", "=sky.png", "ni/ght=sky.png", "night:x=sky.png", ""])
def test_what_is_no_region_is_refused(typed: str) -> None:
    with pytest.raises(click.UsageError):
        parse_region(typed)


@pytest.mark.parametrize(("name", "depth"), [("m.png", np.uint8), ("m.png", np.uint16), ("m.tif", np.float32)])
def test_greys_keep_their_depth(tmp_path: Path, name: str, depth: Any) -> None:
    ramp = np.linspace(0, 1, 12).reshape(3, 4)
    mask = read_mask(grey(tmp_path / name, ramp, depth))
    assert mask.dtype == depth
    most = 1 if depth == np.float32 else np.iinfo(depth).max
    assert np.abs(mask / most - ramp).max() <= 0.51 / (most if most > 1 else 1e5)


def test_a_file_with_one_channel_is_a_mask(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    Image.fromarray(values).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "m.png"), values)


def test_what_is_transparent_in_a_mask_counts_as_black(tmp_path: Path) -> None:
    mask = read_mask(grey(tmp_path / "m.png", 1.0, alpha=[[0, 0.2, 0.6, 1]] * 3))
    np.testing.assert_array_equal(mask[0], [0, 51, 153, 255])


def test_a_picture_in_colours_is_no_mask(tmp_path: Path) -> None:
    Image.fromarray(np.full((3, 4, 3), (200, 100, 200), np.uint8)).save(tmp_path / "m.png")
    with pytest.raises(ScumbleError, match="colours") as error:
        read_mask(tmp_path / "m.png")
    assert error.value.code == "bad-picture"


def test_masks_of_several_depths_become_one_raster_of_the_deepest(tmp_path: Path) -> None:
    paths = [grey(tmp_path / "a.png", 0.2), grey(tmp_path / "b.png", 0.6, np.uint16)]
    masks = read_masks(paths, 0)
    assert (masks.width, masks.height, masks.channels, masks.format) == (4, 3, 2, "u16")
    assert (numbers(masks) == [51 * 257, 39321]).all()
    deep = read_masks([*paths, grey(tmp_path / "c.tif", 0.25, np.float32)], 0)
    assert deep.format == "f32"
    assert np.allclose(numbers(deep), [0.2, 0.6, 0.25], atol=1e-6)


@pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])
def test_styles_without_a_mask_get_what_no_region_covers(tmp_path: Path, depth: Any) -> None:
    suffix = "tif" if depth == np.float32 else "png"
    ramp = np.linspace(0, 1, 12).reshape(3, 4)
    paths = [grey(tmp_path / f"{n}.{suffix}", values, depth) for n, values in enumerate((ramp, 0.5))]
    masks = numbers(read_masks(paths, 2)).astype(np.float64)
    most = 1 if depth == np.float32 else np.iinfo(depth).max
    assert masks.shape == (3, 4, 4)
    for n in (2, 3):
        assert np.allclose(masks[..., n], np.clip(most - masks[..., 0] - masks[..., 1], 0, most), atol=1e-6)


def test_masks_of_two_sizes_are_refused_with_both_names(tmp_path: Path) -> None:
    small = grey(tmp_path / "small.png", 1.0)
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(tmp_path / "large.png")
    with pytest.raises(ScumbleError, match=r"large.png has 6 x 5 pixels and .*small.png 4 x 3") as error:
        read_masks([small, tmp_path / "large.png"], 0)
    assert error.value.code == "bad-raster"


def test_a_picture_of_another_size_than_its_masks_is_named(tmp_path: Path) -> None:
    masks = read_masks([grey(tmp_path / "m.png", 1.0)], 0)
    fit(masks, (4, 3), Path("photo.png"))
    with pytest.raises(ScumbleError, match=r"4 x 3 pixels and photo.png 3 x 4") as error:
        fit(masks, (3, 4), Path("photo.png"))
    assert error.value.code == "bad-raster"
