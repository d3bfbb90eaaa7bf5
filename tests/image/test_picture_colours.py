# SPDX-License-Identifier: Apache-2.0
"""Whose colours a picture has, however its file says so: they come out as sRGB's, and never by mistake."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from scumble.image import embedded, icc, spaces
from scumble.image.files import Picture, Settings, read_picture, write_picture

RAMP = np.rint(np.stack(np.meshgrid(np.linspace(40, 255, 48), np.linspace(40, 255, 32)), -1)).astype(np.uint8)
PIXELS = np.ascontiguousarray(np.dstack([RAMP, RAMP[::-1, :, :1]]))
STEP = 1.6 / 255
P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
ADOBE = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))


def encoded(light: Any) -> Any:
    """sRGB's numbers for light, by its definition."""
    light = np.clip(light, 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def matrix(primaries: Any) -> Any:
    def xyz(x: float, y: float) -> Any:
        return np.array([x / y, 1, (1 - x - y) / y])

    columns = np.stack([xyz(*xy) for xy in primaries], 1)
    return columns * np.linalg.solve(columns, xyz(*icc.D65))


def expected(light: Any, primaries: Any = icc.SRGB_PRIMARIES) -> Any:
    """What light of these primaries is in sRGB, by the definitions; what sRGB has no number for is clipped."""
    return encoded(light @ (np.linalg.inv(matrix(icc.SRGB_PRIMARIES)) @ matrix(primaries)).T)


def png(path: Path, *chunks: tuple[bytes, bytes], pixels: Any = PIXELS) -> Path:
    """A PNG with more chunks after its header."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data, more = buffer.getvalue(), b""
    for name, body in chunks:
        more += struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    path.write_bytes(data[:33] + more + data[33:])
    return path


def displayed(path: Path) -> Any:
    return read_picture(path).pixels[..., :3] / np.float64(255)


def chromaticities(primaries: Any) -> bytes:
    return struct.pack(">8I", *(round(n * 100_000) for xy in (icc.D65, *primaries) for n in xy))


def test_gamma_in_a_png_is_honoured(tmp_path: Path) -> None:
    """A PNG with gAMA 1.0 and no profile was read as sRGB and written with sRGB's profile: 52 of 255 too dark."""
    path = png(tmp_path / "linear.png", (b"gAMA", struct.pack(">I", 100_000)))
    assert np.abs(displayed(path) - encoded(PIXELS / 255)).max() <= STEP
    grey = png(tmp_path / "grey.png", (b"gAMA", struct.pack(">I", 100_000)), pixels=PIXELS[..., 0])
    assert np.abs(displayed(grey)[..., 0] - encoded(PIXELS[..., 0] / 255)).max() <= 2 * STEP


def test_gamma_and_primaries_in_a_png_are_honoured(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", (b"gAMA", struct.pack(">I", 45470)), (b"cHRM", chromaticities(ADOBE)))
    assert np.abs(displayed(path) - expected(spaces.srgb_curve(PIXELS / 255), ADOBE)).max() <= 3 * STEP


@pytest.mark.parametrize("gamma", [45455, 45000, 47000])
def test_the_gamma_that_programs_write_for_srgb_changes_not_a_bit(tmp_path: Path, gamma: int) -> None:
    chunks = ((b"gAMA", struct.pack(">I", gamma)), (b"cHRM", chromaticities(icc.SRGB_PRIMARIES)))
    assert np.array_equal(read_picture(png(tmp_path / "a.png", *chunks)).pixels[..., :3], PIXELS)
    srgb = png(tmp_path / "b.png", (b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 100_000)))
    assert np.array_equal(read_picture(srgb).pixels[..., :3], PIXELS), "sRGB overrides gAMA (PNG, section 11.3.2.5)"


def test_code_points_in_a_png_are_honoured_before_all_else(tmp_path: Path) -> None:
    """PNG, third edition: cICP overrides iCCP, sRGB, gAMA and cHRM."""
    path = png(tmp_path / "p3.png", (b"cICP", bytes([12, 13, 0, 1])), (b"sRGB", b"\0"))
    assert np.abs(displayed(path) - expected(spaces.srgb_curve(PIXELS / 255), P3)).max() <= 4 * STEP
    picture = read_picture(path)
    assert picture.profile is not None
    assert picture.notes == ()


@pytest.mark.parametrize(("transfer", "white"), [(16, 0.58), (18, 0.75)])
def test_an_hdr_picture_keeps_its_white_and_what_is_brighter_is_named(tmp_path: Path, transfer: int, white: float) -> None:
    pixels = np.full((8, 8, 3), round(white * 255), np.uint8)
    pixels[:4] = 255
    picture = read_picture(png(tmp_path / "hdr.png", (b"cICP", bytes([9, transfer, 0, 1])), pixels=pixels))
    assert picture.pixels[-1, -1, :3].min() >= 250
    assert "HDR" in picture.notes[0]


def test_code_points_that_are_not_known_are_named(tmp_path: Path) -> None:
    for points in (bytes([200, 13, 0, 1]), bytes([1, 99, 0, 1]), bytes([9, 13, 0, 0])):
        picture = read_picture(png(tmp_path / "a.png", (b"cICP", points)))
        assert np.array_equal(picture.pixels[..., :3], PIXELS)
        assert "not known here; read as sRGB" in picture.notes[0]


def adobe_exif(how: str) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    detail = exif.get_ifd(0x8769)
    detail[0xA001] = 2 if how == "two" else 0xFFFF
    if how == "R03":
        detail[0xA005] = {1: "R03"}
    return exif


@pytest.mark.parametrize("how", ["R03", "two"])
@pytest.mark.parametrize("suffix", [".png", ".webp", ".jpg"])
def test_adobe_rgb_of_a_camera_is_honoured(tmp_path: Path, how: str, suffix: str) -> None:
    """DCF 2.0: a camera says Adobe RGB by the index R03, without a profile; such photographs came out pale."""
    path = tmp_path / f"photo{suffix}"
    Image.fromarray(PIXELS).save(path, exif=adobe_exif(how), **({} if suffix == ".png" else {"quality": 100}))
    stored = np.asarray(Image.open(path).convert("RGB")) / 255
    difference = np.abs(displayed(path) - expected(stored ** (563 / 256), ADOBE))
    assert difference.max() <= (3 * STEP if suffix == ".png" else 8 * STEP)
    assert difference.mean() <= STEP
    picture = read_picture(path)
    write_picture(tmp_path / "out.jpg", picture.pixels, picture)
    detail = Image.open(tmp_path / "out.jpg").getexif().get_ifd(0x8769)
    assert detail[0xA001] == 1, "what is written is sRGB, and its EXIF must not say otherwise"
    assert 0xA005 not in detail


def test_uncalibrated_colours_are_named(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png", exif=adobe_exif("uncalibrated"))
    assert "not sRGB's, but not whose" in read_picture(tmp_path / "a.png").notes[0]


def test_tags_of_a_tiff_are_honoured(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    corners = [n for xy in ADOBE for n in xy]
    function = np.rint(65535 * (np.arange(256) / 255) ** 1.8).astype(np.uint16)
    tags = [
        (318, 5, 2, tuple(round(n * 10_000) if k == 0 else 10_000 for n in icc.D65 for k in (0, 1)), False),
        (319, 5, 6, tuple(round(n * 10_000) if k == 0 else 10_000 for n in corners for k in (0, 1)), False),
        (301, 3, 768, tuple(np.tile(function, 3).tolist()), False),
    ]
    tifffile.imwrite(tmp_path / "a.tif", PIXELS, photometric="rgb", extratags=tags)
    assert np.abs(displayed(tmp_path / "a.tif") - expected((PIXELS / 255) ** 1.8, ADOBE)).max() <= 4 * STEP


def test_code_points_of_an_avif_are_honoured(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.avif", quality=100, subsampling="4:4:4")
    data = (tmp_path / "a.avif").read_bytes()
    at = data.index(b"colrnclx") + 8
    (tmp_path / "p3.avif").write_bytes(data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :])
    plain = displayed(tmp_path / "a.avif")
    assert np.abs(plain - PIXELS / 255).max() <= 8 * STEP
    assert np.abs(displayed(tmp_path / "p3.avif") - expected(spaces.srgb_curve(plain), P3)).max() <= 6 * STEP


def test_a_bmp_that_says_whose_its_colours_are_is_honoured(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "plain.bmp")
    assert np.array_equal(read_picture(tmp_path / "plain.bmp").pixels[..., :3], PIXELS)
    data = (tmp_path / "plain.bmp").read_bytes()
    ends = [round(n * (1 << 30)) for row in matrix(icc.SRGB_PRIMARIES).T for n in row]
    head = struct.pack("<I", 108) + data[18:54] + bytes(16) + bytes(4) + struct.pack("<9i3I", *ends, *[65536] * 3)
    whole = data[:2] + struct.pack("<IIi", len(data) + 68, 0, 122) + head + data[54:]
    (tmp_path / "linear.bmp").write_bytes(whole)
    assert np.abs(displayed(tmp_path / "linear.bmp") - encoded(PIXELS / 255)).max() <= 2 * STEP


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_a_profile_is_kept_on_request(tmp_path: Path, suffix: str, depth: Any) -> None:
    """Photographers who work in Adobe RGB or P3 want their results there, too."""
    picture = read_picture(png(tmp_path / "p3.png", (b"cICP", bytes([12, 13, 0, 1]))))
    pixels = picture.pixels if depth is np.uint8 else picture.pixels.astype(np.uint16) * 257
    path = tmp_path / f"kept{suffix}"
    write_picture(path, pixels, picture, Settings(keep_profile=True))
    embedded = Image.open(path).info["icc_profile"]
    assert "P3" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(embedded)))
    back = read_picture(path).pixels
    most = np.iinfo(back.dtype).max
    difference = np.abs(back / most - pixels / np.iinfo(depth).max)
    assert difference.max() <= 0.1
    assert difference.mean() <= (2 * STEP if suffix == ".jpg" else STEP / 2)
    write_picture(path, pixels, picture)
    assert b"P3" not in Image.open(path).info["icc_profile"]


def test_of_a_picture_in_srgb_there_is_no_profile_to_keep(tmp_path: Path) -> None:
    assert Picture(PIXELS, False).profile is None
    assert read_picture(png(tmp_path / "a.png", (b"sRGB", b"\0"))).profile is None


def test_impossible_primaries_are_named_and_read_as_srgb(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", (b"cHRM", bytes(32)), (b"gAMA", struct.pack(">I", 100_000)))
    picture = read_picture(path)
    assert picture.pixels.shape == (32, 48, 4)
    assert "cannot be" in picture.notes[0]


def test_quality_is_that_of_jpeg_and_webp(tmp_path: Path) -> None:
    sizes = {}
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 4), np.uint8)
    for suffix in (".jpg", ".webp", ".png"):
        for quality in (30, 95):
            write_picture(tmp_path / f"a{suffix}", noise, settings=Settings(quality))
            sizes[suffix, quality] = (tmp_path / f"a{suffix}").stat().st_size
    assert sizes[".jpg", 30] < 0.7 * sizes[".jpg", 95]
    assert sizes[".webp", 30] < 0.9 * sizes[".webp", 95]
    assert sizes[".png", 30] == sizes[".png", 95]


def test_a_png_text_is_no_colour(tmp_path: Path) -> None:
    info = PngInfo()
    info.add_text("Gamma", "1.0")
    Image.fromarray(PIXELS).save(tmp_path / "a.png", pnginfo=info)
    assert np.array_equal(read_picture(tmp_path / "a.png").pixels[..., :3], PIXELS)


def icc_of(space: str) -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(space)).tobytes()  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("profile", ["junk", "cut", "another's"])
def test_a_profile_that_cannot_be_used_is_named(tmp_path: Path, suffix: str, profile: str) -> None:
    """libvips took sRGB for a damaged profile, without a word; L*a*b*'s was applied to red, green and blue, or broke the
    writing of the result."""
    p3 = icc.profile(icc.ColourSpace("P3", 2.2, ((0.68, 0.32), (0.265, 0.69), (0.15, 0.06))))
    data = {"junk": b"junk" * 50, "cut": p3[:300], "another's": icc_of("LAB")}[profile]
    Image.fromarray(PIXELS).save(tmp_path / f"a{suffix}", icc_profile=data)
    picture = read_picture(tmp_path / f"a{suffix}")
    assert "colour profile is damaged, or not for such pictures" in picture.notes[0]
    assert picture.profile is None
    if suffix != ".jpg":
        assert np.array_equal(picture.pixels[..., :3], PIXELS)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_grey_or_cmyk_profile_that_is_not_kept_is_named(tmp_path: Path, mode: str) -> None:
    """--profile keep wrote them in sRGB without a word."""
    data = {"icc_profile": icc.profile(icc.ColourSpace("gamma 1.8", 1.8), grey=True)} if mode == "L" else {}
    Image.fromarray(PIXELS).convert(mode).save(tmp_path / "a.jpg", **data)
    picture = read_picture(tmp_path / "a.jpg")
    warnings = write_picture(tmp_path / "kept.jpg", picture.pixels, picture, Settings(keep_profile=True))
    assert warnings == (f"its profile is not kept: it is {'grey' if mode == 'L' else mode}; it is written in sRGB.",)
    assert write_picture(tmp_path / "kept.jpg", picture.pixels, picture) == ()


def test_a_profile_that_can_only_be_read_with_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner's profile has no way back: painting was done, and the result could not be written."""
    monkeypatch.setattr("scumble.image.decoding.can_be_written", lambda profile: False)
    picture = read_picture(png(tmp_path / "p3.png", (b"cICP", bytes([12, 13, 0, 1]))))
    assert picture.profile is None
    warnings = write_picture(tmp_path / "kept.png", picture.pixels, picture, Settings(keep_profile=True))
    assert "can only be read with" in warnings[0]
    assert not embedded.can_be_written(icc_of("LAB")[:200])
    assert embedded.can_be_written(icc_of("sRGB"))
