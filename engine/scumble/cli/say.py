# SPDX-License-Identifier: Apache-2.0
"""How the command line speaks: results on stdout, everything about them on stderr."""

from __future__ import annotations

import json
from typing import Any

import click
from rich.console import Console
from rich.markup import escape

ERR = Console(stderr=True, soft_wrap=True, highlight=False)
OUT = Console(soft_wrap=True, highlight=False)


def problem(message: str, hint: str = "") -> None:
    """What is wrong, and the next thing to do."""
    ERR.print(f"[bold red]scumble:[/] {escape(message)}")
    if hint:
        ERR.print(f"  [dim]{escape(hint)}[/]")


def note(line: str) -> None:
    """Something worth knowing that is no error."""
    ERR.print(escape(line), style="dim")


def emit_json(value: Any) -> None:
    """A result for scripts: one JSON document on stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))
