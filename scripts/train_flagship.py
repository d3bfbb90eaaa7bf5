# SPDX-License-Identifier: Apache-2.0
"""Train the style memory on one GPU within minutes, from a folder small enough to be sent to it.

    python scripts/train_flagship.py pack PHOTOGRAPHS PAINTINGS PACK [--teachers FOLDER] [--megabytes 60]
    python scripts/train_flagship.py train PACK OUT [--minutes 9] [--start FILE]

`pack` brings the pictures of the training split, and the complete VGG-16 of a folder of teachers, to at most that many
megabytes. `train` times a few steps, takes as many as fit into the minutes, and writes what `scumble train memory` does: put
OUT/memory in place of engine/scumble/weights/memory. On a processor it does the same, with fewer steps.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import Image, ImageOps

from scumble.api.errors import ScumbleError
from scumble.library.places import SHIPPED, shared_path
from scumble.methods.style_memory import train as memory
from scumble.training.data import read_rows
from scumble.training.loop import best_device, run_folder
from scumble.training.teachers import FILES

SIDES = (448, 384, 320, 288, 256, 224)
"""Short sides in pixels that are tried in turn until the pictures fit."""

QUALITY = 85
"""Of JPEG: below it, its blocks become a part of what is learned."""

TIMED = 50
"""Steps that are taken first, to learn how long one takes; the second half of them is timed."""

TABLE = Path(__file__).with_name("styles.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    for name in ("photographs", "paintings", "pack"):
        packing.add_argument(name, type=Path)
    packing.add_argument("--teachers", type=Path)
    packing.add_argument("--megabytes", type=float, default=60)
    training = commands.add_parser("train")
    training.add_argument("pack", type=Path)
    training.add_argument("out", type=Path)
    training.add_argument("--minutes", type=float, default=9)
    training.add_argument("--start", type=Path, default=shared_path(SHIPPED, "memory"))
    training.add_argument("--batch", type=int, default=12)
    training.add_argument("--crop", type=int, default=256)
    asked = parser.parse_args()
    if asked.command == "pack":
        pack(asked.photographs, asked.paintings, asked.pack, asked.teachers, asked.megabytes)
    else:
        train(asked.pack, asked.out, asked.minutes, asked.start, asked.batch, asked.crop)


def pack(photographs: Path, paintings: Path, out: Path, teachers: Path | None, megabytes: float) -> int:
    """Write `out`, which holds photographs/, paintings/ and, with `teachers`, teachers/; returns the short side in pixels.

    Raises ScumbleError "bad-options" where the pictures do not fit, however small.
    """
    room = int(megabytes * 1e6)
    if teachers is not None:
        for file in sorted(teachers.glob(FILES))[:1]:
            (out / "teachers").mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, out / "teachers" / file.name)
            room -= file.stat().st_size
    for side in SIDES:
        if sum(_reduced(folder, out / folder_name, side) for folder, folder_name in _named(photographs, paintings)) <= room:
            _write_table(out)
            print(f"packed with a short side of {side} pixels")
            return side
    raise ScumbleError("bad-options", f"The pictures do not fit into {megabytes:g} MB.", "Name fewer, or give --megabytes.")


def _write_table(out: Path) -> None:
    """The styles that ship, as far as their paintings are in the pack."""
    there = {row["file"] for row in read_rows(out / "paintings" / "manifest.csv", ("file",))}
    rows = [row | {"file": _as_jpeg(row["file"])} for row in read_rows(TABLE, ("file",))]
    _write(out / "styles.csv", [row for row in rows if row["file"] in there], list(rows[0]))


def _write(path: Path, rows: Sequence[Mapping[str, str]], columns: Sequence[str]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as f:
        writer = csv.DictWriter(f, fieldnames=list(columns))
        writer.writeheader()
        writer.writerows(rows)


def _as_jpeg(name: str) -> str:
    return Path(name).with_suffix(".jpg").name


def _named(photographs: Path, paintings: Path) -> tuple[tuple[Path, str], tuple[Path, str]]:
    return (photographs, "photographs"), (paintings, "paintings")


def _reduced(folder: Path, out: Path, side: int) -> int:
    """The pictures that `folder`'s manifest marks for training, at most so large, with a manifest; returns the bytes."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    rows = [row for row in read_rows(folder / "manifest.csv", ("file", "split")) if row["split"] == "train"]
    for row in rows:
        with Image.open(folder / row["file"]) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        ratio = min(1.0, side / min(picture.size))
        picture = picture.resize([round(n * ratio) for n in picture.size], Image.Resampling.LANCZOS)
        row["file"] = _as_jpeg(row["file"])
        picture.save(out / row["file"], quality=QUALITY)
    _write(out / "manifest.csv", rows, list(rows[0]))
    return sum(file.stat().st_size for file in out.iterdir())


def train(pack: Path, out: Path, minutes: float, start: Path | None, batch: int, crop: int, timed: int = TIMED) -> int:
    """Train for about so long, and return the number of steps. Raises what `scumble train memory` raises."""
    began = time.monotonic()
    teachers = pack / "teachers"
    recipe = memory.Recipe(
        pack / "photographs",
        pack / "paintings",
        teachers=str(teachers) if teachers.is_dir() else "half",
        batch=batch,
        known=batch // 2,
        crop=crop,
        start=start,
        styles=pack / "styles.csv",
    )
    seconds = _seconds_a_step(replace(recipe, steps=timed, seed=recipe.seed + 1))
    steps = max(timed, int((60 * minutes - (time.monotonic() - began)) / seconds))
    print(f"{seconds:.2f} s a step on {best_device()}: {steps} steps")
    memory.train(replace(recipe, steps=steps), out)
    return steps


def _seconds_a_step(recipe: memory.Recipe) -> float:
    """The time of a step once everything is loaded; what is trained meanwhile is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        memory.train(recipe, Path(folder))
    rows = read_rows(run_folder("memory", recipe) / "losses.csv", ("step", "seconds"))
    steps, seconds = (float(rows[-1][name]) - float(rows[0][name]) * (len(rows) > 1) for name in ("step", "seconds"))
    return max(0.01, seconds / steps)


if __name__ == "__main__":
    main()
