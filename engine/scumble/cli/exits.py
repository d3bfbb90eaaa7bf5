# SPDX-License-Identifier: Apache-2.0
"""The exit codes of `scumble`, and which error code leads to which. docs/cli.md shows the same table; a test compares."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What a script can tell from `$?`. 74 and 75 are sysexits.h's EX_IOERR and EX_TEMPFAIL; from 129 on it is 128
    and the signal's number."""

    OK = 0, "everything asked for was done"
    SOME_FAILED = 1, "several things were asked for and some of them failed; the others were done"
    USAGE = 2, "the request names something that does not exist or a value that is not allowed"
    BAD_INPUT = 3, "a picture cannot be read"
    ENGINE = 4, "no engine could be reached, trusted or started"
    JOB = 5, "the engine took the job and could not do it"
    BUG = 70, "an error in Scumble itself; `scumble --debug ...` shows where"
    NO_WRITE = 74, "the output cannot be written: disk full, no permission, output closed"
    LOCKED = 75, "another engine already runs in this runtime directory (reported by `serve`)"
    HUNG_UP = 129, "cancelled by SIGHUP: its terminal was closed"
    CANCELLED = 130, "cancelled with Ctrl-C"
    TERMINATED = 143, "cancelled by SIGTERM"

    meaning: str

    def __new__(cls, value: int, meaning: str) -> Exit:
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


_BY_CODE = {
    Exit.USAGE: (
        "method-unknown style-unknown style-unavailable style-shipped style-needs-picture not-refinable "
        "bad-options bad-strength bad-weights"
    ),
    Exit.BAD_INPUT: "bad-picture bad-raster",
    Exit.ENGINE: (
        "engine-lost engine-missing engine-untrusted engine-refused engine-broken hello-first protocol-version bad-message "
        "too-large busy"
    ),
    Exit.JOB: "no-memory job-unknown bad-strip weights-corrupt weights-missing worker-died worker-hung internal",
    Exit.NO_WRITE: "disk-full no-write",
    Exit.CANCELLED: "cancelled",
}

EXITS: dict[str, Exit] = {code: exit for exit, codes in _BY_CODE.items() for code in codes.split()}
"""Exit by the error codes of docs/protocol.md, section 8."""


def exit_for(code: str) -> Exit:
    """The exit code for an error code; one that a newer engine invented counts as a failed job."""
    return EXITS.get(code, Exit.JOB)


def exit_of(interrupt: BaseException | None) -> Exit:
    """The exit code for what ended a command from outside: Ctrl-C, or a signal (signals.Ended)."""
    return {1: Exit.HUNG_UP, 15: Exit.TERMINATED}.get(getattr(interrupt, "number", 2), Exit.CANCELLED)
