# SPDX-License-Identifier: Apache-2.0
"""The contest as one HTML page: the table of means, then every pair with everyone's answer side by side.

Invariant: the page is one file that asks nothing of a network or of a neighbour; pictures are inlined as JPEG.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from scumble.api.method import Pixels
from scumble.evaluate.contest import Photograph, Table
from scumble.evaluate.contestants import Painting

THUMBNAIL = 240
"""Longest side of a picture on the page, in pixels."""

REFERENCE = "gatys"

APART = "* Means over its own answers: it has too few in common with the others to be compared with them."
"""What the mark beside a method says that is not "shared" (`Table.means`)."""

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #28261f; background: #faf8f3 }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #e2ddd0 }
th:first-child, td:first-child { text-align: left }
thead th { border-bottom: 2px solid #b9b29e }
.pairs { margin: 0 0 1rem }
.pairs td { border: 0; text-align: left; vertical-align: top; padding: .2rem }
img { display: block }
small { color: #78746c }
h2 { margin-top: 2rem }
"""


def page(table: Table, photographs: Sequence[Photograph], paintings: Sequence[Painting], out: Path) -> str:
    """The page of a table whose pictures lie in `out`."""
    means = table.means()
    parts = [
        "<!doctype html>",
        '<html lang="en"><meta charset="utf-8"><title>Scumble: evaluation</title>',
        f"<style>{STYLE}</style>",
    ]
    parts.append("<h1>Evaluation</h1>")
    parts.append(f"<p>{html.escape(_conditions(table.conditions))}</p>")
    for judge in table.conditions["judges"]:
        parts.append(f"<h2>Judged by {html.escape(judge)}</h2>")
        parts.append(_means(means, judge))
    if REFERENCE in means:
        parts.append(f"<p><small>relative: total over that of {REFERENCE}, the reference.</small></p>")
    if not all(m["shared"] for m in means.values()):
        parts.append(f"<p><small>{APART}</small></p>")
    parts += _pairs(table, photographs, paintings, out)
    return "\n".join(parts) + "</html>\n"


def marked(name: str, mean: dict[str, Any]) -> str:
    """A method's name, with a mark if its means are over other pairs than everybody's."""
    return name if mean["shared"] else f"{name} *"


def _conditions(c: dict[str, Any]) -> str:
    options = "; options: " + ", ".join(f"{m} {o}" for m, o in c["options"].items()) if c["options"] else ""
    return (
        f"{c['photographs']} photographs x {c['paintings']} paintings (split {c['split']}), short side {c['size']} px, "
        f"{c['device']}{', bfloat16' if c['half'] else ''}, {c['threads']} threads, {c['machine']}{options}. "
        "Total = content + 3 style; 0 is equal. Means over the pairs that all answered."
    )


def _means(means: dict[str, Any], judge: str) -> str:
    best = means.get(REFERENCE, {"shared": False})
    reference = best["judged"].get(judge, {}).get("total") if best["shared"] else None
    head = "".join(
        f"<th>{h}</th>" for h in ("method", "content", "style", "total", "relative", "seconds", "style taken in", "pairs")
    )
    lines = [f'<table class="means"><thead><tr>{head}</tr></thead><tbody>']
    for name, m in means.items():
        said = m["judged"].get(judge)
        if said is None:
            lines.append(f'<tr><td>{html.escape(name)}</td><td colspan="7">no answer ({m["failed"]} failed)</td></tr>')
            continue
        relative = f"{said['total'] / reference:.2f}" if reference and m["shared"] else ""
        figures = [f"{said['content']:.3f}", f"{said['style']:.3f}", f"{said['total']:.3f}", relative]
        figures += [f"{m['seconds']:.3f}", f"{m['prepared']:.3f}", str(m["pairs"])]
        lines.append(f"<tr><td>{html.escape(marked(name, m))}</td>" + "".join(f"<td>{f}</td>" for f in figures) + "</tr>")
    return "\n".join([*lines, "</tbody></table>"])


def _pairs(table: Table, photographs: Sequence[Photograph], paintings: Sequence[Painting], out: Path) -> Iterable[str]:
    names = list(dict.fromkeys(row.method for row in table.rows if row.method != "input"))
    rows = {row.key: row for row in table.rows}
    judge = table.conditions["judges"][0]
    for painting in paintings:
        yield f"<h2>{html.escape(painting.title)}</h2>"
        yield '<table class="pairs">'
        for photograph in photographs:
            cells = [f"<td>{_image(photograph.rgb)}<small>{html.escape(photograph.id)}</small></td>"]
            cells.append(f"<td>{_image(painting.pixels)}<small>the painting</small></td>")
            for name in names:
                row = rows.get((name, photograph.id, painting.id))
                if row is None or row.problem:
                    why = html.escape(row.problem if row else "not painted")
                    cells.append(f"<td><small>{html.escape(name)}: {why}</small></td>")
                    continue
                with Image.open(out / row.picture) as image:
                    shown = _image(np.asarray(image.convert("RGB"), np.float32) / np.float32(255))
                said = row.judged[judge]
                label = f"{html.escape(name)} {said['content']:.2f} + 3 x {said['style']:.2f}, {row.seconds:.2f} s"
                cells.append(f"<td>{shown}<small>{label}</small></td>")
            yield "<tr>" + "".join(cells) + "</tr>"
        yield "</table>"


def _image(rgb: Pixels) -> str:
    image = Image.fromarray((rgb * 255).round().astype(np.uint8))
    image = ImageOps.contain(image, (min(THUMBNAIL, image.width), min(THUMBNAIL, image.height)), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img width="{image.width}" height="{image.height}" alt="" src="data:image/jpeg;base64,{data}">'
