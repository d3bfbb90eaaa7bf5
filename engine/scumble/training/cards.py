# SPDX-License-Identifier: Apache-2.0
"""The cards that trainings write beside their weight files: what was trained, by which recipe, on whose pictures."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scumble.library.atomic import write_atomic
from scumble.library.weights import Card
from scumble.training.data import Pictures, read_rows
from scumble.training.loop import machine
from scumble.training.recipe import OnePainting, TrainingRecipe
from scumble.training.teachers import credited

STYLE = {field.name for field in dataclasses.fields(OnePainting)}
"""Fields of recipes that describe a style; a card has them in "style"."""

LICENCE = "Apache-2.0"
"""Of everything that is trained here, where a card does not say otherwise."""


def trained_card(
    about: Card, command: str, recipe: TrainingRecipe, credits: Mapping[str, object], finished: object, **more: object
) -> Card:
    """The card of trained weights: `about` says what they are, and "training" how `scumble train COMMAND` made them.

    "training" holds every setting of the recipe, `finished` (the last step), the machine, the `credits` of
    the pictures (`write_credits`), and whatever else the training tells in `more`.
    """
    training = {
        "command": f"scumble train {command} ...",
        **settings(recipe),
        "finished": finished,
        **more,
        "machine": machine(),
        "credits": dict(credits),
    }
    return {"licence": LICENCE, **about, "training": training}


def measured_card(about: Card, command: str, style: OnePainting, **more: object) -> Card:
    """The card of a style's state that was measured or predicted from its painting; `more` tells of a refinement after that."""
    training = {
        "command": f"scumble train {command} --style {style.style_id}",
        "teachers": "none: measured, not trained",
        "machine": machine(),
        **more,
    }
    return {"style": style.described, "licence": LICENCE, **about, "training": training}


def settings(recipe: TrainingRecipe) -> dict[str, Any]:
    """The fields of a recipe by name, without the places of files and folders, which mean nothing elsewhere."""
    values = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    fields = {k: v for k, v in values.items() if k not in STYLE | {"start"} and v is not None and not isinstance(v, Path)}
    fields["teachers"] = credited(recipe.teachers) if recipe.teachers else "none"
    if "start" in values:
        fields["warm_start"] = values["start"].name if values["start"] else None
    return fields


def read_table(table: Path, paintings: Path) -> list[OnePainting]:
    """The styles of a CSV file with the columns id, title, artist, year and file; the files are in the folder `paintings`.

    Raises ScumbleError "bad-picture".
    """
    rows = read_rows(table, ("id", "title", "artist", "year", "file"))
    return [OnePainting(r["id"], paintings / r["file"], r["title"], r["artist"], r["year"]) for r in rows]


def write_credits(folder: Path, *pictures: Pictures) -> dict[str, str | int]:
    """Write the credits of all `pictures` to `folder`/credits/HASH.txt, one line a picture, and return the card's "credits".

    Trainings on the same pictures share the file, so that loading a network does not parse thousands of lines in its card.
    Raises OSError.
    """
    lines = [line for kind in pictures for line in kind.credits]
    text = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
    path = folder / "credits" / f"{hashlib.sha256(text).hexdigest()[:12]}.txt"
    if not path.exists():
        write_atomic(path, text)
    return {"file": f"credits/{path.name}", "pictures": len(lines)}
