# SPDX-License-Identifier: Apache-2.0
"""Methods of other people's making: the good ones are there, whatever the others do."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scumble.api.method import Cost, Method
from scumble.methods import registry

GOOD = """
from dataclasses import dataclass
from scumble import Capabilities, hookimpl, option

@dataclass(frozen=True)
class NoOptions:
    pass

class Good:
    id, title, paper, purpose = "ID", "Good", "", ""
    Options, capabilities = NoOptions, Capabilities()

@hookimpl
def register_methods(register):
    register(Good())
"""


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    registry.methods.cache_clear()
    yield
    registry.methods.cache_clear()


@pytest.mark.parametrize(
    "source",
    [
        "import no_such_module",
        GOOD.replace('"ID"', '"good"'),
        GOOD.replace('"ID"', '"Not An Id"'),
        GOOD.replace('"ID"', '"bad"').replace("pass", "size: int = 3"),
        GOOD.replace('"ID"', '"bad"').replace("pass", 'size: bytes = option(b"", "No kind for this.")'),
        GOOD.replace('"ID"', '"bad"').replace("pass", 'text: str = option({1}, "Not to be shown.")'),
        GOOD.replace('"ID"', '"bad"').replace(", capabilities = NoOptions, Capabilities()", " = NoOptions"),
        GOOD.replace('"ID"', '"bad"').replace("Capabilities()", "Capabilities(refine=True)"),
    ],
    ids=["import", "taken", "id", "undescribed", "kind", "default", "capabilities", "refine"],
)
def test_a_method_that_cannot_be_shown_is_left_out_and_the_others_stay(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    source: str,
    request: pytest.FixtureRequest,
) -> None:
    """The worker describes all methods before its first job: one it could not describe used to cost every other."""
    bad = f"bad_{request.node.callspec.id}"
    (tmp_path / "a_good_one.py").write_text(GOOD.replace('"ID"', '"good"'))
    (tmp_path / f"{bad}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "a_good_one", raising=False)
    monkeypatch.setenv("SCUMBLE_PLUGINS", f"-,a_good_one,{bad}")
    with caplog.at_level(logging.WARNING):
        assert list(registry.methods()) == ["good"]
    assert bad in caplog.text


def test_methods_come_in_the_order_of_their_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who names no method gets the first that can paint the style; it must be the same one every day."""
    ids = [f"ordered-{n}" for n in range(12)]
    for number, method in enumerate(ids):
        (tmp_path / f"ordered_{number}.py").write_text(GOOD.replace('"ID"', repr(method)))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SCUMBLE_PLUGINS", ",".join(["-", *(f"ordered_{n}" for n in range(12))]))
    assert list(registry.methods()) == ids


def test_a_method_that_is_no_subclass_gets_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packages wrote methods as plain classes once, a refining one with its own `refine`."""
    refining = GOOD.replace('"ID"', '"good"').replace("Capabilities()", "Capabilities(refine=True)")
    refining = refining.replace("\n@hookimpl", "\n    def refine(self, *given):\n        return iter(())\n\n@hookimpl")
    for name in ("available", "prepare", "run"):
        refining = refining.replace("\n@hookimpl", f"\n    def {name}(self, *given):\n        return {name!r}\n\n@hookimpl")
    (tmp_path / "plain.py").write_text(refining, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SCUMBLE_PLUGINS", "-,plain")
    method = registry.methods()["good"]
    assert isinstance(method, Method)
    assert (method.cost, method.half_for_8_bits("cpu"), method.forget()) == (Cost(), False, None)
    assert method.prepare(None, None, None) == "prepare"
    assert method.refiner is not None
    assert not method.refiner.outdated(None)
    assert list(method.refiner.refine(None, [], None)) == []
