# SPDX-License-Identifier: Apache-2.0
"""`scumble train METHOD`: the recipes of the methods and of training/ as commands.

Invariant: a recipe's flags are its dataclass's fields, no more and no fewer; a new field needs no change here.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import types
import typing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from scumble.api.errors import ScumbleError
from scumble.library.identity import refuse_inside, refuse_replacing
from scumble.library.places import state_path
from scumble.library.styles import ID

RECIPES = {
    "johnson": "methods.johnson.train",
    "perceptual": "training.perceptual",
    "gatys": "methods.gatys.train_style",
    "adain": "methods.adain.train",
    "adain-style": "methods.adain.train_style",
    "ghiasi": "methods.ghiasi.train",
    "ghiasi-style": "methods.ghiasi.train_style",
    "memory": "methods.style_memory.train",
    "memory-row": "methods.style_memory.train_row",
    "stylebank": "methods.stylebank.train",
}
"""The module in scumble with the `Recipe` and `train(recipe, out)` of each command."""


class RecipeGroup(click.Group):
    """One command for each recipe, made from its fields only when it is used, because importing a recipe imports torch."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(RECIPES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in RECIPES:
            return None
        return recipe_command(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Methods"):
            formatter.write_text(", ".join(self.list_commands(ctx)))


@click.group(cls=RecipeGroup, subcommand_metavar="METHOD [OPTIONS]")
def train() -> None:
    """Train the networks that ship, or one for a painting of your own.

    A run that was broken off resumes from its last checkpoint when it is started again. On several GPUs:
    torchrun --standalone --nproc-per-node N -m -- scumble train METHOD ...
    """


def recipe_command(name: str) -> click.Command:
    """The command for a recipe of RECIPES."""
    module = importlib.import_module(_module(name))
    recipe: Any = module.Recipe
    hints = typing.get_type_hints(recipe)

    def run(out: str, **given: Any) -> None:
        made = recipe(**given)
        _refuse_replacing(name, made, Path(out))
        from scumble.training import distributed as parallel  # here, for it imports torch

        with parallel.processes() as number, TemporaryDirectory() as nowhere:
            folder, report = (nowhere, _discard) if number else (out, click.echo)
            report(module.train(made, Path(folder), report=report))

    flags: list[click.Parameter] = [_flag(field, hints[field.name]) for field in dataclasses.fields(recipe)]
    where = click.Option(["--out"], required=True, metavar="FOLDER", help="Where the weight file and its card go.")
    return click.Command(name, callback=run, params=[*flags, where], help=f"{module.__doc__}\n\n{recipe.__doc__}")


def _refuse_replacing(name: str, recipe: Any, out: Path) -> None:
    """Refuse results among the pictures that are read, or in place of a file that is. Raises ScumbleError "bad-options"."""
    hint = "Name another --out."
    given = {field.name: getattr(recipe, field.name) for field in dataclasses.fields(recipe)}
    read = {value: f"which --{flag.replace('_', '-')} names" for flag, value in given.items() if isinstance(value, Path)}
    start = given.get("start")
    if start is not None and Path(out).resolve() in start.resolve().parents[:2]:
        raise ScumbleError(
            "bad-options",
            "A training cannot write to the folder of the weight file it starts from: broken off, it could not resume.",
            hint,
        )
    for folder, role in (("photographs", "the photographs"), ("paintings", "the paintings")):
        place = given.get(folder)
        if place is not None and not (place / "manifest.csv").is_file():  # a manifest names the pictures that are read
            refuse_inside(out, place, role, hint)
            if runs := os.environ.get("SCUMBLE_TRAIN_DIR"):
                refuse_inside(Path(runs), place, role, "SCUMBLE_TRAIN_DIR is where samples go; set it to another folder.")
    style = given.get("style_id")
    if not style:
        return
    if style == "shared" or not ID.fullmatch(style):
        raise ScumbleError(
            "bad-options",
            f"A style cannot have the id {style!r}.",
            'Ids have small letters, digits and dashes, 64 at most; "shared" is what the networks of all styles are called.',
        )
    weights = state_path(out, name.partition("-")[0], style)
    refuse_replacing([weights, weights.with_suffix(".json")], read, hint)


def _discard(line: object) -> None:
    """The report of every process but the first."""


def _module(name: str) -> str:
    return f"scumble.{RECIPES[name]}"


def _flag(field: dataclasses.Field[Any], hint: Any) -> click.Option:
    """The option for a field: `style_id` is --style, as in the commands on cards; a tuple takes several values."""
    required = field.default is dataclasses.MISSING
    name = field.name.removesuffix("_id").replace("_", "-")
    kind, count = _kind(hint)
    default = None if required else field.default
    return click.Option(
        [f"--{name}", field.name],
        type=kind,
        nargs=count,
        required=required,
        default=default,
        show_default=default not in (None, ""),
        metavar=field.name.upper() if kind is str else None,
    )


def _kind(hint: Any) -> tuple[Any, int]:
    """click's type for an annotation, and how many values the flag takes."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(part for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is tuple:
        parts = typing.get_args(hint)
        return parts[0], len(parts)
    if typing.get_origin(hint) is typing.Literal:
        return click.Choice(typing.get_args(hint)), 1
    return (click.Path(path_type=Path) if hint is Path else hint), 1
