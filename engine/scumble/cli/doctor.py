# SPDX-License-Identifier: Apache-2.0
"""`scumble doctor`: what is wrong with this installation, and how to mend it. It looks and changes nothing."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import click
from rich.markup import escape

from scumble import __version__
from scumble.api.errors import ScumbleError
from scumble.cli.connect import json_option
from scumble.cli.exits import Exit
from scumble.cli.say import OUT, emit_json

PACKAGES = ("torch", "torchvision", "numpy", "PIL", "pluggy", "zmq", "msgspec", "safetensors", "pyvips", "pooch", "psutil")
"""Import names of what pyproject.toml asks for (this very command needs the rest)."""

GPU_ONLY = re.compile(r"nvidia[-_]|triton$|pytorch[-_]triton|cuda[-_]", re.IGNORECASE)
"""Packages that PyTorch brings along for GPUs (its wheels' requirements)."""

WORTH_SAVING = 100 << 20

SPOOL_BYTES = 2 << 30
"""Large jobs spool to disk: a 24-megapixel float layer and its answer take 0.8 GB, so two gigabytes are comfortable."""


class State(StrEnum):
    """How a check went. Only `FAIL` keeps Scumble from working."""

    OK = "ok"
    NOTE = "note"
    FAIL = "fail"


@dataclass(frozen=True)
class Check:
    """One finding, and what to do about it."""

    name: str
    state: State
    message: str
    hint: str = ""


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look for what is wrong and say how to mend it."""
    findings = []
    for finding in examine():
        findings.append(finding)
        if not as_json:
            _show(finding)
    failed = [f for f in findings if f.state is State.FAIL]
    if as_json:
        emit_json({"version": __version__, "ok": not failed, "checks": [asdict(f) for f in findings]})
    else:
        OUT.print("\nAll is well." if not failed else f"\n{len(failed)} of {len(findings)} checks failed.")
    if failed:
        click.get_current_context().exit(Exit.SOME_FAILED)


def examine() -> Iterator[Check]:
    """Every check in turn; one that breaks is itself a finding."""
    for check in CHECKS:
        try:
            yield from check()
        except Exception as e:
            name = check.__name__.strip("_").replace("_", " ")
            yield Check(name, State.FAIL, f"The check itself broke: {type(e).__name__}: {e}", "Please report this.")


def _show(finding: Check) -> None:
    mark = {State.OK: "[green]ok  [/]", State.NOTE: "[yellow]note[/]", State.FAIL: "[red]FAIL[/]"}[finding.state]
    OUT.print(f"{mark} [bold]{finding.name}[/]: {escape(finding.message)}")
    if finding.hint:
        OUT.print(f"       [dim]{escape(finding.hint)}[/]")


def _python() -> Iterator[Check]:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {sys.executable}"
    yield Check("python", State.OK, text)


def _packages() -> Iterator[Check]:
    broken: dict[str, Exception] = {}
    for name in PACKAGES:
        try:
            importlib.import_module(name)
        except Exception as e:  # a half-installed binary package may raise anything
            broken[name] = e
    for name, why in broken.items():
        hint = f"Install it again: {sys.executable} -m pip install ..."
        yield Check("packages", State.FAIL, f"{name} does not load: {why}", hint)
    if not broken:
        yield Check("packages", State.OK, f"all {len(PACKAGES)} load")


def _torch() -> Iterator[Check]:
    import torch

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        free, total = torch.cuda.mem_get_info()
        yield Check("device", State.OK, f"{name}, {free >> 20} of {total >> 20} MB free, torch {torch.__version__}")
    elif torch.backends.mps.is_available():
        yield Check("device", State.OK, f"Apple GPU, torch {torch.__version__}")
    else:
        hint = "With a graphics card this is far quicker; if there is one, its driver or a CPU-only torch is in the way."
        yield Check("device", State.NOTE, f"CPU, {torch.get_num_threads()} threads, torch {torch.__version__}", hint)


def _size() -> Iterator[Check]:
    """How large the installed packages are that only a GPU needs, where there is none."""
    import torch

    if torch.cuda.is_available() or torch.version.hip:
        return
    sizes = {
        d.metadata["Name"]: _bytes_of(d) for d in importlib.metadata.distributions() if GPU_ONLY.match(d.metadata["Name"] or "")
    }
    total = sum(sizes.values())
    if total < WORTH_SAVING:
        yield Check("size", State.OK, "PyTorch is installed without what only a GPU needs")
        return
    most = ", ".join(sorted(sizes, key=lambda name: -sizes[name])[:3])
    text = f"{total / 1e9:.1f} GB could be saved: {len(sizes)} packages are for GPUs alone ({most}, ...), and there is none"
    yield Check("size", State.NOTE, text, "docs/install.md says how to install PyTorch for the processor.")


def _bytes_of(package: importlib.metadata.Distribution) -> int:
    """The bytes of a package's files on disk, as far as they are there."""
    total = 0
    for file in package.files or ():
        with contextlib.suppress(OSError):
            total += Path(str(package.locate_file(file))).stat().st_size
    return total


def _weights() -> Iterator[Check]:
    from scumble.library.places import SHIPPED, perceptual_path
    from scumble.library.weights import load_weights

    files = sorted(SHIPPED.glob("*/*.safetensors"))
    good = 0
    for path in files:
        try:
            load_weights(path)
            good += 1
        except ScumbleError as e:
            yield Check("weights", State.FAIL, e.message, e.hint)
    again = "Install Scumble again; a clone needs the files under engine/scumble/weights/."
    if not files:
        yield Check("weights", State.FAIL, "No weight file is installed, so no trained style can be used.", again)
    elif good == len(files):
        yield Check("weights", State.OK, f"{good} files, each with the sha256 its card names")
    for network in ("half", "quarter", "compact"):
        if not perceptual_path(SHIPPED, network).exists():
            yield Check("perceptual network", State.FAIL, f"The perceptual network {network} is missing.", again)


def _runtime_folder() -> Iterator[Check]:
    from scumble.client.folders import is_open, runtime_dir, trouble
    from scumble.client.locate import read_connection

    folder = runtime_dir()
    why = trouble(folder) or _lock_trouble(Path(folder))
    if why:
        own = "Set SCUMBLE_RUNTIME_DIR to a folder of your own; no engine starts in this one."
        yield Check("runtime folder", State.FAIL, f"{folder} {why}.", own)
        return
    if not os.path.lexists(folder):
        yield Check("runtime folder", State.OK, f"{folder} (made when an engine first starts)")
        return
    if is_open(folder):
        yield Check("runtime folder", State.FAIL, f"{folder} is open to other users.", f"Close it: chmod 700 {folder}")
    else:
        yield Check("runtime folder", State.OK, folder)
    file = Path(folder) / "engine.json"
    if file.exists() and read_connection() is None:
        hint = f"It is ignored and the next engine replaces it; to be rid of it now: rm {file}"
        yield Check("connection file", State.NOTE, f"{file} is stale or not ours.", hint)


def _lock_trouble(folder: Path) -> str | None:
    """Why the engine could not open its lock, as the end of a sentence."""
    from scumble.server.presence import LOCK_FILE

    file = folder / LOCK_FILE
    return f"holds {LOCK_FILE}, which cannot be written" if file.exists() and not os.access(file, os.W_OK) else None


def _engine() -> Iterator[Check]:
    from scumble.cli.connect import ENGINE_COMMAND, engine
    from scumble.client.errors import EngineError
    from scumble.client.locate import start_trouble

    try:
        with engine(start=False) as e:
            status = e.status()
    except EngineError as e:
        trouble = start_trouble(ENGINE_COMMAND)
        if e.code == "engine-missing" and trouble is not None:
            yield Check("engine", State.FAIL, trouble.message, trouble.hint)
        elif e.code == "engine-missing":
            yield Check("engine", State.OK, "none is running; the first use starts one")
        else:
            yield Check("engine", State.FAIL, e.message, e.hint)
        return
    problem = status.get("problem")
    if problem:
        yield Check("engine", State.FAIL, str(problem["message"]), "Mend that; the next use then starts another engine.")
        return
    text = f"version {status['version']}, pid {status['pid']}, {status['state']}, on {status['device']}"
    if status["version"] != __version__:
        yield Check("engine", State.NOTE, text, f"This is {__version__}; `scumble stop` lets the next use start the new one.")
    else:
        yield Check("engine", State.OK, text)


def _own_styles() -> Iterator[Check]:
    from scumble.library.styles import StyleStore

    store = StyleStore()
    own = sum(style.own for style in store.list())
    nearest = _nearest(store.user_dir)
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        yield Check("your styles", State.OK, f"{own} in {store.user_dir}")
        return
    why = f"{nearest} cannot be written" if nearest.is_dir() else f"{nearest} is not a folder"
    hint = "Give yourself write access, or set SCUMBLE_DATA_DIR to a folder."
    yield Check("your styles", State.FAIL, f"No style can be added to {store.user_dir}: {why}.", hint)


def _nearest(folder: Path) -> Path:
    """The folder, or the one it would lie in that exists."""
    return folder if folder.exists() else _nearest(folder.parent)


def _disk() -> Iterator[Check]:
    from scumble.client.folders import trouble
    from scumble.server.presence import cache_dir, cache_folders

    cache = cache_dir()
    for folder in (cache, *cache_folders(cache)):
        why = trouble(str(folder), link=True)
        if why:
            hint = "Set SCUMBLE_CACHE_DIR to a folder of your own; no engine starts with this one."
            yield Check("disk", State.FAIL, f"{folder} {why}.", hint)
            return
    free = shutil.disk_usage(_nearest(cache)).free
    if free < SPOOL_BYTES:
        hint = "Large pictures spool there; free some space, or set SCUMBLE_CACHE_DIR to a roomier disk."
        yield Check("disk", State.NOTE, f"only {free >> 20} MB free at {cache}", hint)
    else:
        yield Check("disk", State.OK, f"{free >> 30} GB free at {cache}")


def _methods() -> Iterator[Check]:
    import logging

    from scumble.methods.registry import methods

    for name, load in _plugins():
        try:
            load()
        except Exception as e:  # somebody else's code
            hint = "Install its package again, or remove it; everything else works without it."
            yield Check("plug-ins", State.FAIL, f"{name} does not load: {type(e).__name__}: {e}", hint)
    with _quiet(logging.getLogger("scumble.methods.registry")):
        registered = methods()
    if registered:
        yield Check("methods", State.OK, ", ".join(registered))
    else:
        yield Check("methods", State.FAIL, "No method is installed.", "Install Scumble again.")


def _plugins() -> Iterator[tuple[str, Callable[[], object]]]:
    """Every plug-in by name, and what loads it."""
    from scumble.methods.registry import BUILT_IN, named_plugins

    for module in (*BUILT_IN, *named_plugins()):
        yield module, lambda module=module: importlib.import_module(module)  # type: ignore[misc]
    for entry in importlib.metadata.entry_points(group="scumble"):
        yield f"{entry.name} ({entry.value})", entry.load


@contextlib.contextmanager
def _quiet(logger: object) -> Iterator[None]:
    """Keep a logger's warnings off the terminal: the finding says the same in one sentence."""
    logger.disabled = True  # type: ignore[attr-defined]
    try:
        yield
    finally:
        logger.disabled = False  # type: ignore[attr-defined]


CHECKS: tuple[Callable[[], Iterator[Check]], ...] = (
    _python,
    _packages,
    _torch,
    _size,
    _weights,
    _runtime_folder,
    _engine,
    _own_styles,
    _disk,
    _methods,
)
