# SPDX-License-Identifier: Apache-2.0
"""`scumble styles`: the styles the engine knows; adding, refining, training, renaming and removing one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from scumble.cli.connect import engine, json_option, no_start_option, remote_options
from scumble.cli.options import find_style
from scumble.cli.pictures import legible, style_raster
from scumble.cli.say import ERR, OUT, emit_json, problem
from scumble.client.blocking import Engine
from scumble.client.catalogue import Catalogue, Style
from scumble.client.errors import EngineError
from scumble.client.events import Refining
from scumble.library.styles import ID


@click.group()
def styles() -> None:
    """List, add, refine, rename and remove styles, and attach what you trained."""


@styles.command("list")
@no_start_option
@remote_options
@json_option
def list_styles(no_start: bool, as_json: bool) -> None:
    """List the styles: shipped ones first, then your own.

    The grade of your own: 0 is what a picture gives at once, 1 is refined. Each refinement is a new revision (ID@REVISION).
    """
    with engine(start=not no_start) as attached:
        catalogue = attached.catalogue()
    if as_json:
        emit_json([_as_json(style, catalogue) for style in catalogue.styles])
        return
    ids = [f"{s.id}@{s.revision}" for s in catalogue.styles]
    whole = Column("id", min_width=max(map(len, ids), default=0))  # what is to be typed again is never cut off
    table = Table(whole, "title", "artist", "methods", "", "grade", box=None, header_style="dim")
    for pinned, s in zip(ids, catalogue.styles, strict=True):
        grade = _grade(s, catalogue)
        cells = (pinned, s.title, _artist(s), ", ".join(s.methods), "yours" if s.own else "")
        table.add_row(*map(escape, cells), "" if grade is None else str(grade))
    OUT.print(table)


def _checked_id(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not ID.fullmatch(value):
        raise click.BadParameter("an id has small letters, digits and dashes, 64 at most.")
    return value


@styles.command()
@click.argument("picture")
@click.option("--name", help="What to call it; the file's name without one.")
@click.option("--id", "style_id", metavar="ID", callback=_checked_id, help="Its id; without one, it is made of the name.")
@click.option("--refine/--no-refine", default=True, help="Make it better in the engine's idle time.  [default: refine]")
@click.option("--wait", is_flag=True, help="Wait until it is refined.")
@no_start_option
@remote_options
@json_option
def add(picture: str, name: str | None, style_id: str | None, refine: bool, wait: bool, no_start: bool, as_json: bool) -> None:
    """Add PICTURE as a style of your own. It can be used at once, and is refined while the engine has nothing else to do."""
    if wait and not refine:
        raise click.UsageError("--wait waits for what --no-refine leaves out.")
    raster = style_raster(picture)
    with engine(start=not no_start) as attached:
        stored = attached.put_style(legible(name or Path(picture).stem), raster, refine, style_id)
        if wait:
            try:
                stored = _wait(attached, stored.partition("@")[0]).style
            except EngineError as e:
                if e.code != "not-refinable":
                    raise
                problem(e.message, e.hint)
    if as_json:
        emit_json({"style": stored})
    else:
        click.echo(stored)


@styles.command()
@click.argument("style", metavar="ID")
@click.option("--stop", "action", flag_value="stop", help="Stop it; the next start goes on from there.")
@click.option("--status", "action", flag_value="status", help="Only say how far it is.")
@click.option("--wait", is_flag=True, help="Wait until it is refined.")
@no_start_option
@remote_options
@json_option
def refine(style: str, action: str | None, wait: bool, no_start: bool, as_json: bool) -> None:
    """Refine a style of your own, in the engine's idle time; one that is refined already, once more.

    With --wait, Ctrl-C ends the waiting; the engine goes on.
    """
    if wait and action:
        raise click.UsageError(f"--wait does not go with --{action}.")
    with engine(start=not no_start) as attached:
        now = Refining.of(attached.refine_style(find_style(attached.catalogue(), style).id, action or "start"))
        if wait:
            now = _wait(attached, now.id)
    if as_json:
        emit_json(_state_as_json(now))
    else:
        click.echo(_in_words(now))


@styles.command()
@click.argument("style", metavar="ID")
@click.argument("weights", metavar="FILE", type=click.Path(path_type=Path))
def attach(style: str, weights: Path) -> None:
    """Give a style of your own what you trained for it: the weight FILE of a network, a bank or a row.

    It is copied, with its card, to your styles on this machine, and is a new revision of the style.
    """
    from scumble.library.styles import StyleStore

    click.echo(StyleStore().attach(style, weights).pinned)


@styles.command()
@click.argument("style", metavar="ID")
@click.argument("name")
@no_start_option
@remote_options
@json_option
def rename(style: str, name: str, no_start: bool, as_json: bool) -> None:
    """Call a style of your own NAME. Its ID stays, so that pictures and documents which name it still find it."""
    if not name.strip():
        raise click.BadParameter("a style needs a name.", param_hint="NAME")
    with engine(start=not no_start) as attached:
        chosen = find_style(attached.catalogue(), style)
        title = attached.rename_style(chosen.id, legible(name))
    if as_json:
        emit_json({"style": chosen.id, "title": title})
    else:
        click.echo(f"{chosen.id}: {title}")


@styles.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@no_start_option
@remote_options
def remove(ids: tuple[str, ...], no_start: bool) -> None:
    """Remove styles of your own. Shipped ones stay."""
    with engine(start=not no_start) as attached:
        catalogue = attached.catalogue()
        for style in [find_style(catalogue, name) for name in ids]:
            attached.remove_style(style.id)


def _wait(attached: Engine, style: str) -> Refining:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"), TimeElapsedColumn())
    with Progress(*columns, console=ERR, transient=True) as bar:
        line = bar.add_task(escape(style), total=1.0, text="")

        def show(now: Refining) -> None:
            bar.update(line, completed=now.fraction, text=escape(now.text or now.state))

        return attached.wait_refined(style, show)


def _in_words(now: Refining) -> str:
    about = f"{now.style} {now.state}"
    if now.state == "running" or (now.state == "idle" and now.fraction):
        about += f" {now.fraction:.0%}"
    return ": ".join(filter(None, (about, now.message or now.text)))


def _state_as_json(now: Refining) -> Mapping[str, Any]:
    return {name: value for name, value in asdict(now).items() if value != "" or name == "text"}


def _grade(style: Style, catalogue: Catalogue) -> int | None:
    """0 or 1 of a style that can be refined, or has been; None of any other."""
    if style.refined:
        return 1
    refiners = {method.id for method in catalogue.methods if method.capabilities.get("refine")}
    return 0 if style.own and refiners & set(style.methods) else None


def _artist(style: Style) -> str:
    return ", ".join(str(part) for part in (style.artist, style.year) if part)


def _as_json(style: Style, catalogue: Catalogue) -> dict[str, Any]:
    fields = {name: value for name, value in asdict(style).items() if name != "thumbnail"}
    return fields | {"grade": _grade(style, catalogue)}
