# SPDX-License-Identifier: Apache-2.0
"""`scumble plugin`: puts the plug-ins into the host programs, takes them out, and says what is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.markup import escape

from scumble.cli.connect import json_option
from scumble.cli.say import OUT, emit_json, note, printable
from scumble.install import core, hosts
from scumble.install.hosts import Host

F = TypeVar("F", bound=Callable[..., Any])


def host_argument(command: F) -> F:
    """HOST, and --dir for a folder that is not where it usually is."""
    command = click.option(
        "--dir", "folder", type=click.Path(path_type=Path), metavar="FOLDER", help="The program's plug-ins folder."
    )(command)
    return click.argument("host", metavar="HOST", type=click.Choice(list(hosts.HOSTS)))(command)


@click.group()
def plugin() -> None:
    """Install the plug-ins into GIMP and Krita."""


@plugin.command()
@host_argument
def install(host: str, folder: Path | None) -> None:
    """Put the plug-in into every version of HOST found, in place of an older one."""
    chosen = hosts.HOSTS[host]
    places = _places(chosen, folder)
    for place in places:
        chosen.install(place, core.engine_command())
        OUT.print(escape(printable(f"Installed for {place.host}: {place.folder}")))
    note(chosen.next_step)
    if any(place.sandboxed for place in places):
        note(f"A sandboxed program cannot start the engine; docs/{host}.md says what to do.")


@plugin.command()
@host_argument
def uninstall(host: str, folder: Path | None) -> None:
    """Take the plug-in out of every version of HOST. Having none is no error."""
    chosen = hosts.HOSTS[host]
    removed = [place for place in _places(chosen, folder) if chosen.uninstall(place)]
    for place in removed:
        OUT.print(escape(printable(f"Removed from {place.host}: {place.folder}")))
    if not removed:
        OUT.print(f"The plug-in is not installed in {chosen.title}.")


@plugin.command()
@host_argument
@json_option
def status(host: str, folder: Path | None, as_json: bool) -> None:
    """Say where the plug-in is installed and whether it is up to date."""
    chosen = hosts.HOSTS[host]
    standings = [chosen.standing(place) for place in _places(chosen, folder)]
    if as_json:
        emit_json([_as_json(s) for s in standings])
        return
    for s in standings:
        OUT.print(escape(f"{s.place.host}: {_in_words(s)}"))
        OUT.print(f"[dim]{escape(printable(s.place.folder))}[/]")


def _places(host: Host, folder: Path | None) -> list[core.Place]:
    places = [host.place(folder.absolute())] if folder else host.places()
    if not places:
        raise click.UsageError(
            f"No {host.title} was found. Start it once, so that it makes its folder, or name its plug-ins folder with --dir."
        )
    return places


def _in_words(s: core.Standing) -> str:
    if not s.installed:
        return "not installed"
    if not s.current:
        return "installed, another version; run `scumble plugin install` again"
    if not s.works:
        return f"installed, but what starts its engine is gone: {' '.join(s.command) or 'nothing is recorded'}"
    return "installed and up to date"


def _as_json(s: core.Standing) -> dict[str, Any]:
    return {
        "host": s.place.host,
        "folder": str(s.place.folder),
        "installed": s.installed,
        "current": s.current,
        "works": s.works,
        "command": list(s.command),
    }
