# SPDX-License-Identifier: Apache-2.0
"""The Krita plug-in's parts that need nothing: settings, history, sampling, softening, and what may import what."""

from __future__ import annotations

import ast
import json
import re
import struct
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosts.krita_doubles import PACKAGE, module

pytestmark = pytest.mark.usefixtures("krita_plugin")


def test_a_foreign_history_is_read_as_far_as_it_is_one() -> None:
    history = module("history")
    entry = history.Entry(
        "Title", "layer", module("scumble_client.desk.settings").Settings(style="night@1"), 1.0, b"png", "cpu", 5.0
    )
    given = json.loads(history.dump([entry]))
    given["entries"] += [None, {"title": 1}, {**given["entries"][0], "picture": "?"}, {**given["entries"][0], "when": "x"}]
    assert history.load(json.dumps(given)) == [entry]
    assert history.load("[") == history.load("[]") == history.load('{"entries": 3}') == []


KEYS = ["style", "others", "share", "where", "second", "mix", "strength", "options", "method"]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=8,
)


@given(json_values)
@settings(max_examples=60, deadline=None)
def test_any_json_gives_settings_that_can_be_used(value: Any) -> None:
    made = module("scumble_client.desk.settings").from_dict(value)
    assert all(0 <= other.share <= 1 for other in made.others)
    assert 0 <= made.strength <= 1
    assert isinstance(made.style, str)
    assert module("scumble_client.desk.settings").from_json(made.to_json()) == made


def test_a_blend_of_before_there_were_places_is_still_read() -> None:
    made = module("scumble_client.desk.settings").from_dict({"style": "night", "second": "wave@2", "mix": 0.25})
    assert made.weights() == (("night", 0.75), ("wave@2", 0.25))


def test_a_share_is_half_everywhere_and_all_in_a_place_until_it_is_chosen() -> None:
    other = module("scumble_client.desk.settings").Other("night")
    assert (other.share, other.moved("{1}", "Sky").share, other.moved("{1}", "Sky").moved("", "").share) == (0.5, 1.0, 0.5)
    assert module("scumble_client.desk.settings").Other("night", 0.7).moved("{1}", "Sky").share == 0.7


@pytest.mark.parametrize(("width", "height", "size"), [(10, 7, 4), (64, 48, 4), (9, 300, 8), (300, 9, 16), (33, 33, 5)])
def test_a_sampled_picture_is_every_nth_pixel(width: int, height: int, size: int) -> None:
    def row(y: int) -> bytes:
        return b"".join(bytes([x % 251, y % 251] * size)[:size] for x in range(width))

    data, columns, rows = module("sampling").sampled(row, width, height, 16)
    assert len(data) == columns * rows * size
    assert max(columns, rows) <= 32
    step = max(1, max(width, height) // 16)
    x, y = min(step // 2, width - 1, height - 1) + step * (columns - 1), min(step // 2, width - 1, height - 1)
    assert data[(columns - 1) * size : columns * size] == (
        bytes([x % 251, y % 251] * size)[:size] if step > 1 else row(0)[-size:]
    )


@pytest.mark.parametrize(
    ("format", "code", "full"), [("u8", "B", 255), ("u16", "H", 65535), ("f16", "e", 1.0), ("f32", "f", 1.0)]
)
def test_softening_multiplies_alpha_alone(format: str, code: str, full: float) -> None:
    half = full / 2 if isinstance(full, float) else full // 2
    row = struct.pack(f"<8{code}", half, 0, full, full, full, half, 0, half)
    soft = struct.unpack(f"<8{code}", module("soften").soften(row, bytes([255, 51]), format))
    assert soft[:4] == struct.unpack(f"<8{code}", row)[:4]
    assert soft[4:7] == struct.unpack(f"<8{code}", row)[4:7]
    assert soft[7] == pytest.approx(half / 5, rel=0.02)
    assert struct.unpack(f"<8{code}", module("soften").soften(row, bytes(2), format))[3::4] == (0, 0)


def test_the_plugin_parses_as_python_3_9() -> None:
    for path in sorted((Path(__file__).parents[2] / "plugin_krita").rglob("*.py")):
        ast.parse(path.read_text(encoding="utf-8"), filename=path.name, feature_version=(3, 9))


def test_only_the_host_adapter_and_the_entries_know_krita() -> None:
    folder = Path(__file__).parents[2] / "plugin_krita" / "scumble"
    knows = {path.name for path in folder.glob("*.py") if "from krita import" in path.read_text(encoding="utf-8")}
    adapter = {
        "krita_host.py",
        "krita_colours.py",
        "krita_layers.py",
        "krita_frames.py",
        "krita_places.py",
        "krita_hand.py",
        "krita_results.py",
        "krita_live.py",
        "krita_watch.py",
        "krita_documents.py",
        "krita_growing.py",
    }
    assert knows == {"__init__.py", "docker.py", "extension.py", *adapter}
    model = {
        "live",
        "quick",
        "orders",
        "troubles",
        "studio",
        "paint_queue",
        "painting",
        "previewing",
        "records",
        "history",
        "standing",
        "stylebook",
        "ports",
    }
    assert not [name for name in model if "qt import" in (folder / f"{name}.py").read_text(encoding="utf-8")]


@pytest.mark.parametrize("there", ["PyQt5", "PyQt6"])
def test_qt_is_whichever_the_host_brings(there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand-ins: this process has no Qt, and Krita 6 is not at hand."""
    parts = ("QtCore", "QtGui", "QtWidgets")
    for name in ("PyQt5", "PyQt6"):
        package = types.ModuleType(name)
        package.__dict__.update({part: f"{name}.{part}" for part in parts})
        monkeypatch.setitem(sys.modules, name, package if name == there else None)
    monkeypatch.delitem(sys.modules, f"{PACKAGE}.qt", raising=False)
    qt = module("qt")
    del sys.modules[f"{PACKAGE}.qt"]
    assert [getattr(qt, part) for part in parts] == [f"{there}.{part}" for part in parts]


def test_qts_enums_are_written_in_full_as_pyqt6_wants_them() -> None:
    """`QtCore.Qt.AlignCenter` is PyQt5's alone, `QtCore.Qt.AlignmentFlag.AlignCenter` both understand."""
    short = []
    for path in sorted((Path(__file__).parents[2] / "plugin_krita" / "scumble").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        chains = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute) and id(node) not in inner]
        short += [f"{path.name}: {chain}" for chain in chains if re.fullmatch(r"Qt(Core|Gui|Widgets)\.\w+\.[A-Z]\w*", chain)]
    assert not short


def test_only_the_shim_names_a_pyqt() -> None:
    folder = Path(__file__).parents[2] / "plugin_krita" / "scumble"
    names = [path.name for path in folder.glob("*.py") if re.search(r"(from|import) PyQt", path.read_text(encoding="utf-8"))]
    assert names == ["qt.py"]
