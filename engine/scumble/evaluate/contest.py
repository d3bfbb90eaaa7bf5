# SPDX-License-Identifier: Apache-2.0
"""The contest: every contender over every photograph and painting, each answer judged and kept as it comes.

Invariant: a run that is broken off leaves a readable table and its pictures, and goes on from them when asked to; a pair that
fails is a row that says so, and the rest go on.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
from PIL import Image, ImageOps

from scumble.api.errors import ScumbleError
from scumble.api.method import Pixels, Style
from scumble.evaluate.contenders import Answer, Contender, Painting
from scumble.evaluate.judges import Judge, Lpips
from scumble.evaluate.panel import Panel, panel
from scumble.image.files import SAVERS
from scumble.library.atomic import replacing, write_atomic
from scumble.nst.tensors import to_tensor

MULTIPLE = 8
"""Photographs are cut to sides that are multiples of this, which is what peers take."""

ONE_IN = 10
"""Means over fewer than one in so many of the pairs of the one that answered most would say little of any."""

RESULTS, PICTURES = "results.json", "pictures"
"""What a run leaves in its folder; index.html is beside them."""

MANIFEST = "manifest.csv"
"""The table of a folder's pictures: file, title, split."""

Split = Literal["train", "test", "all"]

Input = TypeVar("Input", "Photograph", Painting)

Pair = tuple[str, str]
"""Ids of a photograph and a painting."""


@dataclass(frozen=True)
class Photograph:
    """A photograph at the size of the contest."""

    id: str
    title: str
    rgb: Pixels


@dataclass
class Row:
    """One contender's answer to one pair.

    `judged` is {judge: {"content", "style", "total", and the style of each layer by its name}}, empty where it failed; `lpips`
    is the distance from the photograph, None where it is not measured. `curve` has for each strength {"strength", "distance"
    (LPIPS from the photograph, else the first judge's content), "style" (the first judge's)}.
    """

    method: str
    content: str
    style: str
    seconds: float = 0.0
    prepared: float = 0.0
    judged: dict[str, dict[str, float]] = field(default_factory=dict)
    lpips: float | None = None
    curve: list[dict[str, float]] = field(default_factory=list)
    picture: str = ""
    problem: str = ""

    @property
    def pair(self) -> Pair:
        return self.content, self.style

    @property
    def key(self) -> tuple[str, str, str]:
        return self.method, self.content, self.style


@dataclass
class Table:
    """All results. `conditions` says how they were measured: sizes, options, machine, judges."""

    conditions: dict[str, Any]
    rows: list[Row] = field(default_factory=list)

    def means(self) -> dict[str, dict[str, Any]]:
        """By contender: pairs, failures, median seconds, and a mean of each figure by judge.

        They are over the pairs that all answered. A contender that answered too few of them (`shared_pairs`) has means over
        whatever it answered, and "shared" is false; one that answered nothing has 0 pairs.
        """
        answered: dict[str, set[Pair]] = {row.method: set() for row in self.rows}
        for row in self.rows:
            if not row.problem:
                answered[row.method].add(row.pair)
        common = shared_pairs(answered.values())
        by_name = {}
        for name, pairs in answered.items():
            shared = common <= pairs or not pairs
            asked = common if shared else pairs
            rows = [r for r in self.rows if r.method == name and r.pair in asked and not r.problem]
            judges = list(rows[0].judged) if rows else []
            by_name[name] = {
                "pairs": len(rows),
                "shared": shared,
                "failed": sum(1 for r in self.rows if r.method == name and r.problem),
                "seconds": round(float(np.median([r.seconds for r in rows])), 4) if rows else None,
                "prepared": round(float(np.median([r.prepared for r in rows])), 4) if rows else None,
                "judged": {j: _mean([r.judged[j] for r in rows]) for j in judges},
                "lpips": _mean_of([r.lpips for r in rows if r.lpips is not None]),
                "curve": [_mean(points) for points in zip(*(r.curve for r in rows), strict=True)],
            }
        return by_name

    def to_json(self) -> dict[str, Any]:
        return {"conditions": self.conditions, "means": self.means(), "rows": [dataclasses.asdict(r) for r in self.rows]}


def shared_pairs(answered: Iterable[set[Pair]]) -> set[Pair]:
    """The pairs that all answered. From the one that answered most to the one that answered fewest, one that would leave less
    than one in ONE_IN of what the first answered is not counted among all."""
    first, *others = sorted(answered, key=len, reverse=True) or [set()]
    common = set(first)
    for pairs in others:
        if ONE_IN * len(common & pairs) >= len(first):
            common &= pairs
    return common


def read_photographs(folder: Path, size: int, split: Split, limit: int | None) -> list[Photograph]:
    """Photographs with a short side of `size` pixels, cut to multiples of 8. Raises ScumbleError "bad-picture"."""
    photographs = []
    for path, title in _listed(folder, split, limit):
        image = _opened(path, size)
        w, h = (max(MULTIPLE, n // MULTIPLE * MULTIPLE) for n in image.size)
        left, top = (image.width - w) // 2, (image.height - h) // 2
        image = image.crop((left, top, left + w, top + h))
        photographs.append(Photograph(_slug(path.stem), title, pixels_of(image)))
    return _with_own_ids(photographs)


def read_paintings(folder: Path, size: int, split: Split, limit: int | None, shipped: Iterable[Any] = ()) -> list[Painting]:
    """Paintings with a short side of `size` pixels. One that has the title of a style in `shipped` is painted with that
    style's trained states too. Raises ScumbleError "bad-picture"."""
    by_title: dict[str, Style] = {style.title.casefold(): style for style in shipped}
    return _with_own_ids(
        [
            Painting(_slug(path.stem), title, pixels_of(_opened(path, size)), by_title.get(title.casefold()))
            for path, title in _listed(folder, split, limit)
        ]
    )


def hold(
    table: Table,
    contenders: Sequence[Contender],
    photographs: Sequence[Photograph],
    paintings: Sequence[Painting],
    judges: Sequence[Judge],
    out: Path,
    note: Callable[[str], None],
    lpips: Lpips | None = None,
    strengths: Sequence[float] = (),
) -> None:
    """Fill `table`, leaving out what it already has, and keep it and the pictures in `out` as it grows.

    `strengths` in (0, 1] are those of the answers' curves, which `lpips` and the first judge measure.

    Raises ScumbleError "disk-full" and "no-write".
    """
    done = {row.key for row in table.rows if (out / row.picture).is_file() and not row.problem}
    table.rows[:] = [row for row in table.rows if row.key in done]
    total = len(contenders) * len(photographs) * len(paintings)
    for painting in paintings:
        for photograph in photographs:
            asked = [c for c in contenders if (c.name, photograph.id, painting.id) not in done]
            judging = _seated(judges if asked else [], lpips if asked else None, photograph, painting)
            for contender in asked:
                row = _row(contender, photograph, painting, judging, out, strengths)
                table.rows.append(row)
                if row.problem:
                    note(f"{contender.name}, {photograph.id}, {painting.id}: {row.problem}")
            if asked:
                keep(table, out)
        note(f"{painting.title}: {len(table.rows)} of {total} answers")


def keep(table: Table, out: Path) -> None:
    """Write results.json."""
    write_atomic(out / RESULTS, (json.dumps(table.to_json(), indent=1, ensure_ascii=False) + "\n").encode())


def resumed(out: Path, conditions: Mapping[str, Any]) -> Table:
    """The table that a run under the same conditions left in `out`, or an empty one."""
    try:
        old = json.loads((out / RESULTS).read_text(encoding="utf-8"))
        if old["conditions"] == json.loads(json.dumps(conditions)):
            return Table(dict(conditions), [Row(**row) for row in old["rows"]])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    return Table(dict(conditions))


def picture_name(method: str, content: str, style: str) -> str:
    return f"{PICTURES}/{method}/{content}--{style}.png"


def save_picture(path: Path, rgb: Pixels) -> None:
    """(H, W, 3) in [0, 1] as an 8-bit PNG."""
    with replacing(path) as temporary:
        Image.fromarray((rgb * 255).round().astype(np.uint8)).save(temporary)


def _seated(judges: Sequence[Judge], lpips: Lpips | None, photograph: Photograph, painting: Painting) -> Panel:
    scaled = at_scale_of(painting.pixels, photograph.rgb)
    return panel(judges, lpips, to_tensor(photograph.rgb), to_tensor(scaled))


def _row(
    contender: Contender, photograph: Photograph, painting: Painting, judges: Panel, out: Path, strengths: Sequence[float]
) -> Row:
    row = Row(contender.name, photograph.id, painting.id)
    try:
        answer = _answer(contender, photograph, painting)
        curve = [_point(contender, answer, s, photograph, painting, judges) for s in strengths if judges.judges]
    except ScumbleError as e:
        row.problem = str(e)
        return row
    except Exception as e:  # plug-ins and peers are not ours, and memory may run out
        row.problem = f"it failed: {type(e).__name__}: {e}"
        return row
    row.seconds, row.prepared, row.curve = round(answer.seconds, 4), round(answer.prepared, 4), curve
    row.picture = picture_name(*row.key)
    save_picture(out / row.picture, answer.rgb)
    painted = to_tensor(answer.rgb)
    row.judged, row.lpips = judges.judged(painted), judges.distance(painted)
    return row


def _point(
    contender: Contender, full: Answer, strength: float, photograph: Photograph, painting: Painting, judges: Panel
) -> dict[str, float]:
    """A point of a curve. One that has no weaker pictures of its own is mixed with the photograph, as the pipeline does."""
    if strength >= 1:
        rgb = full.rgb
    elif contender.weaker is not None:
        rgb = contender.weaker(photograph.rgb, painting, strength).rgb
    else:
        rgb = photograph.rgb + np.float32(strength) * (full.rgb - photograph.rgb)
    return judges.point(to_tensor(rgb), strength)


def _answer(contender: Contender, photograph: Photograph, painting: Painting) -> Answer:
    """A contender's answer, checked so that it can be judged. Raises ScumbleError, and whatever the contender does."""
    if not contender.can(painting):
        raise ScumbleError("style-unavailable", "it was not trained for this painting")
    answer = contender.paint(photograph.rgb, painting)
    if answer.rgb.shape != photograph.rgb.shape or not np.isfinite(answer.rgb).all():
        raise ScumbleError("internal", "its picture has another size, or values that are no numbers")
    return answer


def at_scale_of(painting: Pixels, photograph: Pixels) -> Pixels:
    """The painting with the photograph's long side, the size at which methods take its strokes by default."""
    ratio = max(photograph.shape[:2]) / max(painting.shape[:2])
    h, w = (max(1, round(n * ratio)) for n in painting.shape[:2])
    image = Image.fromarray((painting * 255).round().astype(np.uint8))
    return pixels_of(image.resize((w, h), Image.Resampling.LANCZOS))


def listed(folder: Path, split: Split) -> list[Path]:
    """The pictures of a folder that take part in a split; the one picture given. Raises ScumbleError "bad-picture"."""
    return [path for path, _ in _listed(folder, split, None)]


def _listed(folder: Path, split: Split, limit: int | None) -> list[tuple[Path, str]]:
    """Path and title of each picture: of a folder's manifest.csv those of the split, else all; or of the one file given."""
    manifest = folder / MANIFEST
    if folder.is_file():
        files = [(folder, folder.stem)]
    elif manifest.is_file():
        with open(manifest, newline="", encoding="utf-8") as f:
            rows = [r for r in csv.DictReader(f) if split == "all" or r.get("split") == split]
        files = [(folder / r["file"], r.get("title") or r["file"]) for r in rows if r.get("file")]
    else:
        files = [(p, p.stem) for p in sorted(folder.rglob("*")) if p.suffix.lower() in SAVERS]
    if not files:
        raise ScumbleError(
            "bad-picture",
            f"There are no pictures in {folder}" + (f" of the split {split}." if manifest.is_file() else "."),
            "Name a picture or a folder of pictures; --split all takes both halves of a manifest.",
        )
    return files[:limit]


def _opened(path: Path, short_side: int) -> Image.Image:
    try:
        with Image.open(path) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as e:
        raise ScumbleError("bad-picture", f"The picture {path} cannot be read ({e}).", "Leave it out of the folder.") from e
    k = short_side / min(image.size)
    size = (max(MULTIPLE, round(image.width * k)), max(MULTIPLE, round(image.height * k)))
    return image.resize(size, Image.Resampling.LANCZOS)


def pixels_of(image: Image.Image) -> Pixels:
    """(H, W, 3) in [0, 1] of an RGB image."""
    return np.asarray(image, np.float32) / np.float32(255)


def _slug(name: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_text)[:60].strip("-") or "picture"


def _with_own_ids(photographs: list[Input]) -> list[Input]:
    """Numbers for those whose names would clash."""
    uses: dict[str, int] = {}
    result = []
    for one in photographs:
        uses[one.id] = uses.get(one.id, 0) + 1
        result.append(one if uses[one.id] == 1 else dataclasses.replace(one, id=f"{one.id}-{uses[one.id]}"))
    return result


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {k: round(float(np.mean([r[k] for r in rows])), 4) for k in rows[0]}


def _mean_of(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
