# SPDX-License-Identifier: Apache-2.0
"""`scumble styles`: the styles the engine knows; adding and removing one's own."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from scumble.cli.connect import engine, json_option, no_start_option, remote_options
from scumble.cli.pictures import style_raster
from scumble.cli.say import OUT, emit_json
from scumble.client.catalogue import Style


@click.group()
def styles() -> None:
    """List, add and remove styles."""


@styles.command("list")
@no_start_option
@remote_options
@json_option
def list_styles(no_start: bool, as_json: bool) -> None:
    """List the styles: shipped ones first, then your own."""
    with engine(start=not no_start) as attached:
        catalogue = attached.catalogue()
    if as_json:
        emit_json([_as_json(style) for style in catalogue.styles])
        return
    table = Table("id", "title", "artist", "methods", "", box=None, header_style="dim")
    for s in catalogue.styles:
        painted = ", ".join(s.methods)
        table.add_row(*map(escape, (f"{s.id}@{s.revision}", s.title, _artist(s), painted, "yours" if s.own else "")))
    OUT.print(table)


@styles.command()
@click.argument("picture")
@click.option("--name", help="What to call it; the file's name without one.")
@no_start_option
@remote_options
@json_option
def add(picture: str, name: str | None, no_start: bool, as_json: bool) -> None:
    """Add PICTURE as a style of your own."""
    raster = style_raster(picture)
    with engine(start=not no_start) as attached:
        stored = attached.put_style(name or Path(picture).stem, raster)
    if as_json:
        emit_json({"style": stored})
    else:
        click.echo(stored)


@styles.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@no_start_option
@remote_options
def remove(ids: tuple[str, ...], no_start: bool) -> None:
    """Remove styles of your own. Shipped ones stay."""
    with engine(start=not no_start) as attached:
        for style in ids:
            attached.remove_style(style)


def _artist(style: Style) -> str:
    return ", ".join(str(part) for part in (style.artist, style.year) if part)


def _as_json(style: Style) -> dict[str, Any]:
    return {name: value for name, value in asdict(style).items() if name != "thumbnail"}
