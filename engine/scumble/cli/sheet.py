# SPDX-License-Identifier: Apache-2.0
"""The contact sheet: pictures in rows and columns with a label under each."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont, ImageOps

PAPER, INK, FAINT = (250, 248, 243), (40, 38, 34), (120, 116, 108)
GAP, LABEL = 16, 44


@dataclass(frozen=True)
class Cell:
    """One picture, its title and a fainter second line."""

    picture: Image.Image
    title: str
    detail: str = ""


def contact_sheet(rows: Sequence[Sequence[Cell | None]], cell: tuple[int, int] = (380, 380), heading: str = "") -> Image.Image:
    """Lay `rows` out on paper; pictures are brought into `cell` (width, height) pixels, never enlarged or cut."""
    columns = max(len(row) for row in rows)
    heights = [max(_fitted(c.picture, cell).height for c in row if c is not None) for row in rows]
    top = GAP + (LABEL if heading else 0)
    size = (GAP + columns * (cell[0] + GAP), top + sum(h + LABEL + GAP for h in heights))
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    if heading:
        draw.text((GAP, GAP), _in_font(heading), INK, ImageFont.load_default(22))
    y = top
    for row, height in zip(rows, heights, strict=True):
        for column, c in enumerate(row):
            if c is None:
                continue
            x = GAP + column * (cell[0] + GAP)
            picture = _fitted(c.picture, cell)
            sheet.paste(picture, (x + (cell[0] - picture.width) // 2, y + (height - picture.height) // 2))
            draw.text((x, y + height + 4), _in_font(c.title), INK, ImageFont.load_default(16))
            draw.text((x, y + height + 24), _in_font(c.detail), FAINT, ImageFont.load_default(13))
        y += height + LABEL + GAP
    return sheet


def _in_font(text: str) -> str:
    """Without accents: Pillow's own font, the only one that is there everywhere, draws a box for a letter that has one."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _fitted(picture: Image.Image, cell: tuple[int, int]) -> Image.Image:
    return ImageOps.contain(picture, (min(cell[0], picture.width), min(cell[1], picture.height)), Image.Resampling.LANCZOS)
