# SPDX-License-Identifier: Apache-2.0
"""The contact sheet shows every picture whole, in its own row and column, with its label."""

from __future__ import annotations

import numpy as np
from PIL import Image

from scumble.cli.sheet import GAP, INK, LABEL, PAPER, Cell, contact_sheet

RED, BLUE = (255, 0, 0), (0, 0, 255)


def test_every_picture_is_there_once_and_whole() -> None:
    rows = [[Cell(Image.new("RGB", (30, 20), RED), "one"), Cell(Image.new("RGB", (10, 40), BLUE), "two")]]
    sheet = np.asarray(contact_sheet(rows, cell=(50, 50)))
    assert sheet.shape[:2] == (GAP + 40 + LABEL + GAP, GAP + 2 * (50 + GAP))
    assert (sheet == RED).all(2).sum() == 30 * 20
    assert (sheet == BLUE).all(2).sum() == 10 * 40


def test_a_large_picture_is_brought_into_its_cell_in_proportion() -> None:
    sheet = np.asarray(contact_sheet([[Cell(Image.new("RGB", (1000, 500), RED), "one")]], cell=(100, 100)))
    assert (sheet == RED).all(2).sum() == 100 * 50


def test_a_missing_picture_leaves_paper_and_keeps_the_columns() -> None:
    red = Cell(Image.new("RGB", (50, 50), RED), "")
    sheet = np.asarray(contact_sheet([[red, red], [None, red]], cell=(50, 50)))
    left, right = sheet[:, : GAP + 50 + GAP // 2], sheet[:, GAP + 50 + GAP // 2 :]
    assert (left == RED).all(2).sum() * 2 == (right == RED).all(2).sum()
    assert (left[GAP + 50 :] == PAPER).all()


def test_titles_and_the_heading_are_written() -> None:
    picture = Image.new("RGB", (50, 50), RED)
    plain = np.asarray(contact_sheet([[Cell(picture, "")]]))
    titled = np.asarray(contact_sheet([[Cell(picture, "Starry Night")]]))
    headed = np.asarray(contact_sheet([[Cell(picture, "")]], heading="Scumble"))
    assert not (plain == INK).all(2).any()
    assert (titled == INK).all(2).any()
    assert headed.shape[0] == plain.shape[0] + LABEL
    assert (headed[: LABEL + GAP] == INK).all(2).any()


def test_a_title_with_accents_shows_its_letters_and_no_boxes() -> None:
    picture = Image.new("RGB", (50, 50), RED)
    accented, plain = (np.asarray(contact_sheet([[Cell(picture, title)]])) for title in ("The Night Café", "The Night Cafe"))
    assert (accented == plain).all()
