# SPDX-License-Identifier: Apache-2.0
"""An engine that imports this has a bug in its styles for as long as a file called `broken` lies in the user's data, and
stores none while one called `slow` does."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

from scumble.library.places import data_dir
from scumble.library.styles import StyleStore


def _breakable(does: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(does)
    def does_or_breaks(*arguments: Any, **options: Any) -> Any:
        if (data_dir() / "broken").exists():
            raise ZeroDivisionError(f"a bug in {does.__name__}")
        while does.__name__ == "put" and (data_dir() / "slow").exists():
            time.sleep(0.01)
        return does(*arguments, **options)

    return does_or_breaks


for name in ("list", "put", "remove", "_ledger"):
    setattr(StyleStore, name, _breakable(getattr(StyleStore, name)))
