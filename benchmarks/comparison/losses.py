# SPDX-License-Identifier: Apache-2.0
"""The methods over photographs no training saw: judged as `scumble evaluate` does, and laid out on sheets.

Twice: with the paintings that every method was trained for or measured on, and with paintings that nobody saw, which only some
methods can take. What is shown is made of those photographs of the test split that are in the public domain, because it is
published. Invariant: a picture that is there is kept, unless its method is among those to be painted again.
"""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from scumble.api.method import Pixels, Runtime
from scumble.cli.sheet import Cell, contact_sheet
from scumble.evaluate.contenders import Answer, Contender, Painting, method_contender, unchanged
from scumble.evaluate.contest import Photograph, Table, hold, keep, picture_name, read_paintings, read_photographs, resumed
from scumble.evaluate.judges import Judge, Lpips, lpips_judge, squeezenet_judge, vgg16_judge
from scumble.library.styles import StyleStore
from scumble.methods import registry

Note = Callable[[str], None]

SIZE = 256
"""Short side in pixels of photographs and paintings."""
JUDGED = 6
"""Every sixth photograph of the test split is judged."""
UNSEEN = 5
"""Every fifth painting of the test split is taken."""
FREE = "public domain"

MEMORY, INSTANT = "memory", "memory, at once"
"""The style memory as it ships, and with nothing but a look at the painting (its grade 0)."""

SHOWN = {"own": "starry-night", "unseen": "mansion"}
"""Part of the id of the painting whose pictures are shown."""
CELL = (224, 224)


@dataclass(frozen=True)
class Round:
    """Contenders, paintings and judges of one comparison; `out` is where the table and the pictures lie. `also` is judged and
    not shown."""

    out: Path
    contenders: Sequence[Contender]
    also: Sequence[Contender]
    judged: Sequence[Photograph]
    paintings: Sequence[Painting]
    judges: Sequence[Judge]
    shown: Sequence[Photograph]
    on_show: Painting
    lpips: Lpips | None = None

    def forget(self, methods: Collection[str]) -> None:
        """Have these painted again."""
        for folder in (self.out, self._show):
            table = self._table(folder)
            table.rows[:] = [row for row in table.rows if row.method.split(",")[0] not in methods]
            keep(table, folder)

    def hold(self, note: Note) -> Table:
        """The answers that are judged. Then what is shown is painted."""
        everybody = [*self.also, *self.contenders]
        table, order = self._table(self.out), [c.name for c in everybody]
        asked = {(p.id, s.id) for p in self.judged for s in self.paintings}
        table.rows[:] = [row for row in table.rows if row.method in order and (row.content, row.style) in asked]
        hold(table, everybody, self.judged, self.paintings, self.judges, self.out, note, self.lpips)
        hold(self._table(self._show), self.contenders, self.shown, [self.on_show], [], self._show, note)
        return Table(table.conditions, sorted(table.rows, key=lambda row: order.index(row.method)))

    def sheet(self) -> Image.Image:
        """A row a photograph, a column a method, once all is held."""
        return contact_sheet([[self._cell(c, photo) for c in self.contenders] for photo in self.shown], CELL)

    @property
    def _show(self) -> Path:
        return self.out / "shown"

    def _table(self, folder: Path) -> Table:
        names, layers = [judge.name for judge in self.judges], [list(judge.style_layers) for judge in self.judges]
        return resumed(folder, {"size": SIZE, "judges": names, "layers": layers, "lpips": self.lpips is not None})

    def _cell(self, contender: Contender, photograph: Photograph) -> Cell:
        with Image.open(self._show / picture_name(contender.name, photograph.id, self.on_show.id)) as image:
            return Cell(image.convert("RGB"), contender.name)


def contests(shared: Path, out: Path) -> dict[str, Round]:
    """By "own" and "unseen" who paints what, from the pictures and networks in `shared`. Raises ScumbleError "bad-picture"."""
    judges, named, folder = _judges(shared), _methods(), shared / "images" / "photos"
    lpips = lpips_judge(str(shared / "perceptual"))
    judged, free = read_photographs(folder, SIZE, "test", None)[::JUDGED], free_photographs(folder)
    rounds = {}
    for name, paintings in _paintings(shared / "images" / "paintings", named).items():
        able = [c for c in named if all(c.can(p) for p in paintings)]
        also = [unchanged(), *(instant(c) for c in able if c.name == MEMORY and name == "own")]
        on_show = next(p for p in paintings if SHOWN[name] in p.id)
        rounds[name] = Round(out / name, able, also, judged, paintings, judges, free, on_show, lpips)
    return rounds


def free_photographs(folder: Path) -> list[Photograph]:
    """The photographs of the test split that their manifest calls public domain."""
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as f:
        rows = [r for r in csv.DictReader(f) if r["split"] == "test" and FREE in r["licence_as_stated"].casefold()]
    return [read_photographs(folder / row["file"], SIZE, "all", None)[0] for row in rows]


def instant(memory: Contender) -> Contender:
    """A contender that knows no style that ships, but sees each painting as one of the user's own."""

    def paint(rgb: Pixels, painting: Painting) -> Answer:
        return memory.paint(rgb, dataclasses.replace(painting, id=f"own-{painting.id}", trained=None))

    return dataclasses.replace(memory, name=INSTANT, paint=paint)


def _paintings(folder: Path, named: Iterable[Contender]) -> dict[str, list[Painting]]:
    """Shipped styles that everybody can paint, and every fifth painting of the test split."""
    trained = read_paintings(folder, SIZE, "train", None, StyleStore().list())
    own = [p for p in trained if p.trained is not None and all(c.can(p) for c in named)]
    return {"own": own, "unseen": read_paintings(folder, SIZE, "test", None)[::UNSEEN]}


def _methods() -> list[Contender]:
    return [method_contender(name, {}, Runtime()) for name in registry.methods()]


def _judges(shared: Path) -> list[Judge]:
    folder = shared / "perceptual"
    squeezenets = sorted(folder.glob("squeezenet*.safetensors"))
    return [vgg16_judge(str(folder)), squeezenet_judge(squeezenets[0] if squeezenets else folder / "squeezenet.safetensors")]
