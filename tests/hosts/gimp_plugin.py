# SPDX-License-Identifier: Apache-2.0
"""The modules of the GIMP plug-in that know nothing of GIMP, as installed, and a small catalogue for them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import pytest

from scumble.install import core, gimp

MODULES = ("settings", "engine", "preview", "trying")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The modules of an installed plug-in that know nothing of GIMP, by name."""
    folder = tmp_path_factory.mktemp("gimp")
    core.install(gimp.source(), gimp.given(folder), ["engine"])
    before = dict(sys.modules)
    sys.path.insert(0, str(folder / gimp.PLUGIN))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        sys.path.remove(str(folder / gimp.PLUGIN))
        for name in set(sys.modules) - set(before):
            del sys.modules[name]


@pytest.fixture
def catalogue(plugin: SimpleNamespace) -> object:
    from_client: ModuleType = sys.modules["scumble_client.catalogue"]
    methods = [from_client.Method(id, id.title(), "", f"for {id}", {"iterative": False}, ()) for id in ("johnson", "gatys")]
    styles = [
        from_client.Style("waves", 1, "Waves", None, None, None, False, ("johnson", "gatys"), None),
        from_client.Style("untrained", 1, "Untrained", None, None, None, False, (), None),
        from_client.Style("harbour", 2, "Harbour", None, None, None, True, ("gatys",), None),
        from_client.Style("barn", 1, "Red barn", None, None, None, True, (), None),
    ]
    return from_client.Catalogue(tuple(methods), tuple(styles), 1)
