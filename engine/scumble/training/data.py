# SPDX-License-Identifier: Apache-2.0
"""Training pictures: a folder of photographs or paintings, kept in memory as uint8 and cut into random crops."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.nst import synthetic

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}

SYNTHETIC = 1 / 8
"""Share of contents that are generated rather than photographed: mostly skies, on which a lattice shows."""


@dataclass(frozen=True)
class Pictures:
    """Pictures in memory: `tensors` are uint8 (3, H, W) in the order of `files`; `credits` has one line a picture."""

    files: list[Path]
    tensors: list[Tensor] = field(repr=False)
    credits: list[str] = field(repr=False)

    def crops(self, n: int, size: int, generator: torch.Generator, scale: tuple[float, float] = (0.9, 1.5)) -> Tensor:
        """Random crops (n, 3, size, size) float32 in [0, 1], some mirrored; sides are `scale` x `size` before resizing."""
        out = torch.empty(n, 3, size, size)
        for i in range(n):
            picture = self.tensors[_integer(len(self.tensors), generator)]
            h, w = picture.shape[-2:]
            wanted = size * (scale[0] + (scale[1] - scale[0]) * float(torch.rand((), generator=generator)))
            side = min(h, w, round(wanted))
            y, x = _integer(h - side + 1, generator), _integer(w - side + 1, generator)
            crop = picture[:, y : y + side, x : x + side][None].float() / 255
            if side != size:
                crop = F.interpolate(crop, (size, size), mode="bilinear", antialias=side > size)
            out[i] = crop[0].flip(-1) if _integer(2, generator) else crop[0]
        return out


SHORT_SIDE = 512
"""Short side in pixels that larger pictures are reduced to: a crop of a camera's full resolution shows nothing but grain."""

Split = Literal["train", "test"]


def read_pictures(folder: Path, split: Split = "train", short_side: int | None = SHORT_SIDE) -> Pictures:
    """The pictures of `folder` that its manifest.csv (columns file, split, ...) marks as `split`; all where it has no manifest.

    Pictures with a larger short side than `short_side` pixels are reduced to it. Raises ScumbleError "bad-picture", also where
    there are no pictures.
    """
    rows = _manifest(folder, split)
    if rows is not None:
        files = [folder / r["file"] for r in rows]
        credits = [_credit(r) for r in rows]
    else:
        files = _picture_files(folder)
        credits = [p.name for p in files]
    if not files:
        raise ScumbleError(
            "bad-picture",
            f"{folder} holds no pictures of the split {split!r}.",
            "Name a folder of JPEG, PNG or WebP pictures; where it has a manifest.csv, mark some as of that split.",
        )
    return Pictures(files, [read_picture(p, short_side) for p in files], credits)


def has_test_split(folder: Path) -> bool:
    """Whether the folder's manifest marks pictures as "test", which no training sees."""
    return bool(_manifest(folder, "test"))


def listed(folder: Path) -> bytes:
    """A text that names the pictures of a folder: its manifest.csv, or all file names where it has none."""
    manifest = folder / "manifest.csv"
    if manifest.exists():
        return manifest.read_bytes()
    names = "\n".join(p.relative_to(folder).as_posix() for p in _picture_files(folder))
    return names.encode("utf-8", "surrogateescape")  # a name on disk need not be UTF-8


def read_rows(table: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file that has these columns. Raises ScumbleError "bad-picture"."""
    try:
        with open(table, newline="", encoding="utf-8") as f:
            reader = csv.DictReader(f)
            rows = list(reader)
    except (OSError, ValueError, csv.Error) as e:
        raise ScumbleError("bad-picture", f"The table {table} cannot be read ({e}).", "Save it as CSV, in UTF-8.") from e
    missing = [column for column in columns if column not in (reader.fieldnames or [])]
    if missing:
        raise ScumbleError(
            "bad-picture",
            f"The table {table} lacks the column {' and the column '.join(missing)}.",
            f"Its first line has to name the columns {', '.join(columns)}.",
        )
    return rows


def contents(photographs: Pictures, n: int, size: int, generator: torch.Generator) -> Tensor:
    """Contents (n, 3, size, size) in [0, 1]: crops of photographs, and now and then a generated picture."""
    x = photographs.crops(n, size, generator)
    for i in range(n):
        if float(torch.rand((), generator=generator)) < SYNTHETIC:
            x[i] = synthetic.shades(size, generator)
    return x


def _picture_files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def _manifest(folder: Path, split: Split) -> list[dict[str, str]] | None:
    """The rows of a split in a folder's manifest; None where it has no manifest."""
    manifest = folder / "manifest.csv"
    if not manifest.exists():
        return None
    return [r for r in read_rows(manifest, ("file", "split")) if r["split"] == split]


def read_picture(path: Path, short_side: int | None = None) -> Tensor:
    """One picture, upright, as uint8 (3, H, W), reduced to `short_side` pixels where it is larger.

    Raises ScumbleError "bad-picture".
    """
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except Exception as e:  # a damaged file may raise anything
        raise ScumbleError("bad-picture", f"The picture {path} cannot be read ({e}).", "Repair it, or leave it out.") from e
    if short_side is not None and min(image.size) > short_side:
        k = short_side / min(image.size)
        image = image.resize((round(image.width * k), round(image.height * k)), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).contiguous()


def _integer(below: int, generator: torch.Generator) -> int:
    """A random integer from 0 to `below` - 1."""
    return int(torch.randint(below, (), generator=generator))


def _credit(row: dict[str, str]) -> str:
    """The credit line of a picture: title, who made it, licence."""
    who = row.get("artist") or row.get("photographer") or "unknown"
    licence = row.get("licence") or row.get("licence_as_stated") or "licence unknown"
    return f"{row.get('title') or row['file']}, {who} ({licence})"
