# SPDX-License-Identifier: Apache-2.0
"""Keeps frames steady as slowly as frames of many megapixels are: SCUMBLE_PLUGINS="-,scumble_swarming,scumble_dawdling"."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from scumble.api.hookspecs import hookimpl
from scumble.video import steady

STEP = 0.7
"""Seconds that each of the six longest steps takes."""


def _slow(function: Callable[..., Any]) -> Callable[..., Any]:
    def dawdle(*given: Any) -> Any:
        time.sleep(STEP)
        return function(*given)

    return dawdle


@hookimpl
def register_methods(register: Callable[..., None]) -> None:
    steady._change, steady._share = _slow(steady._change), _slow(steady._share)
