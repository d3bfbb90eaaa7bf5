# SPDX-License-Identifier: Apache-2.0
"""Loads methods, built-in and installed, through one pluggy hook.

The built-in methods are plug-ins like any other. A plug-in that fails to load is left out with a warning; the rest stay.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import logging
import os
import re
import types
from functools import cache
from typing import Any

import pluggy

from scumble.api import hookspecs
from scumble.api.errors import ScumbleError
from scumble.api.method import Method, Refiner, describe

log = logging.getLogger(__name__)

BUILT_IN = (
    "scumble.methods.style_memory.method",
    "scumble.methods.johnson.method",
    "scumble.methods.gatys.method",
    "scumble.methods.adain.method",
    "scumble.methods.ghiasi.method",
    "scumble.methods.stylebank.method",
)


failures: dict[str, str] = {}
"""Plug-ins that `methods` had to leave out, and why."""


def plugin_manager() -> pluggy.PluginManager:
    """Every plug-in there is: built in, of the entry point group `scumble`, and named in SCUMBLE_PLUGINS.

    SCUMBLE_PLUGINS is a comma-separated list of modules, for work on a method that is not installed; a leading "-" leaves
    the built-in methods out ("-,my_method"), which makes an engine that needs no torch.
    """
    manager = pluggy.PluginManager("scumble")
    manager.add_hookspecs(hookspecs)
    bare = "-" in _extra()
    for module in (*(() if bare else BUILT_IN), *named_plugins()):
        _register(manager, module)
    for entry in () if bare else importlib.metadata.entry_points(group="scumble"):
        try:
            manager.register(entry.load(), name=entry.name)
        except Exception as e:
            _leave_out(entry.name, "does not load", e)
    return manager


def named_plugins() -> list[str]:
    """The modules that SCUMBLE_PLUGINS names."""
    return [name for name in _extra() if name != "-"]


def _extra() -> list[str]:
    return [name.strip() for name in os.environ.get("SCUMBLE_PLUGINS", "").split(",") if name.strip()]


def _register(manager: pluggy.PluginManager, module: str) -> None:
    try:
        manager.register(importlib.import_module(module), name=module)
    except Exception as e:
        _leave_out(module, "does not load", e)


def _leave_out(name: str, what: str, error: Exception) -> None:
    failures[name] = f"{name} {what} ({type(error).__name__}: {error})"
    log.warning("plug-in %s %s", name, what, exc_info=error)


@cache
def methods() -> dict[str, Method]:
    """All methods by id, built-in ones first."""
    registered: dict[str, Method] = {}

    def register(given: Method) -> None:
        method = complete(given)
        if method.id in registered:
            raise ValueError(f"a method called {method.id!r} is already registered")
        if not re.fullmatch(r"[a-z0-9-]{1,64}", method.id):
            raise ValueError(f"{method.id!r} is no id: small letters, digits and dashes, 64 at most")
        if method.capabilities.refine != (method.refiner is not None):
            raise ValueError(f"{method.id!r} must have a refiner if its capabilities say that it refines, and only then")
        json.dumps(describe(method))  # one the catalogue cannot show must not keep it from showing the others
        registered[method.id] = method

    manager = plugin_manager()
    for name, plugin in manager.list_name_plugin():  # in order of registration, which get_plugins, a set, does not keep
        hook = getattr(plugin, "register_methods", None)
        if hook is None:
            continue
        before = dict(registered)
        try:
            hook(register=register)
        except Exception as e:
            registered.clear()
            registered.update(before)
            _leave_out(name, "does not register", e)
    return registered


def complete(method: Any) -> Method:
    """A method that is no subclass of `Method`, as packages were written once, gets from it what it lacks; its own `refine` is
    then its refiner's."""
    if not isinstance(method, Method):
        kind = type(method)
        refines = (Refiner,) if hasattr(kind, "refine") else ()
        method.__class__ = types.new_class(kind.__name__, (kind, *refines, Method))
        if refines:
            method.refiner = method
    whole: Method = method
    return whole


def method(method_id: str) -> Method:
    """The method with that id. Raises ScumbleError "method-unknown"."""
    try:
        return methods()[method_id]
    except KeyError:
        known = ", ".join(methods())
        raise ScumbleError("method-unknown", f"There is no method called {method_id!r}.", f"Methods are: {known}.") from None
