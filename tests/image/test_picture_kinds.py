# SPDX-License-Identifier: Apache-2.0
"""What kinds of picture files are read, what of them is left out, and what is refused as what it is."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scumble.api.errors import ScumbleError
from scumble.image import formats
from scumble.image.files import read_picture, write_picture

tifffile = pytest.importorskip("tifffile")

RGB = np.random.default_rng(0).random((20, 30, 3))
BYTES = np.rint(RGB * 255).astype(np.uint8)


def refusal(path: Path) -> str:
    with pytest.raises(ScumbleError) as e:
        read_picture(path)
    assert e.value.code == "bad-picture"
    assert "\n" not in e.value.message
    return e.value.message


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [{}, {"compression": "zlib"}, {"tile": (16, 16)}, {"bigtiff": True}])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_tiff_of_64_bit_floats_is_read(tmp_path: Path, order: str, packed: dict[str, Any], channels: int) -> None:
    """NumPy's own floats, as scientists save them, were called damaged."""
    pixels = np.random.default_rng(1).random((40, 30, channels)) * 2 - 0.5
    more = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    kind = "minisblack" if channels == 1 else "rgb"
    tifffile.imwrite(
        tmp_path / "a.tif", pixels if channels > 1 else pixels[..., 0], photometric=kind, byteorder=order, **packed, **more
    )
    picture = read_picture(tmp_path / "a.tif")
    assert picture.pixels.dtype == np.float32
    assert picture.alpha == (channels == 4)
    assert np.array_equal(
        picture.pixels[..., : max(channels, 3)], np.broadcast_to(pixels, (40, 30, max(channels, 3))).astype("f4")
    )


@pytest.mark.parametrize(
    ("dtype", "message"),
    [
        (np.int8, "signed whole numbers of 8 bits"),
        (np.int16, "signed whole numbers of 16 bits"),
        (np.int32, "signed whole numbers of 32 bits"),
        (np.uint64, "whole numbers of 64 bits"),
        (np.complex64, "complex numbers of 64 bits"),
    ],
)
def test_a_tiff_of_other_numbers_is_refused_as_what_it_is(tmp_path: Path, dtype: Any, message: str) -> None:
    """They were called damaged or cut short, though they are neither."""
    tifffile.imwrite(tmp_path / "a.tif", (RGB * 100).astype(dtype), photometric="rgb")
    assert message in refusal(tmp_path / "a.tif")


def test_a_tiff_whose_packing_is_not_known_is_refused_as_what_it_is(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", BYTES, photometric="rgb", compression="lzma")
    assert "compressed by LZMA" in refusal(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("photometric", "message"),
    [("cielab", "L*a*b* of 8 bits"), ("icclab", "ICC L*a*b*"), ("itulab", "ITU L*a*b*"), ("cfa", "sensor")],
)
def test_a_tiff_of_colours_that_are_not_read_is_refused_as_what_it_is(tmp_path: Path, photometric: str, message: str) -> None:
    """L*a*b* of 8 bits was called damaged; ICC's was read as if it were red, green and blue."""
    tifffile.imwrite(tmp_path / "a.tif", BYTES[..., 0] if photometric == "cfa" else BYTES, photometric=photometric)
    assert message in refusal(tmp_path / "a.tif")


def test_64_bit_floats_in_separate_planes_are_refused_as_what_they_are(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.moveaxis(RGB, 2, 0), photometric="rgb", planarconfig="separate")
    assert "floating-point numbers of 64 bits" in refusal(tmp_path / "a.tif")


def test_a_damaged_tiff_is_still_damaged(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB, photometric="rgb")
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[: len(data) // 2])
    assert "damaged or cut short" in refusal(tmp_path / "a.tif")


def test_a_cameras_raw_picture_is_not_read_for_its_preview(tmp_path: Path) -> None:
    """The first page of a NEF is a picture of 160 x 120."""
    tifffile.imwrite(tmp_path / "a.nef", BYTES, photometric="rgb", subfiletype=1)
    assert "raw" in refusal(tmp_path / "a.nef")


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"8BPS\0\1", "a Photoshop document"),
        (b"\xff\x0a\xfa", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"v/1\x01", "OpenEXR"),
        (b"%PDF-1.7", "PDF"),
        (b"<svg xmlns='x'>", "SVG"),
        (b"PK\x03\x04mimetypeapplication/x-krita", "Krita"),
        (b"\0\0\0\x18ftypisom", "a video"),
        (b"\0\0\0\x18ftypcrx ", "raw"),
        (b"\0\0\x01\0\x01\0", "an icon"),
        (b"\0\0\x02\0\0\0", "no picture of a kind that is read (PNG, JPEG"),  # a Targa's first bytes are a cursor's, too
        (b"", "it is empty"),
        (b"hello", "no picture of a kind that is read (PNG, JPEG"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, head: bytes, message: str) -> None:
    (tmp_path / "a.png").write_bytes(head + bytes(100 if head else 0))
    assert message in refusal(tmp_path / "a.png")


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1"])
def test_a_bmp_is_read(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(BYTES).convert(mode)
    image.save(tmp_path / "a.bmp")
    assert np.array_equal(read_picture(tmp_path / "a.bmp").pixels[..., :3], np.asarray(image.convert("RGB")))
    data = (tmp_path / "a.bmp").read_bytes()
    for end in (2, 20, 54, len(data) - 40):
        (tmp_path / "cut.bmp").write_bytes(data[:end])
        assert "damaged or cut short" in refusal(tmp_path / "cut.bmp")


def test_a_bmp_that_claims_to_be_large_costs_what_is_in_it(tmp_path: Path) -> None:
    Image.fromarray(BYTES).save(tmp_path / "a.bmp")
    data = bytearray((tmp_path / "a.bmp").read_bytes())
    data[18:26] = struct.pack("<ii", 20_000, 20_000)
    (tmp_path / "a.bmp").write_bytes(data)
    assert "damaged or cut short" in refusal(tmp_path / "a.bmp")


def test_avif_is_read_with_its_alpha_and_jfif_is_jpeg(tmp_path: Path) -> None:
    alpha = np.dstack([np.full((20, 30, 3), 120, np.uint8), np.tile(np.linspace(0, 255, 30).astype(np.uint8), (20, 1))])
    Image.fromarray(alpha).save(tmp_path / "a.avif", quality=95)
    picture = read_picture(tmp_path / "a.avif")
    assert picture.alpha
    assert np.abs(picture.pixels.astype(int) - alpha).max() <= 6
    for name in ("b.jfif", "b.jpe"):
        write_picture(tmp_path / name, alpha)
        assert Image.open(tmp_path / name).format == "JPEG"
        assert read_picture(tmp_path / name).pixels.shape == alpha.shape


def test_a_heic_that_cannot_be_decoded_is_refused_as_what_it_is(tmp_path: Path) -> None:
    """The wheels of libvips have no decoder for HEVC; what its loader says is put in here."""
    complaint = "unable to call heifload\nheif: Unsupported feature: Unsupported codec (4.3000)"
    assert "has no decoder for its HEVC" in str(formats.why_not("heic", tmp_path / "a.heic", complaint))
    assert formats.why_not("heic", tmp_path / "a.heic", "heif: Invalid input: Unexpected end of file (2.100)") is None
    assert formats.kind_of(b"\0\0\0\x18ftypheic") == "heic"
    assert formats.kind_of(b"\0\0\0\x18ftypmif1") == "heic"


def test_pages_and_frames_that_are_left_out_are_named(tmp_path: Path) -> None:
    """A scan of three pages came back as one, without a word."""
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([BYTES] * 3), photometric="rgb")
    frames = [Image.fromarray(np.roll(BYTES, n, 0)) for n in range(4)]
    for name in ("frames.gif", "frames.webp", "frames.png", "frames.avif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=100)
    assert "it has 3 pages" in read_picture(tmp_path / "pages.tif").notes[0]
    for name in ("frames.gif", "frames.webp", "frames.png"):
        assert "it has 4 frames; the first is read" in read_picture(tmp_path / name).notes[0]
    Image.fromarray(BYTES).save(tmp_path / "still.gif")
    assert read_picture(tmp_path / "still.gif").notes == ()


def test_previews_within_a_tiff_are_no_pages(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(BYTES, photometric="rgb")
        writer.write(BYTES[::2, ::2], photometric="rgb", subfiletype=1)
    assert read_picture(tmp_path / "a.tif").notes == ()


def test_channels_besides_the_colours_are_named(tmp_path: Path) -> None:
    five = np.dstack([BYTES, BYTES[..., :2]])
    tifffile.imwrite(tmp_path / "a.tif", five, photometric="rgb", extrasamples=["unspecified", "unspecified"])
    assert "channels besides its colours" in read_picture(tmp_path / "a.tif").notes[0]
