# SPDX-License-Identifier: Apache-2.0
"""A Debian root that holds the real GIMP 3 and Krita, and how tests run commands in it.

Invariant: the root is complete or absent, lies in the user's cache and is shared by all clones; a run writes to its own
home alone, and nothing it started outlives it. Inside, the machine appears at /outer, so that a plug-in can start this
clone's engine (`Host.engine_command`); network, processes and the home's path are the same inside and outside.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SUITE = "trixie"
"""The first Debian with GIMP 3 (3.0.4); Krita is 5.2.9 there."""
PACKAGES = (
    "gimp",
    "gir1.2-gimp-3.0",
    "python3-gi",
    "krita",
    "python3-pyqt5",
    "xvfb",
    "xdotool",
    "scrot",
    "openbox",
    "x11-utils",
    "fonts-dejavu-core",
)
UNWANTED = ("man", "doc", "info", "locale", "gimp/3.0/help")
"""Under /usr/share."""
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "scumble"
MARK = "complete"
CHECKOUT = Path(__file__).resolve().parents[2]

_ENTER = """
set -e
mount -t proc proc "$ROOT/proc"
mount --rbind /dev "$ROOT/dev"
mount -t tmpfs -o mode=1777,size=2g tmpfs "$ROOT/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$ROOT/tmp"
mkdir -p "$ROOT/outer" && mount --rbind / "$ROOT/outer"
mkdir -p "$ROOT$INNER_HOME" && mount --bind "$INNER_HOME" "$ROOT$INNER_HOME"
unset OLDPWD
exec chroot "$ROOT" /bin/sh -c 'mkdir -p -m 700 "$XDG_RUNTIME_DIR"; cd "$HOME"; exec "$@"' sh "$@"
"""


class Unavailable(Exception):
    """There can be no host root here, and why."""


def ensure() -> Path:
    """The root, built now if it is not there: about a minute, and 1.4 GB. Raises Unavailable."""
    digest = hashlib.sha256("\0".join((SUITE, *PACKAGES, *UNWANTED)).encode()).hexdigest()[:12]
    folder = CACHE / f"hosts-{digest}"
    if (folder / MARK).exists() and os.geteuid() == 0:
        return folder / "root"
    _check_machine()
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / MARK).exists():
            shutil.rmtree(folder)
            folder.mkdir()
            _build(folder)
            (folder / MARK).touch()
    return folder / "root"


def _check_machine() -> None:
    if os.geteuid() != 0:
        raise Unavailable("the host programs are installed into a root of their own, which only root may build and enter")
    if not Path("/etc/debian_version").exists() or shutil.which("apt-get") is None:
        raise Unavailable("the host programs come from Debian, and this is no Debian")
    if shutil.disk_usage(CACHE if CACHE.exists() else Path.home()).free < 4 << 30:
        raise Unavailable(f"the host programs need 4 GB of disk in {CACHE}")


def _build(folder: Path) -> None:
    mirror, tool = _mirror(), _mmdebstrap(folder)
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in UNWANTED]
    print(f"Building the root with GIMP and Krita in {folder}: a minute or two.", file=sys.stderr, flush=True)
    try:
        _output(
            *tool,
            "--mode=root",
            "--variant=apt",
            "--format=directory",
            "--keyring=/usr/share/keyrings",
            "--aptopt=Acquire::Languages none",
            "--dpkgopt=force-unsafe-io",
            *excluded,
            f"--include={','.join(PACKAGES)}",
            SUITE,
            str(folder / "root"),
            mirror,
        )
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(folder / "tool")


def _mirror() -> str:
    """Where this machine gets Debian from, so that the root comes from there too."""
    listing = ("apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian")
    uris = _output(*listing).split()
    if not uris:
        _output("apt-get", "update")
        uris = _output(*listing).split()
    uris = [uri for uri in uris if "security" not in uri]
    if not uris:
        raise Unavailable("apt knows no Debian archive")
    return uris[0]


def _mmdebstrap(folder: Path) -> list[str]:
    """The command that makes a root; two scripts, so where it is not installed it is only unpacked."""
    installed = shutil.which("mmdebstrap")
    if installed:
        return [installed]
    tool = folder / "tool"
    tool.mkdir(mode=0o755)
    _output("apt-get", "download", "mmdebstrap", cwd=tool)
    package = next(tool.glob("mmdebstrap_*.deb"))
    _output("dpkg", "-x", str(package), str(tool))
    return ["env", f"PATH={tool / 'usr' / 'bin'}:{os.environ['PATH']}", "mmdebstrap"]


def _output(*command: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as e:
        raise Unavailable(f"`{command[0]}` does not run: {e}") from e
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise Unavailable(f"`{' '.join(command[:2])}` ended with {done.returncode}: {' | '.join(words)}")
    return done.stdout


@dataclass(frozen=True)
class Host:
    """The root as one user has it: `home` is the same path inside and outside and holds all that the user has."""

    root: Path
    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """What every command gets, over a bare one."""

    @property
    def runtime(self) -> Path:
        """The engine's runtime directory, for both sides."""
        return self.home / "run"

    def engine_command(self, plugins: str | None = None) -> list[str]:
        """How a program inside starts this clone's engine outside. `plugins` as tests/support's engines take it."""
        methods = [] if plugins is None else [f"PYTHONPATH={CHECKOUT / 'tests' / 'support'}", f"SCUMBLE_PLUGINS={plugins}"]
        return ["/usr/sbin/chroot", "/outer", "/usr/bin/env", *methods, sys.executable, "-m", "scumble", "serve"]

    def start(
        self, *command: str, environment: Mapping[str, str] | None = None, output: int = subprocess.PIPE
    ) -> subprocess.Popen[str]:
        """Start `command` inside. stderr goes to stdout."""
        self.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
        return subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "--ipc", "--uts", "--", "bash", "-c", _ENTER, "bash", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env={
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG": "C.UTF-8",
                "TERM": "dumb",
                "HOME": str(self.home),
                "ROOT": str(self.root),
                "INNER_HOME": str(self.home),
                "XDG_RUNTIME_DIR": "/tmp/xdg",
                "NO_AT_BRIDGE": "1",
                "SCUMBLE_RUNTIME_DIR": str(self.runtime),
                "SCUMBLE_DATA_DIR": str(self.home / "data"),
                "SCUMBLE_CACHE_DIR": str(self.home / "cache"),
                **self.environment,
                **(environment or {}),
            },
        )

    def run(self, *command: str, environment: Mapping[str, str] | None = None, timeout: float = 120) -> tuple[int, str]:
        """Run `command` inside to its end; its exit status and what it wrote. Raises TimeoutExpired with the output so far."""
        process = self.start(*command, environment=environment)
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as e:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            raise TimeoutError(f"{command[0]} took longer than {timeout} s and had written:\n{output}") from e
        return process.returncode, output

    def processes(self) -> list[psutil.Process]:
        """Everything that runs with this home, engines included."""
        running = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("HOME") == str(self.home):
                    running.append(process)
        return running

    def end(self) -> None:
        """Kill what still runs with this home."""
        for _ in range(5):
            left = self.processes()
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            if not psutil.wait_procs(left, timeout=2)[1] and not self.processes():
                return
            time.sleep(0.1)


@contextlib.contextmanager
def user(root: Path, environment: Mapping[str, str] | None = None) -> Iterator[Host]:
    """A fresh user of the root, gone with all processes after the block. The home's path is short: sockets lie in it."""
    home = Path(tempfile.mkdtemp(prefix="sh-", dir="/tmp"))
    host = Host(root, home, dict(environment or {}))
    try:
        yield host
    finally:
        host.end()
        shutil.rmtree(home, ignore_errors=True)
