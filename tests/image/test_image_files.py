# SPDX-License-Identifier: Apache-2.0
"""Picture files: what goes in comes out, and what is no picture is refused without harm."""

from __future__ import annotations

import errno
import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from scumble.api.errors import ScumbleError
from scumble.image.files import Picture, read_picture, write_picture
from scumble.image.vips import FORMATS

pyvips = pytest.importorskip("pyvips")


def smooth(height: int = 40, width: int = 56, depth: Any = np.uint8, opaque: bool = True) -> np.ndarray:
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    values = np.stack([y, x, (x + y) / 2, np.ones_like(x) if opaque else (x * y) ** 0.5], -1)
    return np.rint(values * np.iinfo(depth).max).astype(depth) if np.dtype(depth).kind == "u" else values.astype(depth)


def as_float(pixels: np.ndarray) -> np.ndarray:
    return pixels / np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else pixels.astype(np.float64)


@pytest.mark.parametrize(
    ("suffix", "depth", "kept"),
    [
        (".png", np.uint8, np.uint8),
        (".png", np.uint16, np.uint16),
        (".png", np.float16, np.uint16),
        (".png", np.float32, np.uint16),
        (".tif", np.uint8, np.uint8),
        (".TIFF", np.uint16, np.uint16),
        (".tif", np.float16, np.float32),
        (".tif", np.float32, np.float32),
        (".jpg", np.uint16, np.uint8),
        (".jpeg", np.float32, np.uint8),
        (".webp", np.uint16, np.uint8),
    ],
)
@pytest.mark.parametrize("opaque", [True, False])
def test_a_picture_keeps_its_depth_and_alpha_where_the_format_can(tmp_path, suffix, depth, kept, opaque) -> None:
    pixels, path = smooth(depth=depth, opaque=opaque), tmp_path / f"picture{suffix}"
    write_picture(path, pixels)
    back = read_picture(path)
    jpeg, lossy = suffix.startswith(".j"), suffix in (".jpg", ".jpeg", ".webp")
    assert back.pixels.dtype == kept
    assert back.alpha == (not opaque and not jpeg)
    expected = as_float(pixels)
    if jpeg:
        expected[..., :3] = expected[..., :3] * expected[..., 3:] + 1 - expected[..., 3:]
        expected[..., 3] = 1
    if lossy:
        assert np.abs(as_float(back.pixels) - expected).max() < 0.1
    elif pixels.dtype == kept:
        assert np.array_equal(back.pixels, pixels)
    else:
        assert np.abs(as_float(back.pixels) - expected).max() < 1e-5


def test_float_tiff_keeps_what_lies_outside_0_to_1(tmp_path: Path) -> None:
    pixels = smooth(depth=np.float32) * 8 - 2
    write_picture(tmp_path / "hdr.tif", pixels)
    assert np.array_equal(read_picture(tmp_path / "hdr.tif").pixels, pixels)


def test_alpha_is_kept_though_opaque_where_the_file_it_came_from_had_it(tmp_path: Path) -> None:
    pixels = smooth()
    write_picture(tmp_path / "a.png", pixels, like=Picture(pixels, alpha=True))
    write_picture(tmp_path / "b.png", pixels, like=Picture(pixels, alpha=False))
    assert read_picture(tmp_path / "a.png").alpha
    assert not read_picture(tmp_path / "b.png").alpha


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif"])
def test_pictures_are_read_upright_and_written_so(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = np.zeros((32, 48, 3), np.uint8)
    upright[:16, :24], upright[:16, 24:], upright[16:, :24] = [255, 0, 0], [0, 255, 0], [0, 0, 255]
    turns = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the Transpose that undoes each, see below
    undo = turns[orientation]
    stored = Image.fromarray(upright)
    if undo is not None:
        stored = stored.transpose(Image.Transpose(undo))
    path = tmp_path / f"turned{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "A harbour"
    if suffix == ".tif":
        stored.save(path, tiffinfo=exif)
    else:
        stored.save(path, exif=exif, **({"quality": 100} if suffix != ".png" else {}))
    picture = read_picture(path)
    assert np.abs(picture.pixels[4::8, 4::8, :3].astype(int) - upright[4::8, 4::8]).max() < 12
    again = tmp_path / f"again{suffix}"
    write_picture(again, picture.pixels, like=picture)
    assert np.abs(read_picture(again).pixels[4::8, 4::8, :3].astype(int) - upright[4::8, 4::8]).max() < 24
    if suffix != ".tif":
        assert Image.open(again).getexif()[0x010E] == "A harbour"


def test_the_thumbnail_of_the_photograph_does_not_stay_in_the_painting(tmp_path: Path) -> None:
    small = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(small, "JPEG")
    head = b"II*\0" + struct.pack("<IHI", 8, 0, 14)  # an empty first directory, then the thumbnail's
    entries = [(0x0103, 3, 6), (0x0201, 4, 14 + 2 + 36 + 4), (0x0202, 4, len(small.getvalue()))]
    directory = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in entries) + bytes(4)
    Image.new("RGB", (64, 64), "blue").save(tmp_path / "photo.jpg", exif=b"Exif\0\0" + head + directory + small.getvalue())
    assert small.getvalue() in (tmp_path / "photo.jpg").read_bytes()
    photo = read_picture(tmp_path / "photo.jpg")
    write_picture(tmp_path / "painting.jpg", photo.pixels, like=photo)
    assert small.getvalue() not in (tmp_path / "painting.jpg").read_bytes()


def profile(gamma: float) -> bytes:
    """An RGB matrix profile with sRGB's primaries and another curve: sRGB's own with its three curves replaced."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    for n in range(count):
        at = 132 + 12 * n
        if data[at + 1 : at + 4] == b"TRC":
            data[at + 4 : at + 12] = struct.pack(">II", len(data), 14)
    data += curve
    data[0:4] = struct.pack(">I", len(data))
    return bytes(data)


def save_vips(path: Path, pixels: np.ndarray, icc: bytes | None = None, **more: Any) -> None:
    height, width, bands = pixels.shape
    image = pyvips.Image.new_from_memory(pixels.tobytes(), width, height, bands, FORMATS[pixels.dtype.name])
    names = {1: "b-w", 3: "srgb", 4: "cmyk"} if pixels.dtype == np.uint8 else {1: "grey16", 3: "rgb16", 4: "rgb16"}
    image = image.copy(interpretation=names[bands])
    if icc is not None:
        image.set_type(pyvips.GValue.blob_type, "icc-profile-data", icc)
    image.write_to_file(str(path), **more)


@pytest.mark.parametrize(
    ("depth", "suffix", "step"), [(np.uint8, ".png", 1.01 / 255), (np.uint16, ".png", 1.5e-3), (np.float32, ".tif", 1.5e-3)]
)
def test_a_profile_is_converted_to_srgb_in_full_depth(tmp_path: Path, depth: Any, suffix: str, step: float) -> None:
    pixels = smooth(16, 1000, depth)[..., :3]
    save_vips(tmp_path / f"linear{suffix}", pixels, profile(1.0))
    back = read_picture(tmp_path / f"linear{suffix}").pixels
    x = as_float(pixels)
    expected = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    assert back.dtype == depth
    assert len(np.unique(back[..., 1])) > (180 if depth == np.uint8 else 950)
    assert np.abs(as_float(back)[..., :3] - expected).max() <= step


def test_a_profile_that_is_srgb_changes_not_a_bit(tmp_path: Path) -> None:
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = np.random.default_rng(0).integers(0, 65536, (30, 30, 3), np.uint16)
    save_vips(tmp_path / "srgb.png", pixels, icc)
    assert np.array_equal(read_picture(tmp_path / "srgb.png").pixels[..., :3], pixels)


def test_a_profile_that_is_rubbish_is_left_out(tmp_path: Path) -> None:
    pixels = smooth()[..., :3]
    save_vips(tmp_path / "odd.tif", pixels, b"no profile at all" * 20)
    assert np.array_equal(read_picture(tmp_path / "odd.tif").pixels[..., :3], pixels)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_what_is_written_says_that_it_is_srgb(tmp_path: Path, suffix: str) -> None:
    write_picture(tmp_path / f"a{suffix}", smooth())
    icc = Image.open(tmp_path / f"a{suffix}").info["icc_profile"]
    assert "srgb" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(icc))).lower()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA-png", "I;16", "RGB", "RGBA", "CMYK"])
def test_every_kind_of_colour_becomes_rgba(tmp_path: Path, mode: str) -> None:
    rgba = Image.fromarray(smooth(opaque=False), "RGBA")
    path = tmp_path / ("x.jpg" if mode == "CMYK" else "x.png")
    if mode == "I;16":
        Image.fromarray(smooth(depth=np.uint16)[..., 0]).save(path)
    elif mode == "PA-png":
        paletted = rgba.convert("RGB").quantize(16)
        paletted.save(path, transparency=0)
    else:
        rgba.convert("RGB" if mode == "P" else mode).convert(mode).save(path)
    picture = read_picture(path)
    assert picture.pixels.shape == (40, 56, 4)
    assert picture.pixels.dtype == (np.uint16 if mode == "I;16" else np.uint8)
    assert picture.alpha == (mode in ("LA", "RGBA", "PA-png"))
    pixels = as_float(picture.pixels)
    if mode in ("L", "LA", "I;16", "1"):
        assert np.array_equal(picture.pixels[..., 0], picture.pixels[..., 2])
    if mode in ("RGB", "RGBA"):
        assert np.array_equal(picture.pixels[..., :3], np.asarray(rgba)[..., :3])
    if mode == "CMYK":  # black is black and white is white, whatever the ink
        assert pixels[0, 0, :3].max() < 0.3 < 0.7 < pixels[-1, -1, :3].min()


def code(path: Path) -> str:
    with pytest.raises(ScumbleError) as error:
        read_picture(path)
    assert "\n" not in str(error.value)
    assert path.name in error.value.message
    return error.value.code


@pytest.mark.parametrize(
    "content",
    [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"RIFF\0\0\0\0WEBP", b"GIF89a", b"<svg/>", b"%PDF-1.4", b"hello"],
)
def test_what_is_no_picture_is_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.png").write_bytes(content)
    assert code(tmp_path / "x.png") == "bad-picture"


def test_a_missing_file_and_a_folder_are_refused_in_a_sentence(tmp_path: Path) -> None:
    assert code(tmp_path / "none.png") == "bad-picture"
    assert code(tmp_path) == "bad-picture"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.98])
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"cut{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (300, 400, 4), np.uint8)
    write_picture(path, noise)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    assert code(path) == "bad-picture"


def test_more_pixels_than_can_be_stylized_are_refused_from_the_header(tmp_path: Path) -> None:
    (tmp_path / "wide.png").write_bytes(png_claiming(70_000, 10))
    (tmp_path / "large.png").write_bytes(png_claiming(40_000, 40_000))
    for name in ("wide.png", "large.png"):
        with pytest.raises(ScumbleError, match="more than can be stylized"):
            read_picture(tmp_path / name)


def png_claiming(width: int, height: int, interlaced: bool = False) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, interlaced))
    rows = zlib.compress(np.random.default_rng(0).integers(0, 256, 40_000, np.uint8).tobytes())
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows)


def tiff_claiming(width: int, height: int, rows_per_strip: int) -> bytes:
    strips = -(-height // rows_per_strip)
    end = 8 + 2 + 12 * 9 + 4
    size = width * rows_per_strip * 4
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 2), (277, 3, 1, 4),
        (273, 4, strips, end), (278, 4, 1, rows_per_strip), (279, 4, strips, end + 4 * strips if strips > 1 else size),
    ]  # fmt: skip
    entries.sort()
    ifd = struct.pack("<H", 9) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    lists = b""
    if strips > 1:
        lists = struct.pack(f"<{strips}I", *(end + 8 * strips + n * size for n in range(strips))) + struct.pack(
            f"<{strips}I", *[size] * strips
        )
    return b"II*\0" + struct.pack("<I", 8) + ifd + lists + bytes(4000)


def jpeg_claiming(width: int, height: int, progressive: bool) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(
        buffer, "JPEG", progressive=progressive
    )
    data = bytearray(buffer.getvalue())
    at = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data[: len(data) * 2 // 3])


def webp_claiming(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(buffer, "WEBP")
    data = bytearray(buffer.getvalue())
    at = data.index(b"\x9d\x01\x2a")
    data[at + 3 : at + 7] = struct.pack("<HH", width, height)
    return bytes(data[: len(data) // 2])


CLAIMS = {
    "lossy.webp": webp_claiming(10_000, 10_000),
    "rows.png": png_claiming(10_000, 10_000),
    "interlaced.png": png_claiming(10_000, 10_000, interlaced=True),
    "strips.tif": tiff_claiming(10_000, 10_000, 100),
    "strip.tif": tiff_claiming(10_000, 10_000, 10_000),
    "baseline.jpg": jpeg_claiming(10_000, 10_000, progressive=False),
    "progressive.jpg": jpeg_claiming(10_000, 10_000, progressive=True),
}

MEASURE = """
import resource, sys
from scumble.api.errors import ScumbleError
from scumble.image.vips import vips as _vips
from scumble.image.files import read_picture
_vips()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
codes = []
for path in sys.argv[1:]:
    try:
        read_picture(path)
    except ScumbleError as e:
        codes.append(e.code)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(path.rsplit("/")[-1], used // 1024, codes[-1:])
print(*codes, used // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures the peak as Linux counts it")
def test_a_truncated_file_that_claims_100_megapixels_costs_what_is_in_it(tmp_path: Path) -> None:
    for name, data in CLAIMS.items():
        (tmp_path / name).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *(str(tmp_path / name) for name in CLAIMS)], capture_output=True, text=True, timeout=60
    )
    *codes, used = done.stdout.splitlines()[-1].split()
    assert codes == ["bad-picture"] * len(CLAIMS), done.stdout + done.stderr
    assert int(used) < 100, done.stdout  # MB; one such picture has 400


def test_a_full_disk_is_reported_and_the_old_picture_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    write_picture(path, smooth())
    before = path.read_bytes()

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ScumbleError) as error:
        write_picture(path, smooth(80, 80))
    assert error.value.code == "disk-full"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == before


LIMITED = """
import errno, resource, sys
import numpy as np
from scumble.api.errors import ScumbleError
from scumble.image.files import write_picture
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
pixels = np.random.default_rng(0).integers(0, 256, (400, 400, 4), np.uint8)
for path in sys.argv[1:]:
    try:
        write_picture(path, pixels)
    except ScumbleError as e:
        print(e.code, e.message)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sets a limit of POSIX")
def test_a_write_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    paths = [str(tmp_path / name) for name in ("a.png", "a.tif", "a.webp", "a.jpg")]
    done = subprocess.run([sys.executable, "-c", LIMITED, *paths], capture_output=True, text=True, timeout=60)
    lines = done.stdout.splitlines()
    assert len(lines) >= 3, done.stdout + done.stderr
    assert all(line.startswith("no-write") and os.strerror(errno.EFBIG) in line for line in lines)
    assert len(list(tmp_path.iterdir())) == 4 - len(lines)


@pytest.mark.parametrize("name", ["a.gif", "a", "a.exr", "a.png.bak"])
def test_a_name_that_is_no_format_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScumbleError) as error:
        write_picture(tmp_path / name, smooth())
    assert error.value.code == "no-write"
    assert list(tmp_path.iterdir()) == []


def test_a_picture_too_wide_for_its_format_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ScumbleError) as error:
        write_picture(tmp_path / "a.webp", np.zeros((1, 17_000, 4), np.uint8))
    assert error.value.code == "no-write"
    assert list(tmp_path.iterdir()) == []
