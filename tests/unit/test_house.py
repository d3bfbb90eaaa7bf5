# SPDX-License-Identifier: Apache-2.0
"""The rules of the house (docs: CONTRIBUTING.md): who may import whom, licences, sizes, and what must never be committed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "engine"
LINES = 400
"""A file that passes 350 is asking to be two things; here the asking ends."""
BYTES = 6 << 20
"""The largest file of the repository: a clone must stay quick."""

CORE = {p.stem for p in (ENGINE / "scumble").glob("*.py")} - {"__init__", "__main__", "zmqlink"}
"""Modules of the package itself, which any room but client/ may use."""

MAY_IMPORT = {
    "client": {"client"},
    "zmqlink": {"client"},
    "server": CORE | {"server", "client", "zmqlink", "methods"},
    "methods": CORE | {"methods", "nets"},
    "nets": CORE | {"nets"},
    "train": CORE | {"train", "methods", "nets"},
    "evaluate": CORE | {"evaluate", "methods", "nets", "train"},
    "install": CORE | {"install"},
    "animations": CORE | {"animations"},
    "cli": CORE | {"cli", "animations", "install", "client", "zmqlink", "server", "train", "evaluate"},
    "__main__": {"cli"},
}
"""Room -> rooms it may import; a core module may import core modules, methods.base and nets, and nothing else."""

HEAVY = {"torch", "torchvision"}


@cache
def tracked() -> tuple[Path, ...]:
    """The files of the repository: what git tracks or would, where there is git; else every file that is not built."""
    try:
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
        paths = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        built = re.compile(r"__pycache__|\.egg-info|/\.[a-z_]+_cache/|/(build|dist|out|\.hypothesis|\.git)/")
        paths = [p for p in ROOT.rglob("*") if not built.search(f"/{p.relative_to(ROOT).as_posix()}")]
    return tuple(sorted(p for p in paths if p.is_file()))


def sources() -> list[Path]:
    """Every Python file of ours."""
    return [p for p in tracked() if p.suffix == ".py"]


def package_files() -> list[Path]:
    return [p for p in sources() if p.is_relative_to(ENGINE / "scumble")]


def text_files() -> list[Path]:
    kinds = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".csv", ".cfg", ".sh", ".html", ".txt", ""}
    return [p for p in tracked() if p.suffix in kinds and p.name != "LICENSE"]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module_of(path: Path) -> list[str]:
    """engine/scumble/client/wire.py -> ["scumble", "client", "wire"]; a package's own file names the package."""
    parts = list(path.relative_to(ENGINE).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def room_of(path: Path) -> str:
    """The first name under `scumble`: "client", "server", "raster"; "" for the package itself."""
    module = module_of(path)
    return module[1] if len(module) > 1 else ""


def imports(path: Path) -> Iterator[str]:
    """Absolute names of all modules that a file imports, also inside functions, relative ones resolved."""
    module = module_of(path) if path.is_relative_to(ENGINE) else []
    package = module if path.name == "__init__.py" else module[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def rooms(path: Path) -> set[str]:
    """The rooms of the package that a file imports from; `from scumble import __version__` is none."""
    found = {name.split(".")[1] for name in imports(path) if name.startswith("scumble.")}
    return {room for room in found if not room.startswith("__")}


def test_every_room_imports_only_from_the_rooms_it_may() -> None:
    wrong = []
    for path in package_files():
        room = room_of(path)
        allowed = MAY_IMPORT.get(room, CORE | {"methods", "nets"})
        if forbidden := rooms(path) - allowed:
            wrong.append(f"{name_of(path)} imports {', '.join(sorted(forbidden))}")
    assert not wrong, "\n".join(wrong)


def test_nothing_but_the_command_line_imports_the_server() -> None:
    guilty = [name_of(p) for p in package_files() if "server" in rooms(p) and room_of(p) not in ("server", "cli")]
    assert not guilty


def test_only_training_knows_a_method_by_name() -> None:
    guilty = []
    for path in package_files():
        known = {name for name in imports(path) if name.startswith("scumble.methods.")}
        named = {name for name in known if not name.startswith("scumble.methods.base")}
        if named and room_of(path) not in ("methods", "train"):
            guilty.append(f"{name_of(path)}: {', '.join(sorted(named))}")
    assert not guilty, "\n".join(guilty)


def test_the_client_imports_the_standard_library_and_itself_and_itself_only_relatively() -> None:
    wrong = []
    for path in package_files():
        if room_of(path) != "client":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        absolute = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
        absolute += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level == 0]
        foreign = {name.split(".")[0] for name in absolute} - sys.stdlib_module_names
        deep = [n.level for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level > len(module_of(path)) - 2]
        if foreign or deep:
            wrong.append(f"{name_of(path)}: {sorted(foreign)} {'..' if deep else ''}")
    assert not wrong, "\n".join(wrong)


def test_the_client_parses_as_python_3_9() -> None:
    for path in package_files():
        if room_of(path) == "client":
            ast.parse(path.read_text(encoding="utf-8"), filename=name_of(path), feature_version=(3, 9))


def test_starting_the_broker_loads_no_torch() -> None:
    code = "import sys, scumble.server, scumble.cli; assert not {'torch', 'torchvision'} & set(sys.modules), 'torch is loaded'"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_what_needs_no_torch_imports_none_at_its_top() -> None:
    light = {"client", "server", "cli", "zmqlink", "styles", "raster", "pipeline", "files", "errors", "hookspecs", "plugins"}
    wrong = []
    for path in package_files():
        if room_of(path) in light or path == ENGINE / "scumble" / "methods" / "base.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            top = [a.name for n in tree.body if isinstance(n, ast.Import) for a in n.names]
            top += [n.module or "" for n in tree.body if isinstance(n, ast.ImportFrom)]
            if HEAVY & {name.split(".")[0] for name in top} or "scumble.weights" in top:
                wrong.append(name_of(path))
    assert not wrong, wrong


def test_nothing_unpickles() -> None:
    wrong = []
    for path in package_files():
        text = path.read_text(encoding="utf-8")
        if {"pickle", "cloudpickle", "dill", "marshal", "shelve"} & {name.split(".")[0] for name in imports(path)}:
            wrong.append(f"{name_of(path)} imports a pickler")
        for call in re.findall(r"torch\.load\((?:[^()]|\([^()]*\))*\)", text):
            if "weights_only=True" not in call:
                wrong.append(f"{name_of(path)}: {call}")
    assert not wrong, "\n".join(wrong)


def test_every_source_file_names_its_licence_first() -> None:
    wrong = []
    for path in sources():
        first = [line for line in path.read_text(encoding="utf-8").splitlines()[:2] if not line.startswith("#!")]
        gpl = name_of(path).startswith(("plugin_krita/", "plugin_gimp/"))
        licence = "GPL-3.0-or-later" if gpl else "Apache-2.0"
        if not first or first[0] != f"# SPDX-License-Identifier: {licence}":
            wrong.append(f"{name_of(path)} should begin with {licence}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("folder", "words"),
    [(".", "Apache License"), ("plugin_krita", "GNU GENERAL PUBLIC LICENSE"), ("plugin_gimp", "GNU GENERAL PUBLIC LICENSE")],
)
def test_each_licence_is_there_in_full(folder: str, words: str) -> None:
    text = (ROOT / folder / "LICENSE").read_text(encoding="utf-8")
    assert words in text
    assert len(text) > 10_000


def test_every_module_says_what_it_is() -> None:
    guilty = [name_of(p) for p in sources() if p.stat().st_size > 60 and not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert not guilty


def test_no_source_file_has_become_two_things() -> None:
    lengths = {name_of(p): len(p.read_text(encoding="utf-8").splitlines()) for p in sources()}
    assert not {name: n for name, n in lengths.items() if n > LINES}


def test_no_file_is_too_large_for_a_quick_clone() -> None:
    large = {name_of(p): p.stat().st_size for p in tracked() if p.stat().st_size > BYTES}
    assert not large


def test_no_pickles_and_no_caches_are_committed() -> None:
    bad = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".npy", ".pyc", ".so", ".whl"}
    assert not [name_of(p) for p in tracked() if p.suffix in bad]


def test_no_committed_file_names_a_place_on_somebodys_machine() -> None:
    machine = re.compile(rf"(?<![\w.~$}}/-])(?:/(?:work|root)/|{re.escape(str(ROOT))}/)[\w.-]+")
    wrong = [f"{name_of(p)}: {m[0]}" for p in text_files() for m in machine.finditer(p.read_text("utf-8", "replace"))]
    assert not wrong, "\n".join(wrong)


def test_no_committed_file_names_a_package_registry() -> None:
    registry = re.compile(r"(?:files\.pythonhosted|pypi)\.org|--(?:extra-)?index-url|--find-links")
    here = Path(__file__)
    wrong = [
        f"{name_of(p)}: {m[0]}" for p in text_files() if p != here for m in registry.finditer(p.read_text("utf-8", "replace"))
    ]
    assert not wrong, "\n".join(wrong)


def test_every_shipped_weight_file_has_its_card() -> None:
    models = ENGINE / "scumble" / "models"
    missing = [p.name for p in models.glob("*.safetensors") if not p.with_suffix(".json").exists()]
    assert not missing
