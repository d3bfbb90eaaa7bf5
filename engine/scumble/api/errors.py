# SPDX-License-Identifier: Apache-2.0
"""The one error the engine and the command line show: a code, a sentence a painter understands, the next thing to do."""

from __future__ import annotations


class ScumbleError(Exception):
    """`code` is stable and listed in docs/protocol.md ("bad-picture"); `message` is one sentence; `hint` says what to do."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()
