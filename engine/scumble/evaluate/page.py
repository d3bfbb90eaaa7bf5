# SPDX-License-Identifier: Apache-2.0
"""The contest as one HTML page: style against distance, the tables of means, then every pair with everyone's answer.

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
from scumble.evaluate.chart import chart
from scumble.evaluate.contenders import Painting
from scumble.evaluate.contest import Photograph, Table
from scumble.evaluate.panel import layers_of

THUMBNAIL = 240
"""Longest side of a picture on the page, in pixels."""

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
    parts += _lines(table, means)
    for judge in table.conditions["judges"]:
        parts.append(f"<h2>Judged by {html.escape(judge)}</h2>")
        parts.append(_means(means, judge))
        parts.append(_layers(means, judge))
    if not all(m["shared"] for m in means.values()):
        parts.append(f"<p><small>{APART}</small></p>")
    parts += _pairs(table, photographs, paintings, out)
    return "\n".join(parts) + "</html>\n"


def marked(name: str, mean: dict[str, Any]) -> str:
    """A method's name, with a mark if its means are over other pairs than those of the other methods."""
    return name if mean["shared"] else f"{name} *"


def _conditions(c: dict[str, Any]) -> str:
    options = "; options: " + ", ".join(f"{m} {o}" for m, o in c["options"].items()) if c["options"] else ""
    return (
        f"{c['photographs']} photographs x {c['paintings']} paintings (split {c['split']}), short side {c['size']} px, "
        f"{c['device']}{', bfloat16' if c['half'] else ''}, {c['threads']} threads, {c['machine']}{options}. "
        "Style, content and LPIPS are 0 where equal. Means over the pairs that all answered."
    )


def _lines(table: Table, means: dict[str, Any]) -> list[str]:
    """Style against distance from the photograph, a line a method from its weakest pictures to its full ones."""
    lines = {marked(name, m): [(p["distance"], p["style"]) for p in m["curve"]] for name, m in means.items() if m["curve"]}
    if not lines:
        return []
    judge = table.conditions["judges"][0]
    away = "LPIPS" if table.conditions.get("lpips") else f"content, judged by {judge}"
    return [
        "<h2>How much is painted, and how much of the photograph is left</h2>",
        "<p>Lower is more of the painting, left is more of the photograph. Of two methods the better lies lower at the same "
        "distance; a line ends at full strength.</p>",
        chart(lines, f"distance from the photograph ({away})", f"distance from the style ({judge})"),
    ]


def _means(means: dict[str, Any], judge: str) -> str:
    heads = ("method", "style", "LPIPS", "content", "seconds", "style taken in", "pairs", "content + 3 style")
    lines = [_head(heads)]
    for name, m in means.items():
        losses = m["judged"].get(judge)
        if losses is None:
            lines.append(f'<tr><td>{html.escape(name)}</td><td colspan="7">no answer ({m["failed"]} failed)</td></tr>')
            continue
        left = "" if m["lpips"] is None else f"{m['lpips']:.3f}"
        figures = [f"{losses['style']:.3f}", left, f"{losses['content']:.3f}", f"{m['seconds']:.3f}", f"{m['prepared']:.3f}"]
        lines.append(_line(marked(name, m), [*figures, str(m["pairs"]), f"{losses['total']:.3f}"]))
    return "\n".join([*lines, "</tbody></table>"])


def _layers(means: dict[str, Any], judge: str) -> str:
    """The style of each layer."""
    losses = {marked(name, m): m["judged"][judge] for name, m in means.items() if judge in m["judged"]}
    layers = [k for figures in list(losses.values())[:1] for k in layers_of(figures)]
    if not layers:
        return ""
    lines = [_line(name, [f"{figures[k]:.3f}" for k in layers]) for name, figures in losses.items()]
    return "\n".join(["<p><small>style by layer</small></p>", _head(["method", *layers]), *lines, "</tbody></table>"])


def _head(names: Sequence[str]) -> str:
    return '<table class="means"><thead><tr>' + "".join(f"<th>{html.escape(n)}</th>" for n in names) + "</tr></thead><tbody>"


def _line(name: str, figures: Sequence[str]) -> str:
    return f"<tr><td>{html.escape(name)}</td>" + "".join(f"<td>{f}</td>" for f in figures) + "</tr>"


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
                losses = row.judged[judge]
                left = "content" if row.lpips is None else "LPIPS"
                away = losses["content"] if row.lpips is None else row.lpips
                label = f"{html.escape(name)}: style {losses['style']:.2f}, {left} {away:.2f}, {row.seconds:.2f} s"
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
