# SPDX-License-Identifier: Apache-2.0
"""The rules of the house (docs: CONTRIBUTING.md): who may import whom, licences, sizes, and what must never be committed."""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGINE = ROOT / "engine"
LINES = 400
"""A file that passes 350 is asking to be two things; here the asking ends."""
BYTES = 11_500_000
"""The largest file of the repository: a clone must stay quick."""

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
    """The folder under `scumble`: "client", "server", "image"; "" for the package itself."""
    parts = path.relative_to(ENGINE / "scumble").parts
    return parts[0] if len(parts) > 1 else ""


@cache
def table() -> dict[str, set[str]]:
    """Room to the rooms it may import, as CONTRIBUTING.md prints it."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## Who may import whom")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return {room: set(re.findall(r"`([\w/]+)`", allowed)) for rooms_, allowed, _ in rows[1:] for room in names(rooms_)}


def names(cell: str) -> list[str]:
    return re.findall(r"`([\w/*.]+)`", cell)


def row_of(path: Path) -> str:
    """The row of the table that holds for a file."""
    parts = path.relative_to(ENGINE / "scumble").with_suffix("").parts
    if parts[0] == "methods" and len(parts) > 2:
        return "methods/*/train*" if parts[-1].startswith("train") else "methods/*"
    return parts[0]


def papers() -> set[str]:
    return {p.parent.name for p in package_files() if room_of(p) == "methods" and p.name == "__init__.py"} - {"methods"}


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
    """The rooms that a file imports from; of methods/ also which part, as "methods/registry". The package itself is none."""
    imported = set()
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "scumble" and len(parts) > 2:
            imported |= {parts[1]} if parts[1] != "methods" else {"methods", f"methods/{parts[2]}"}
    return imported


def test_every_room_imports_only_from_the_rooms_it_may() -> None:
    wrong = []
    for path in package_files():
        if room := room_of(path):
            allowed = table()[row_of(path)] | {room}
            imported = {r for r in rooms(path) if "/" not in r and not (r == "methods" and "methods/registry" in allowed)}
            if forbidden := imported - allowed:
                wrong.append(f"{name_of(path)} imports {', '.join(sorted(forbidden))}")
    assert not wrong, "\n".join(wrong)


def test_the_table_names_every_room_and_no_other() -> None:
    there = {row_of(p) for p in package_files() if room_of(p)}
    assert there == set(table())


def test_the_table_allows_no_more_than_is_imported() -> None:
    imported: dict[str, set[str]] = {}
    for path in package_files():
        if room_of(path):
            imported.setdefault(row_of(path), set()).update(rooms(path))
    assert {row: allowed - imported[row] for row, allowed in table().items() if allowed - imported[row]} == {}


def test_nothing_lies_directly_in_the_package() -> None:
    assert {p.name for p in package_files() if not room_of(p)} == {"__init__.py", "__main__.py"}


def test_no_paper_imports_another() -> None:
    wrong = []
    for path in package_files():
        own = path.parent.name if row_of(path).startswith("methods/") else None
        for other in {room.removeprefix("methods/") for room in rooms(path)} & papers() - {own}:
            wrong.append(f"{name_of(path)} imports methods/{other}")
    assert not wrong, "\n".join(wrong)


def test_nobody_asks_a_method_what_it_may_not_have() -> None:
    """Costs and refining were attributes that a method might have; a misspelt one was never noticed."""
    asked = re.compile(r"\b(?:get|has)attr\((?:\w+\.)*(?:method|refiner|improver|optimiser)\b")
    guilty = [f"{name_of(p)}: {m[0]}" for p in package_files() for m in asked.finditer(p.read_text(encoding="utf-8"))]
    assert not guilty


def test_painting_knows_of_the_methods_only_their_registry() -> None:
    imported = {room for p in package_files() if room_of(p) == "painting" for room in rooms(p) if room.startswith("methods/")}
    assert imported <= {"methods/registry"}


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {".".join(module_of(p)): p for p in package_files()}
    known = {m: {nearest(name, modules) for name in imports(p)} - {m, ""} for m, p in modules.items()}
    clear: set[str] = set()

    def visit(module: str, on_the_way: tuple[str, ...]) -> None:
        assert module not in on_the_way, " -> ".join([*on_the_way, module])
        if module not in clear:
            for other in sorted(known[module]):
                visit(other, (*on_the_way, module))
            clear.add(module)

    for module in sorted(modules):
        visit(module, ())


def nearest(name: str, modules: dict[str, Path]) -> str:
    """The module that a dotted name belongs to; "" where it is none of ours, or the package itself, which imports lazily."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return "" if name == "scumble" else name


def test_nothing_but_the_command_line_imports_the_server() -> None:
    guilty = [name_of(p) for p in package_files() if "server" in rooms(p) and room_of(p) not in ("server", "cli")]
    assert not guilty


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
    light = {"api", "cli", "client", "image", "install", "library", "painting", "server"}
    heavy = {"painting/tiling.py"}
    wrong = []
    for path in package_files():
        name = path.relative_to(ENGINE / "scumble").as_posix()
        if (room_of(path) in light and name not in heavy) or name == "methods/registry.py":
            tree = ast.parse(path.read_text(encoding="utf-8"))
            top = [a.name for n in tree.body if isinstance(n, ast.Import) for a in n.names]
            top += [n.module or "" for n in tree.body if isinstance(n, ast.ImportFrom)]
            if HEAVY & {name.split(".")[0] for name in top}:
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


REASONS = {
    "cli/evaluate.py": "the options of a command, a line each",
    "training/perceptual.py": "a training, whose parts share its networks",
    "style_memory/train.py": "a training, whose parts share its networks",
    "gatys/optimize.py": "one descent, step by step",
    "gatys/objective.py": "one loss, term by term",
}
"""Why functions of these files may have more than 40 lines."""


def test_a_function_over_forty_lines_has_a_reason() -> None:
    guilty = []
    for path in sources():
        shipped = name_of(path).startswith(("engine/", "plugin_"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if shipped else ():
            if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 40:
                guilty += [] if name_of(path).endswith(tuple(REASONS)) else [f"{name_of(path)}: {node.name}"]
    assert not guilty


PRIVATE_WORDS = {"anew", "eyes", "found", "heard", "said", "saw", "seen", "told"}
"""Words that name how a thing came to us, not the thing (CONTRIBUTING.md, "Words")."""


def test_names_say_what_a_thing_is() -> None:
    """Test functions are sentences, and may use these words as such."""
    guilty = set()
    for path in sources():
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        names = {token.string for token in tokens if token.type == tokenize.NAME and not token.string.startswith("test_")}
        named = {name for name in names if PRIVATE_WORDS & set(name.lower().split("_"))}
        guilty |= {f"{name_of(path)}: {name}" for name in named}
    assert guilty == set()


def test_no_two_test_files_have_one_name() -> None:
    """pytest takes the second for the first and ends with an error, though each passes alone."""
    names = Counter(path.name for path in sources() if path.name.startswith("test_"))
    assert [name for name, count in names.items() if count > 1] == []


def top_level(path: Path) -> set[str]:
    """All names that a module defines or imports at its top."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return names


def test_what_gimps_plugin_takes_from_its_own_modules_is_there() -> None:
    """A function of places.py was renamed, and two modules that call it were not: no type checker reads what imports GIMP, and
    only the window of a result showed it."""
    folder = ROOT / "plugin_gimp" / "scumble"
    modules = {path.stem: path for path in folder.glob("*.py")}
    missing = []
    for path in modules.values():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        taken = {a.asname or a.name: a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and taken.get(node.value.id) in modules:
                if node.attr not in top_level(modules[taken[node.value.id]]):
                    missing.append(f"{name_of(path)}: {node.value.id}.{node.attr}")
            elif isinstance(node, ast.ImportFrom) and node.module in modules and not node.level:
                known = top_level(modules[node.module])
                missing += [f"{name_of(path)}: {node.module}.{a.name}" for a in node.names if a.name not in known]
    assert not missing


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
    weights = ENGINE / "scumble" / "weights"
    missing = [p.name for p in weights.glob("*/*.safetensors") if not p.with_suffix(".json").exists()]
    assert not missing
