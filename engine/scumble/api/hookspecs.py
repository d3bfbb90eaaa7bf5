# SPDX-License-Identifier: Apache-2.0
"""The whole extension surface: what a package in the entry point group `scumble` may implement."""

from __future__ import annotations

from collections.abc import Callable

import pluggy

from scumble.api.method import Method

hookspec = pluggy.HookspecMarker("scumble")
hookimpl = pluggy.HookimplMarker("scumble")


@hookspec
def register_methods(register: Callable[[Method], None]) -> None:
    """Call `register(method)` once for each method the package adds. A duplicate id is refused and changes nothing."""
