# SPDX-License-Identifier: Apache-2.0
"""`scumble evaluate`: how well the methods paint, as figures and as one page to look at.

Invariant: it needs nothing but what ships; other judges and peers are named by the user or are not there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table as Shown

from scumble.cli.exits import Exit
from scumble.cli.options import parse_assignments, parse_value
from scumble.cli.say import OUT, emit_json, note
from scumble.client.catalogue import Option

if TYPE_CHECKING:
    from scumble.evaluate.contenders import Variant
    from scumble.evaluate.contest import Table

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
EITHER = click.Path(exists=True, path_type=Path)


@click.command()
@click.argument("contents", type=EITHER)
@click.argument("styles", type=EITHER)
@click.option("--methods", metavar="A,B,...", help="Methods to compare; without it, all there are.")
@click.option(
    "-o", "--out", default="out/evaluate", show_default=True, type=click.Path(path_type=Path), help="Results' folder."
)
@click.option("--size", default=256, show_default=True, type=click.IntRange(32, 2048), help="Short side in pixels.")
@click.option("--limit", nargs=2, type=click.IntRange(1), metavar="N M", help="The first N photographs and M paintings only.")
@click.option(
    "--split",
    default="test",
    show_default=True,
    type=click.Choice(["train", "test", "all"]),
    help="Which pictures of a folder that has a manifest.csv.",
)
@click.option("--option", "options", multiple=True, metavar="METHOD.NAME=VALUE", help="An option of a method; repeatable.")
@click.option(
    "--also",
    multiple=True,
    metavar="METHOD:HOW",
    help="A method once more: memory:polish=20 with another option, memory:refined with each painting refined first, "
    "memory:practised with each refined on CONTENTS.",
)
@click.option("--peers", type=FOLDER, help="A folder with a peers.py to compare with.")
@click.option(
    "--teachers",
    metavar="FOLDER",
    help="Judge by the complete VGG-16 and LPIPS too: a folder with its file, or torchvision; or by half or quarter.",
)
@click.option("--judge", type=FILE, help="Judge by SqueezeNet 1.0 too, from this safetensors file.")
@click.option(
    "--strengths",
    default="0.25,0.5,0.75,1",
    show_default=True,
    metavar="S,...",
    help="Of each method's line of style against distance from the photograph.",
)
@click.option("--half", is_flag=True, help="bfloat16 where a network allows it.")
@click.option("--resume", is_flag=True, help="Keep what is in the folder already, if it was made under the same conditions.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
def evaluate(
    contents: Path,
    styles: Path,
    methods: str | None,
    limit: tuple[int, int] | None,
    options: Sequence[str],
    also: Sequence[str],
    strengths: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Paint every photograph of CONTENTS in the manner of every painting of STYLES (folders, or one picture each).

    Writes results.json, index.html with all pictures in it, and the pictures themselves. Style says how far a picture is from
    the painting's manner, LPIPS (with --teachers) or content how far from the photograph; 0 is equal.
    """
    from scumble.evaluate import run

    photographs, paintings = limit or (None, None)
    names = [name.strip() for name in methods.split(",") if name.strip()] if methods else []
    table = run.evaluate(
        run.Plan(
            contents,
            styles,
            methods=names,
            options=options_by_method(options),
            also=[variant(text) for text in also],
            strengths=parse_strengths(strengths),
            photographs=photographs,
            paintings=paintings,
            **given,
        ),
        note,
    )
    if as_json:
        emit_json(table.to_json())
    else:
        show(table)
        note(f"The pictures are in {given['out'] / 'index.html'}.")
    if any(not means["pairs"] for means in table.means().values()):
        click.get_current_context().exit(Exit.SOME_FAILED)


def variant(text: str) -> Variant:
    """METHOD:refined, METHOD:practised or METHOD:NAME=VALUE. Raises click.UsageError and ScumbleError "method-unknown"."""
    from scumble.evaluate.contenders import Variant

    method, colon, how = text.partition(":")
    match how:
        case "refined" | "practised":
            return Variant(method, refined=how)
    if not colon or "=" not in how:
        raise click.UsageError(f"{text!r} is no variant; they look like memory:refined, memory:practised and memory:polish=20.")
    return Variant(method, options_by_method([f"{method}.{how}"])[method])


def parse_strengths(text: str) -> list[float]:
    """Numbers in (0, 1], rising. Raises click.UsageError."""
    try:
        strengths = sorted({float(part) for part in text.split(",") if part.strip()})
    except ValueError:
        strengths = [0.0]
    if not all(0 < strength <= 1 for strength in strengths):
        raise click.UsageError(f"--strengths takes numbers above 0 and up to 1, separated by commas, not {text!r}.")
    return strengths


def options_by_method(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Typed values by method of each METHOD.NAME=VALUE. Raises click.UsageError and ScumbleError "method-unknown"."""
    from scumble.methods import registry
    from scumble.painting import pipeline

    by_method: dict[str, dict[str, Any]] = {}
    for name, value in parse_assignments(texts).items():
        method, dot, option = name.partition(".")
        if not dot:
            raise click.UsageError(f"{name}={value}: say whose option it is, like gatys.{name}={value}.")
        method = method.replace("_", "-")
        known = {spec.name: Option(**dataclasses.asdict(spec)) for spec in pipeline.all_options(registry.method(method))}
        if option not in known:
            raise click.UsageError(f"The method {method} has no option {option!r}; it has: {', '.join(known)}.")
        by_method.setdefault(method, {})[option] = parse_value(known[option], value)
    return by_method


def show(table: Table) -> None:
    """The means, a table a judge."""
    from scumble.evaluate.page import APART, marked

    means = table.means()
    for judge in table.conditions["judges"]:
        shown = Shown(title=f"judged by {judge}", title_justify="left")
        for number, head in enumerate(("method", "style", "LPIPS", "content", "seconds", "pairs", "content + 3 style")):
            shown.add_column(head, justify="right" if number else "left")
        for name, m in means.items():
            losses = m["judged"].get(judge)
            left = "-" if m["lpips"] is None else f"{m['lpips']:.3f}"
            style, content, total = (f"{losses[k]:.3f}" if losses else "-" for k in ("style", "content", "total"))
            seconds = f"{m['seconds']:.3f}" if losses else "-"
            shown.add_row(marked(name, m), style, left, content, seconds, str(m["pairs"]), total)
        OUT.print(shown)
    if not all(m["shared"] for m in means.values()):
        note(APART)
