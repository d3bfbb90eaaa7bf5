# SPDX-License-Identifier: Apache-2.0
"""Masks through a real engine: over the wire in strips, into the picture, and what is refused of them."""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
import pytest

from scumble.cli.zmqlink import ZmqLink
from scumble.client.blocking import Engine as Client
from scumble.client.errors import EngineError
from scumble.client.events import Context
from scumble.client.link import Link
from scumble.client.raster import Masks, Raster
from support.engine import STYLE, Engine, wait_for
from support.pictures import picture
from support.shared_engine import shared_engine

FORMATS = {"uint8": "u8", "uint16": "u16", "float32": "f32"}
DEPTHS = pytest.mark.parametrize("depth", [np.uint8, np.uint16, np.float32])


engine, folders = shared_engine()


def raster(pixels: np.ndarray) -> Raster:
    return Raster(pixels.shape[1], pixels.shape[0], {**FORMATS, "float16": "f16"}[pixels.dtype.name], "rgba", pixels)


def wired(masks: np.ndarray) -> Masks:
    height, width, channels = masks.shape
    return Masks(width, height, channels, FORMATS[masks.dtype.name], masks)


def noise(height: int, width: int, channels: int, depth: Any) -> np.ndarray:
    values = np.random.default_rng(5).random((height, width, channels))
    return values.astype(depth) if depth == np.float32 else np.rint(values * np.iinfo(depth).max).astype(depth)


def stylize(pixels: np.ndarray, masks: np.ndarray | None, link: Any = Link, **more: Any) -> np.ndarray:
    styles = more.pop("styles", [(STYLE, 1.0)])
    with Client.attach(start=False, link=link) as client:
        finished = client.stylize(raster(pixels), styles, "invert", masks=None if masks is None else wired(masks), **more)
    return np.frombuffer(finished.raster.data, pixels.dtype).reshape(pixels.shape)


def mixed(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """What `invert` makes of it through (H, W) masks."""
    most = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1
    amount = mask.astype(np.float64) / (np.iinfo(mask.dtype).max if mask.dtype.kind == "u" else 1)
    x = pixels[..., :3].astype(np.float64)
    return x + amount[..., None] * (most - x - x)


@DEPTHS
@pytest.mark.parametrize("link", [Link, ZmqLink])
def test_a_mask_travels_in_strips_and_mixes_the_painting_with_the_picture(link: Any, depth: Any) -> None:
    pixels, masks = picture(700, 901, np.uint16), noise(700, 901, 1, depth)
    out = stylize(pixels, masks, link)
    assert np.abs(out[..., :3] - mixed(pixels, masks[..., 0])).max() <= 1
    np.testing.assert_array_equal(out[..., 3], pixels[..., 3])


def test_the_masks_lie_in_the_order_of_the_styles() -> None:
    pixels, masks = picture(33, 47), noise(33, 47, 3, np.uint16)
    for n in range(3):
        styles = [(STYLE, float(k == n)) for k in range(3)]
        out = stylize(pixels, masks, styles=styles)
        assert np.abs(out[..., :3] - mixed(pixels, masks[..., n])).max() <= 1


def test_masks_of_ones_give_the_bytes_that_none_give_also_for_a_selection() -> None:
    pixels = picture(65, 43)
    context = Context(raster(picture(41, 50)), 3, 5, 100, 82)
    ones = np.full((65, 43, 1), 255, np.uint8)
    asked = {"strength": 0.4, "context": context, "options": {"brush_size": 2.0}}
    assert stylize(pixels, ones, **asked).tobytes() == stylize(pixels, None, **asked).tobytes()


def test_floats_follow_masks_of_odd_bytes() -> None:
    """Behind 3 x 5 bytes of masks, a picture of floats began at an address that no processor likes."""
    pixels, masks = picture(3, 5, np.float32), noise(3, 5, 1, np.uint8)
    assert np.abs(stylize(pixels, masks)[..., :3] - mixed(pixels, masks[..., 0])).max() < 1e-5


@pytest.mark.parametrize(
    ("shape", "message"), [((8, 9, 1), "9 x 8 pixels and the picture 8 x 8"), ((8, 8, 2), "2 masks for 1 styles")]
)
def test_masks_of_another_size_or_count_are_refused_before_a_pixel_travels(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        stylize(picture(8, 8), np.ones(shape, np.uint8))
    assert caught.value.code == "bad-raster"
    assert caught.value.hint


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_mask_with_what_is_no_number_fails_its_job_and_says_why(number: float) -> None:
    masks = noise(8, 8, 1, np.float32)
    masks[7, 7] = number
    with pytest.raises(EngineError, match="mask") as caught:
        stylize(picture(8, 8), masks)
    assert caught.value.code == "bad-raster"


def test_masks_count_against_the_byte_budget(engine: Engine) -> None:
    with engine.peer() as peer:
        budget = engine.status()["budget"]
        styles = [{"style": STYLE, "weight": 1.0}] * 16
        width, height = 16384, min(32768, budget // (2 * 16384 * 4) - 1)  # without masks it just fits
        request = {
            "method": "invert",
            "styles": styles,
            "raster": {"width": width, "height": height, "format": "u8", "order": "rgba"},
        }
        masks = {"width": width, "height": height, "channels": 16, "format": "f32"}
        refused = peer.ask("submit", job=secrets.token_hex(16), **request, masks=masks)
        assert (refused["type"], refused["code"]) == ("rejected", "no-memory")
        assert engine.status()["bytes"] == 0
        job = secrets.token_hex(16)
        assert peer.ask("submit", job=job, **request)["type"] == "accepted"
        with engine.control(secret=peer.secret) as control:
            control.ask("cancel", job=job)
        assert peer.next("cancelled")["job"] == job


def test_a_job_submitted_again_goes_on_with_the_rows_of_its_masks_that_are_there(engine: Engine) -> None:
    pixels, masks = picture(6, 4), noise(6, 4, 1, np.uint8)
    described = {"width": 4, "height": 6, "channels": 1, "format": "u8"}
    with engine.peer() as peer:
        job = peer.submit(pixels, masks=described, send=False)
        assert peer.answer["mask_rows"] == 0
        peer.send(masks[:4].tobytes(), type="pixels", job=job, plane="masks", y=0, rows=4)
        wait_for(lambda: engine.status()["bytes"] == 16)
        peer.submit(pixels, masks=described, send=False, job=job)
        assert (peer.answer["mask_rows"], peer.answer["rows"]) == (4, 0)
        peer.send(masks[4:].tobytes(), type="pixels", job=job, plane="masks", y=4, rows=2)
        peer.send_rows(job, pixels)
        end, result = peer.finish(job)
        peer.send(type="release", job=job)
        assert end["type"] == "done"
        out = np.frombuffer(result, np.uint8).reshape(pixels.shape)
        assert np.abs(out[..., :3] - mixed(pixels, masks[..., 0])).max() <= 1


def test_a_picture_with_masks_can_be_cancelled_while_it_is_painted(engine: Engine) -> None:
    with Client.attach(start=False) as client:
        asked = {"options": {"seconds": 60.0}, "masks": wired(noise(20, 20, 2, np.uint8))}
        with pytest.raises(EngineError) as caught:
            client.stylize(
                raster(picture(20, 20)),
                [(STYLE, 1.0), (STYLE, 1.0)],
                "slow",
                on_progress=lambda progress: progress.text != "waiting",
                **asked,
            )
    assert caught.value.code == "cancelled"
    wait_for(lambda: engine.status()["bytes"] == 0)
