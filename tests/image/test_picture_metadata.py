# SPDX-License-Identifier: Apache-2.0
"""Metadata: who made a picture, and to whom it belongs, survives where the format can hold it; what is lost is named."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.IptcImagePlugin import getiptcinfo
from PIL.PngImagePlugin import PngInfo

from scumble.image.files import Picture, metadata_of, read_picture, write_picture
from scumble.image.iptc import bare
from scumble.image.metadata import EXIF, GPS, Metadata, add_to_tiff, exif_of_tiff, read_exif

PIXELS = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description tiff:Orientation="6" dc:rights="me"/></rdf:RDF></x:xmpmeta>'
)


IIM = b"\x1c\x02\x74\0\x07(c) Eva" * 9


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[0x8298], tags[0x013B] = "(c) Eva", "Eva"
    tags.get_ifd(EXIF).update({33434: (1, 125), 36867: "2026:01:02 03:04:05", 0xA002: 9999})
    tags.get_ifd(GPS).update({1: "N"})
    return tags


def source(path: Path) -> Path:
    """A picture with EXIF, in whatever kind the name says."""
    image = Image.fromarray(PIXELS)
    if path.suffix == ".tif":
        image.save(path)  # Pillow writes no EXIF directory into a TIFF
        with open(path, "rb+") as file:
            add_to_tiff(file, exif().tobytes())
    else:
        image.save(path, exif=exif())
    return path


def rights(path: Path) -> tuple[Any, ...]:
    """Copyright, artist, date, hemisphere, width."""
    if path.suffix == ".tif":
        with open(path, "rb") as file:
            exif = exif_of_tiff(file)
    else:
        exif = Image.open(path).getexif()
    detail = exif.get_ifd(EXIF)
    return exif.get(0x8298), exif.get(0x013B), detail.get(36867), exif.get_ifd(GPS).get(1), detail.get(0xA002)


@pytest.mark.parametrize("given", [".jpg", ".png", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize("written", [".jpg", ".png", ".webp", ".tif"])
def test_exif_survives_from_every_format_to_every_format(tmp_path: Path, given: str, written: str) -> None:
    """The copyright of a JPEG was lost in a TIFF, and that of a TIFF everywhere."""
    picture = read_picture(source(tmp_path / f"in{given}"))
    out = tmp_path / f"out{written}"
    assert write_picture(out, picture.pixels, picture) == ()
    assert rights(out) == ("(c) Eva", "Eva", "2026:01:02 03:04:05", "N", 32)
    assert read_picture(out).pixels.shape == (24, 32, 4)


def test_a_name_in_exif_keeps_its_letters(tmp_path: Path) -> None:
    """Pillow, which writes EXIF again, made "Jos?? Mu??oz" of an artist whose camera writes UTF-8."""
    named = exif()
    named[0x013B] = "José Muñoz".encode()
    Image.fromarray(PIXELS).save(tmp_path / "in.jpg", exif=named)
    picture = read_picture(tmp_path / "in.jpg")
    for suffix in (".jpg", ".png", ".tif"):
        write_picture(tmp_path / f"out{suffix}", picture.pixels, picture)
        assert rights(tmp_path / f"out{suffix}")[1].encode("latin-1").decode() == "José Muñoz"


@pytest.mark.parametrize("big", [False, True])
def test_exif_in_a_tiff_leaves_its_pixels_as_they_are(tmp_path: Path, big: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if big:
        from scumble.image import files

        options = files.options_of
        monkeypatch.setattr(files, "options_of", lambda *given: options(*given) | {"bigtiff": True})
    picture = read_picture(source(tmp_path / "in.png"))
    deep = picture.pixels.astype(np.uint16) * 257 + 3
    write_picture(tmp_path / "out.tif", deep, picture)
    assert np.array_equal(read_picture(tmp_path / "out.tif").pixels[..., :3], deep[..., :3])
    assert rights(tmp_path / "out.tif")[0] == "(c) Eva"


def test_xmp_survives_and_tells_the_truth_of_a_turned_picture(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "in.jpg", xmp=XMP)
    picture = read_picture(tmp_path / "in.jpg")
    for suffix in (".jpg", ".png", ".webp", ".tif"):
        assert write_picture(tmp_path / f"out{suffix}", picture.pixels, picture) == ()
        kept = read_picture(tmp_path / f"out{suffix}").metadata.xmp
        assert kept is not None
        assert b'dc:rights="me"' in kept
        assert b'tiff:Orientation="1"' in kept


@pytest.mark.parametrize("written", [".png", ".jpg", ".webp", ".tif"])
def test_texts_of_a_png_survive(tmp_path: Path, written: str) -> None:
    info = PngInfo()
    info.add_text("Copyright", "(c) Eva")
    info.add_itxt("Author", "日本")
    info.add_text("parameters", "a harbour at night")
    Image.fromarray(PIXELS).save(tmp_path / "in.png", pnginfo=info)
    picture = read_picture(tmp_path / "in.png")
    out = tmp_path / f"out{written}"
    assert write_picture(out, picture.pixels, picture) == ()
    if written == ".png":
        assert Image.open(out).info["Author"] == "日本"
        assert Image.open(out).info["parameters"] == "a harbour at night"
        return
    with open(out, "rb") as file:
        exif = exif_of_tiff(file) if written == ".tif" else Image.open(out).getexif()
        assert exif[0x8298] == "(c) Eva"
        assert exif[0x013B].encode("latin-1").decode() == "日本"
        comment = exif.get_ifd(EXIF)[0x9286]
    assert "a harbour at night" in comment[8:].decode("utf-16-le" if exif.endian == "<" else "utf-16-be")


def test_the_comment_of_a_jpeg_survives(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "in.jpg", comment=b"at the harbour")
    picture = read_picture(tmp_path / "in.jpg")
    assert picture.metadata.texts == {"Comment": "at the harbour"}
    assert write_picture(tmp_path / "out.png", picture.pixels, picture) == ()
    assert Image.open(tmp_path / "out.png").info["Comment"] == "at the harbour"


def test_what_a_format_cannot_hold_is_named() -> None:
    everything = Metadata(exif().tobytes(), XMP, IIM, {"Comment": "x"})
    size = (32, 24)
    assert everything.for_file(".jpg", size, True)[1] == ()
    assert everything.for_file(".png", size, True)[1] == ("its IPTC is lost: .png files hold none, or less.",)
    assert "its EXIF, XMP, IPTC and texts are lost" in everything.for_file(".gif", size, True)[1][0]
    assert Metadata().for_file(".gif", size, True)[1] == ()
    large = Metadata(xmp=b"x" * 70_000)
    assert large.for_file(".png", size, True)[1] == ()
    assert "its XMP is lost" in large.for_file(".jpg", size, True)[1][0], "a segment holds 64 KB"


@pytest.mark.parametrize("given", [".jpg", ".tif"])
@pytest.mark.parametrize("written", [".jpg", ".tif"])
def test_iptc_survives_between_jpeg_and_tiff(tmp_path: Path, given: str, written: str) -> None:
    """A TIFF got the first quarter of it, a JPEG none of a TIFF's, and neither was reported."""
    pixels = np.dstack([PIXELS, np.full(PIXELS.shape[:2], 255, np.uint8)])
    write_picture(tmp_path / f"in{given}", pixels, Picture(pixels, False, Metadata(iptc=IIM)))
    picture = read_picture(tmp_path / f"in{given}")
    assert bare(picture.metadata.iptc) == IIM
    assert write_picture(tmp_path / f"out{written}", picture.pixels, picture) == ()
    assert bare(metadata_of(tmp_path / f"out{written}").iptc) == IIM
    with Image.open(tmp_path / f"out{written}") as image:
        assert getiptcinfo(image) == {(2, 116): [b"(c) Eva"] * 9}, "as others read it"


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".tif"])
def test_exif_that_is_too_large_keeps_the_rights(tmp_path: Path, kind: str) -> None:
    """Over 64 KB a JPEG lost all of it, a PNG and a WebP a part, without a word; a long text of a PNG was enough."""
    pixels = np.dstack([PIXELS, np.full(PIXELS.shape[:2], 255, np.uint8)])
    long = exif()
    long.get_ifd(EXIF)[0x927C] = b"m" * 70_000
    for metadata in (Metadata(long.tobytes()), Metadata(exif().tobytes(), texts={"parameters": "x" * 40_000})):
        lost = write_picture(tmp_path / f"a{kind}", pixels, Picture(pixels, False, metadata))
        assert rights(tmp_path / f"a{kind}")[:4] == ("(c) Eva", "Eva", "2026:01:02 03:04:05", "N")
        whole = kind == ".tif" or (kind == ".png" and metadata.texts)
        assert bool(lost) is not whole
    huge = exif()
    huge[0x8298] = "(c)" * 30_000
    lost = write_picture(tmp_path / f"a{kind}", pixels, Picture(pixels, False, Metadata(huge.tobytes())))
    assert bool(lost) is (kind != ".tif")


def test_damaged_exif_is_named_and_pillow_says_nothing(tmp_path: Path) -> None:
    """Pillow's warnings, with paths of its own source, stood on the painter's terminal."""
    damaged = exif()
    damaged.get_ifd(EXIF)[0x927C] = b"x" * 3000
    Image.fromarray(PIXELS).save(tmp_path / "in.jpg", exif=damaged.tobytes()[:-2000])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = read_picture(tmp_path / "in.jpg")
        notes = write_picture(tmp_path / "out.jpg", picture.pixels, picture)
    assert notes == ("its EXIF is damaged; what could not be read is left out.",)
    assert Image.open(tmp_path / "out.jpg").getexif()[0x8298] == "(c) Eva", "what is whole is kept"


@pytest.mark.parametrize("block", [b"", b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"rubbish" * 20, bytes(100)])
def test_rubbish_is_no_exif_and_no_exception(block: bytes) -> None:
    assert dict(read_exif(block)[0]) == {}
    assert Metadata(block or None).for_file(".jpg", (1, 1), True)[0] is not None


def test_the_metadata_of_an_animation_can_be_asked_for(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.roll(PIXELS, n, 0)) for n in range(3)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], exif=exif())
    assert metadata_of(tmp_path / "a.webp").exif is not None
    assert metadata_of(tmp_path / "missing.webp") == Metadata()
