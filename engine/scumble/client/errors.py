# SPDX-License-Identifier: Apache-2.0
"""The one error the client raises: a code of docs/protocol.md section 8, a sentence, the next thing to do."""

from __future__ import annotations


class EngineError(Exception):
    """`code` is stable ("engine-lost"); `message` is one sentence for a painter; `hint` says what to do.

    `retry_after`: seconds after which the same request may be granted, None where it never will.
    """

    def __init__(self, code: str, message: str, hint: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.retry_after = code, message, hint, retry_after

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class Silent(EngineError):
    """The connection stands and nothing comes through it: the engine may have been stopped for a while."""


def silent(message: str) -> Silent:
    """The engine says nothing; another attempt may succeed."""
    return Silent("engine-lost", message, "It is tried again; if this stays, run `scumble doctor`.")


def lost(message: str) -> EngineError:
    """The connection broke; another attempt may succeed."""
    return EngineError("engine-lost", message, "It is tried again; if this stays, run `scumble doctor`.")


def malformed(what: str) -> EngineError:
    """The other side does not keep to the protocol."""
    return EngineError(
        "bad-message",
        f"What answers at the engine's address does not speak as the engine does: {what}.",
        "Bring engine and plug-in to the same version; if they are, run `scumble doctor`.",
    )


def too_old(what: str) -> EngineError:
    """The engine is of an earlier version, which cannot do `what`."""
    return EngineError(
        "bad-message",
        f"The engine that runs is of an earlier version, which cannot {what}.",
        "Install the newest Scumble, then `scumble stop`, and try again.",
    )
