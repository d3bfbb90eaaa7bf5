# SPDX-License-Identifier: Apache-2.0
"""The host programs there are plug-ins for. Another one is a line in HOSTS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scumble.install import core, gimp, krita
from scumble.install.core import Place, Standing


@dataclass(frozen=True)
class Host:
    """A host program, as `scumble plugin` sees it. All functions raise ScumbleError "no-write" and "disk-full"."""

    title: str
    places: Callable[[], list[Place]]
    """The plug-in's place in every version found."""
    place: Callable[[Path], Place]
    """The plug-in's place within a plug-ins folder that the user names."""
    install: Callable[[Place, Sequence[str]], None]
    """Install at a place; the second argument is the command that starts the engine."""
    uninstall: Callable[[Place], bool]
    """Remove it; whether there was one."""
    standing: Callable[[Place], Standing]
    files: Callable[[], list[tuple[str, bytes, bool]]]
    """What a release archive holds: (path, content, executable)."""
    next_step: str


HOSTS = {
    "gimp": Host(gimp.TITLE, gimp.places, gimp.given, gimp.install, core.uninstall, gimp.standing, gimp.files, gimp.NEXT),
    "krita": Host(
        krita.TITLE, krita.places, krita.given, krita.install, krita.uninstall, krita.standing, krita.files, krita.NEXT
    ),
}
