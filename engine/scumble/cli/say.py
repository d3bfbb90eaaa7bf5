# SPDX-License-Identifier: Apache-2.0
"""How the command line speaks: results on stdout, everything about them on stderr.

Invariant: telling never fails the work. What the terminal's encoding lacks is escaped, and a stderr that is closed, or on a
full disk, costs its lines and nothing else. A result that cannot be written is an error once the work is done.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import sys
import unicodedata
from collections.abc import Iterator
from typing import Any, TextIO

import click
from rich.console import Console
from rich.markup import escape

from scumble.server.streams import SafeStream

ERR = Console(stderr=True, soft_wrap=True, highlight=False)
OUT = Console(soft_wrap=True, highlight=False)


def problem(message: str, hint: str = "") -> None:
    """Print what is wrong, and the next thing to do."""
    ERR.print(f"[bold red]scumble:[/] {escape(printable(message))}")
    if hint:
        ERR.print(f"  [dim]{escape(printable(hint))}[/]")


def note(line: str) -> None:
    """Something worth knowing that is no error."""
    ERR.print(escape(printable(line)), style="dim")


def bug(e: Exception) -> tuple[str, str]:
    """Message and hint for an exception that nobody foresaw."""
    return f"Scumble has a bug: {type(e).__name__}: {e}", "`scumble --debug ...` shows where; please report it with that."


def emit_json(value: Any) -> None:
    """A result for scripts: one JSON document on stdout. Raises OSError where stdout is closed.

    Names that are not UTF-8 stand in it as lone surrogates (\\udce9 for the byte 0xE9), as Python's os.fsencode takes them.
    """
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    click.echo(text)


def printable(text: object) -> str:
    """Text for a terminal: bytes of a name that are not UTF-8, and control characters, as \\xe9."""
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cs") else _escaped(c) for c in str(text))


def counted(number: int, noun: str) -> str:
    """ "1 file", "2 files"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _escaped(c: str) -> str:
    code = ord(c) - 0xDC00 if "\udc80" <= c <= "\udcff" else ord(c)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


@contextlib.contextmanager
def safe_output() -> Iterator[None]:
    """The streams of a command: stdout escapes what its encoding lacks, stderr never raises.

    Descriptors 0 to 2 that are closed are opened on the null device: else the next file that is opened takes their number, and
    a library's warning lands in a picture.
    """
    _fill_descriptors()
    if isinstance(sys.stdout, io.TextIOWrapper):
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.reconfigure(errors="backslashreplace")
    stderr = sys.stderr
    with contextlib.redirect_stderr(SafeStream(stderr)):
        try:
            yield
        finally:
            _lose_unwritten(stderr)


def _lose_unwritten(stream: TextIO | None) -> None:
    """Empty a stream's buffer, into the null device where it cannot be written: else Python ends with code 120."""
    with contextlib.suppress(OSError, ValueError):
        if stream is None:
            return
        try:
            stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
            stream.flush()


def _fill_descriptors() -> None:
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
