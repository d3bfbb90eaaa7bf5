#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs Python in this clone's own environment, setting it up first: `python3 scripts/run.py -m scumble status`.

Standard library only. Two virtual environments, both in the user's cache and never in the clone:

* `venv-KEY` holds the dependencies alone. KEY is a hash of what pyproject.toml asks for and of the interpreter, so every
  clone that asks for the same shares it, and a changed requirement makes another. It is complete or absent: built under
  a lock, marked when finished, begun again when a build was broken off.
* `clone-KEY` is a few files for this clone: an interpreter that sees the dependencies and `engine/`, and the command
  `scumble`. No environment variable is involved, so engine processes started from here see the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scumble"
EXTRAS = ("test", "lint")
MARK = "complete"
OLDEST = (3, 11)


def main(arguments: list[str]) -> int:
    """Set up if need be, then become the clone's Python with `arguments`."""
    if sys.version_info < OLDEST:
        return use_newer_python(arguments)
    if arguments == ["--clean"]:
        shutil.rmtree(clone_folder(), ignore_errors=True)
        return 0
    if arguments == ["--purge"]:
        for folder in (*CACHE.glob("venv-*"), *CACHE.glob("clone-*")):
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
            else:
                folder.unlink()
        return 0
    try:
        python = clone_venv(dependencies_venv())
    except subprocess.CalledProcessError as e:
        say(f"Setting up failed: {shlex.join(map(str, e.cmd[:5]))} ... ended with {e.returncode}.")
        say("Its own words are above. The first set-up needs the network and about 6 GB of disk; then run the same again.")
        return 1
    except OSError as e:
        say(f"Setting up failed: {e}. Set XDG_CACHE_HOME to a folder you may write to, with about 6 GB free.")
        return 1
    if not arguments:
        print(python)
        return 0
    folder = python.parent
    path = os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)])
    environment = {**os.environ, "PATH": path, "VIRTUAL_ENV": str(folder.parent)}
    os.execve(python, [str(python), *arguments], environment)


def use_newer_python(arguments: list[str]) -> int:
    """Hand over to the first interpreter on PATH that is new enough."""
    for name in ("python3.13", "python3.12", "python3.11", "python3.14"):
        newer = shutil.which(name)
        if newer:
            os.execv(newer, [newer, str(Path(__file__).resolve()), *arguments])
    say(f"Scumble needs Python 3.11 or newer; this is {sys.version.split()[0]}. Install one, or name one: make PYTHON=...")
    return 1


def requirements() -> list[str]:
    """The requirements of pyproject.toml: to run, to build a package, to test and to lint."""
    import tomllib

    with open(ROOT / "pyproject.toml", "rb") as f:
        asked = tomllib.load(f)
    extras = asked["project"]["optional-dependencies"]
    return sorted(
        {*asked["project"]["dependencies"], *asked["build-system"]["requires"], *(r for e in EXTRAS for r in extras[e])}
    )


def dependencies_venv() -> Path:
    """The folder of the virtual environment with all requirements, built unless a finished one is there."""
    asked = requirements()
    folder = CACHE / f"venv-{digest(*asked, sys.implementation.cache_tag, sys.base_prefix)}"
    if (folder / MARK).exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock")):
        if not (folder / MARK).exists():
            shutil.rmtree(folder, ignore_errors=True)
            say(f"Setting up once, in {folder}: this downloads PyTorch and takes some minutes.")
            install(folder, asked)
            (folder / MARK).write_text("\n".join(asked) + "\n", encoding="utf-8")
    return folder


def install(folder: Path, asked: list[str]) -> None:
    """Make a virtual environment and install `asked` into it."""
    try:
        import ensurepip  # noqa: F401  # Debian keeps it in a package of its own, python3-venv
    except ImportError:
        run(sys.executable, "-m", "venv", "--without-pip", folder)
        pip = (sys.executable, "-m", "pip", "--python", python_of(folder))
        asked = ["pip", *asked]
    else:
        run(sys.executable, "-m", "venv", folder)
        pip = (python_of(folder), "-m", "pip")
    run(*pip, "install", "--disable-pip-version-check", *asked)


def clone_folder() -> Path:
    return CACHE / f"clone-{digest(str(ROOT))}"


def clone_venv(dependencies: Path) -> Path:
    """The Python of this clone's environment over `dependencies`."""
    folder, python = clone_folder(), python_of(clone_folder())
    mark = folder / MARK
    if mark.exists() and mark.read_text(encoding="utf-8") == str(dependencies) and python.exists():
        return python
    with locked(folder.with_suffix(".lock")):
        shutil.rmtree(folder, ignore_errors=True)
        run(python_of(dependencies), "-m", "venv", "--without-pip", folder)
        lines = f"import site; site.addsitedir({str(site_packages(dependencies))!r})\n{ROOT / 'engine'}\n"
        (site_packages(folder) / "scumble-clone.pth").write_text(lines, encoding="utf-8")
        command = python.with_name("scumble")
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} -m scumble "$@"\n', encoding="utf-8")
        command.chmod(0o755)
        mark.write_text(str(dependencies), encoding="utf-8")
    return python


def site_packages(folder: Path) -> Path:
    return folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"


def python_of(folder: Path) -> Path:
    return folder / "bin" / "python"


@contextlib.contextmanager
def locked(path: Path):
    """Hold a lock, so that one set-up runs at a time; the others wait and find it done."""
    import fcntl

    with open(path, "w") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def run(*command: object) -> None:
    """Run a step; its output goes to stderr, so that stdout stays the caller's."""
    subprocess.run([str(c) for c in command], check=True, stdout=sys.stderr)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
