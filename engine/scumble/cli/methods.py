# SPDX-License-Identifier: Apache-2.0
"""`scumble methods`: the methods of the running engine and what each lets one set."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click
from rich.markup import escape

from scumble.cli.connect import engine, json_option, no_start_option, remote_options
from scumble.cli.options import described
from scumble.cli.say import OUT, emit_json
from scumble.client.catalogue import Method, Option


@click.command()
@no_start_option
@remote_options
@json_option
def methods(no_start: bool, as_json: bool) -> None:
    """List the methods and their options."""
    with engine(start=not no_start) as attached:
        catalogue = attached.catalogue()
    if as_json:
        emit_json([_as_json(method) for method in catalogue.methods])
        return
    for method in catalogue.methods:
        _show(method)


def _as_json(method: Method) -> dict[str, Any]:
    return {**asdict(method), "capabilities": dict(method.capabilities)}


def _show(method: Method) -> None:
    can = [name for name, able in method.capabilities.items() if able]
    OUT.print(f"[bold]{escape(method.id)}[/]  {escape(method.title)}")
    OUT.print(f"  {escape(method.purpose)}")
    OUT.print(f"  [dim]{escape(method.paper)}{'; ' + ', '.join(can) if can else ''}[/]")
    for option in method.options:
        OUT.print(
            f"  [cyan]{escape(option.name)}={escape(_default(option))}[/]  {escape(option.help)} ({escape(described(option))})"
        )
    OUT.print()


def _default(option: Option) -> str:
    if option.kind == "bool":
        return "yes" if option.default else "no"
    return f"{option.default:g}" if option.kind == "float" else str(option.default)
