# SPDX-License-Identifier: Apache-2.0
"""Which connection files are believed, and how an engine is started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scumble.client import locate
from scumble.client.errors import EngineError
from scumble.client.folders import runtime_dir
from scumble.client.locate import LOST_RACE, Launch, clean_environment, read_connection, start_command, start_engine
from scumble.client.process import process_birth, process_lives, start_time

posix = pytest.mark.skipif(os.name != "posix", reason="owners and permissions are POSIX's")
proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="start times come from /proc")


@pytest.fixture
def folder() -> Path:
    return Path(os.environ["SCUMBLE_RUNTIME_DIR"])


def entry(folder: Path, **changes: Any) -> dict[str, Any]:
    own = {"pid": os.getpid(), "started": start_time(os.getpid()) or time.time(), "token": "ab" * 32, "version": "1"}
    own["birth"] = process_birth(os.getpid())
    places = {"work": f"ipc://{folder}/work", "control": f"ipc://{folder}/control"}
    return {"protocol": 1, **places, **own, **changes}


def write(folder: Path, content: Any, mode: int = 0o600) -> Path:
    path = folder / "engine.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    path.chmod(mode)
    return path


def test_a_good_file_is_believed(folder: Path) -> None:
    written = entry(folder)
    write(folder, {**written, "unheard": "of"})
    connection = read_connection()
    assert connection is not None
    assert vars(connection) == {k: v for k, v in written.items() if k != "protocol"}


@pytest.mark.parametrize("endpoint", ["tcp://127.0.0.1:5000", "tcp://[::1]:5000"])
def test_loopback_is_believed(folder: Path, endpoint: str) -> None:
    write(folder, entry(folder, work=endpoint, control=endpoint))
    assert read_connection() is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"work": "tcp://192.168.1.5:5000"},
        {"control": "tcp://0.0.0.0:5000"},
        {"work": "tcp://127.0.0.1.evil.org:5000"},
        {"work": "tcp://localhost:5000"},
        {"work": "ipc:///tmp/work"},
        {"control": "ipc://{folder}/../control"},
        {"work": "ipc://{folder}/deeper/work"},
        {"work": "ipc://@abstract"},
        {"work": 7},
        {"token": ""},
        {"token": "ab" * 31},
        {"token": "Z" * 64},
        {"token": None},
        {"pid": "1"},
        {"pid": True},
        {"pid": -1},
        {"pid": 10**30},
        {"started": "now"},
    ],
    ids=str,
)
def test_a_file_that_names_anything_else_counts_as_none(folder: Path, changes: dict[str, Any]) -> None:
    named = {k: v.replace("{folder}", str(folder)) if isinstance(v, str) else v for k, v in changes.items()}
    write(folder, entry(folder, **named))
    assert read_connection() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "null", "[" * 60_000, "\x00", '{"pid": 1}'], ids=lambda c: c[:9])
def test_a_file_of_nonsense_counts_as_none(folder: Path, content: str) -> None:
    write(folder, content)
    assert read_connection() is None


def test_no_file_or_no_folder_is_no_engine(folder: Path) -> None:
    assert read_connection() is None
    folder.rmdir()
    assert read_connection() is None


@posix
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o620])
def test_a_file_others_may_touch_counts_as_none(folder: Path, mode: int) -> None:
    write(folder, entry(folder), mode)
    assert read_connection() is None


@posix
@pytest.mark.parametrize("mode", [0o755, 0o777, 0o770])
def test_a_folder_others_may_enter_counts_as_none(folder: Path, mode: int) -> None:
    write(folder, entry(folder))
    folder.chmod(mode)
    assert read_connection() is None


@posix
def test_a_symbolic_link_counts_as_none(folder: Path) -> None:
    path = write(folder, entry(folder))
    path.rename(folder / "real.json")
    path.symlink_to(folder / "real.json")
    assert read_connection() is None


@posix
def test_a_pipe_in_its_place_blocks_nobody(folder: Path) -> None:
    os.mkfifo(folder / "engine.json", 0o600)
    assert read_connection() is None


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("whole", [True, False])
def test_what_belongs_to_somebody_else_counts_as_none(folder: Path, whole: bool) -> None:
    path = write(folder, entry(folder))
    os.chown(folder if whole else path, 65534, 65534)
    assert read_connection() is None


@posix
def test_the_file_of_a_dead_engine_counts_as_none(folder: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    started = start_time(dead.pid) or time.time()
    dead.wait()
    write(folder, entry(folder, pid=dead.pid, started=started))
    assert read_connection() is None


@proc
def test_a_process_number_used_again_counts_as_dead() -> None:
    started = start_time(os.getpid())
    assert started is not None
    assert process_lives(os.getpid(), started + 1)
    assert not process_lives(os.getpid(), started - 3600)


@proc
@pytest.mark.parametrize("hours", [-5, 5])
def test_setting_the_clock_makes_no_living_engine_a_dead_one(folder: Path, hours: int) -> None:
    """The kernel gives the start of a process as seconds since a boot whose date moves with the clock: after a step of the
    clock by an hour the engine counted as dead, could not be stopped, and kept its lock from every other."""
    write(folder, entry(folder, started=time.time() + 3600 * hours))
    connection = read_connection()
    assert connection is not None
    assert connection.pid == os.getpid()


@proc
@pytest.mark.parametrize("birth", ["another-boot:{ticks}", "{boot}:1"])
def test_a_process_number_used_again_is_noticed_by_its_birth(folder: Path, birth: str) -> None:
    boot, _, ticks = process_birth(os.getpid()).partition(":")
    write(folder, entry(folder, birth=birth.format(boot=boot, ticks=ticks)))
    assert read_connection() is None


@proc
def test_the_file_of_an_older_engine_is_believed_by_its_start(folder: Path) -> None:
    older = {name: value for name, value in entry(folder).items() if name != "birth"}
    write(folder, older)
    assert read_connection() is not None
    write(folder, {**older, "started": time.time() - 7200})
    assert read_connection() is None


@proc
def test_a_start_time_is_that_of_the_process() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        started = start_time(child.pid)
        assert started is not None
        assert abs(started - time.time()) < 10
    finally:
        child.communicate(b"\n")


def test_the_folder_follows_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    monkeypatch.setenv("HOME", "/home/painter")
    monkeypatch.setenv("SCUMBLE_RUNTIME_DIR", "/elsewhere")
    assert runtime_dir() == "/elsewhere"
    monkeypatch.delenv("SCUMBLE_RUNTIME_DIR")
    assert runtime_dir() == "/run/user/1000/scumble"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    monkeypatch.setattr(sys, "platform", "linux")
    assert runtime_dir() == "/home/painter/.cache/scumble/run"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert runtime_dir() == "/home/painter/Library/Caches/scumble/run"


def test_a_hosts_own_settings_stay_behind() -> None:
    dropped = ["PYTHONHOME", "PYTHONPATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "QT_PLUGIN_PATH", "GTK_PATH", "GI_TYPELIB_PATH"]
    kept = {"PATH": "/bin", "HOME": "/h", "SCUMBLE_PLUGINS": "x", "LD_DEBUG": "y", "XDG_DATA_DIRS": "/usr/share"}
    assert clean_environment({**kept, **dict.fromkeys(dropped, "v")}) == kept
    bundle = {**kept, "APPDIR": "/tmp/.mount_krita"}
    assert "XDG_DATA_DIRS" not in clean_environment(bundle)


def test_the_start_command_is_looked_for_in_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "scumble_client"
    package.mkdir()
    monkeypatch.setattr(locate, "__file__", str(package / "locate.py"))
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    monkeypatch.setenv("PATH", str(bin_folder))
    with pytest.raises(EngineError) as missing:
        start_command()
    assert missing.value.code == "engine-missing"
    for place in ("$SCUMBLE_ENGINE", str(tmp_path / "engine-command.json"), "PATH"):
        assert place in missing.value.message
    (bin_folder / "scumble").write_text("#!/bin/sh\n")
    (bin_folder / "scumble").chmod(0o755)
    assert start_command() == [str(bin_folder / "scumble"), "serve"]
    for useless in ("", "[]", '{"command": "rm"}', '{"command": [1]}'):
        (tmp_path / "engine-command.json").write_text(useless)
        assert start_command()[1:] == ["serve"]
    (tmp_path / "engine-command.json").write_text('{"command": ["/v/python", "-m", "scumble", "serve"]}')
    assert start_command() == ["/v/python", "-m", "scumble", "serve"]
    assert start_command(["mine"]) == ["mine"]
    monkeypatch.setenv("SCUMBLE_ENGINE", "'/a b/python' -m scumble serve")
    assert start_command(["mine"]) == ["/a b/python", "-m", "scumble", "serve"]


REPORT = """
import json, os, sys
print("hello log", flush=True)
facts = {"sid": os.getsid(0), "pid": os.getpid(), "cwd": os.getcwd(), "stdin": sys.stdin.read(), "env": dict(os.environ)}
open("report.tmp", "w").write(json.dumps(facts))
os.rename("report.tmp", "report.json")
"""


@posix
def test_the_engine_starts_in_a_session_of_its_own_with_a_log_and_a_clean_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/krita")
    monkeypatch.setenv("QT_PLUGIN_PATH", "/krita")
    folder.rmdir()
    launch = start_engine([sys.executable, "-c", REPORT])
    assert launch.process.wait(60) == 0
    report = json.loads((folder / "report.json").read_text())
    assert report["sid"] == report["pid"] != os.getsid(0)
    assert os.path.realpath(report["cwd"]) == os.path.realpath(folder)
    assert report["stdin"] == ""
    assert not {"PYTHONPATH", "QT_PLUGIN_PATH"} & set(report["env"])
    assert "hello log" in Path(launch.log).read_text()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Path(launch.log).stat().st_mode & 0o777 == 0o600
    assert launch.failure() is None


def test_a_command_that_cannot_run_is_named(folder: Path) -> None:
    with pytest.raises(EngineError) as caught:
        start_engine(["/nowhere/scumble", "serve"])
    assert caught.value.code == "engine-missing"
    assert "/nowhere/scumble serve" in caught.value.message


@pytest.mark.parametrize(("code", "fails"), [(0, False), (LOST_RACE, False), (1, True), (2, True)])
def test_only_a_lost_race_is_no_failure(code: int, fails: bool) -> None:
    launch = Launch(subprocess.Popen([sys.executable, "-c", f"raise SystemExit({code})"]), os.devnull)
    launch.process.wait()
    assert (launch.failure() is not None) == fails


def test_a_log_that_cannot_be_written_keeps_no_engine_from_starting(folder: Path) -> None:
    """Telling must not fail the work: there may be no room on the disk for a log, and enough for an engine."""
    (folder / "start.log").mkdir()
    assert start_engine([sys.executable, "-c", "print('hello')"]).process.wait(60) == 0


@pytest.mark.parametrize("line", ["'unfinished", "   "])
def test_a_command_line_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setenv("SCUMBLE_ENGINE", line)
    with pytest.raises(EngineError) as caught:
        start_command()
    assert caught.value.code == "engine-missing"
    assert "$SCUMBLE_ENGINE" in caught.value.message


@pytest.mark.parametrize(
    ("output", "message", "hint"),
    [
        ("scumble: The cache is a link.\n  Make it a folder.\n", "did not start: The cache is a link.", "Make it a folder."),
        ("scumble: The cache is a link.\n", "did not start: The cache is a link.", "start.log"),
        (
            "Traceback:\n  scumble: no\nNo module named torch\n",
            "The last line of its log is: No module named torch",
            "start.log",
        ),
        ("", "(exit code 4).", "start.log"),
    ],
)
def test_why_an_engine_refused_to_start_is_reported_with_what_to_do(folder: Path, output: str, message: str, hint: str) -> None:
    """Only the last line of what it had printed was passed on: the hint, and not the reason. An earlier engine's refusal is
    never taken for this one's."""
    (folder / "start.log").write_text("scumble: An old refusal.\n  An old hint.\n")
    launch = start_engine([sys.executable, "-c", f"import sys; sys.stderr.write({output!r}); sys.exit(4)"])
    launch.process.wait(60)
    failure = launch.failure()
    assert failure is not None
    assert message in failure.message
    assert hint in failure.hint


def test_a_log_that_has_grown_large_begins_again(folder: Path) -> None:
    log = folder / "start.log"
    log.write_bytes(b"x" * (2 << 20))
    start_engine([sys.executable, "-c", "print('new')"]).process.wait()
    assert log.read_text() == "new\n"


def test_the_client_runs_vendored_in_an_isolated_python_without_site_packages(tmp_path: Path) -> None:
    """As a plug-in carries it: under another name, beside nothing else."""
    source = Path(locate.__file__).parent
    shutil.copytree(source, tmp_path / "scumble_client", ignore=shutil.ignore_patterns("__pycache__"))
    modules = sorted(path.stem for path in source.glob("*.py") if path.stem != "__init__")
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
for name in {modules!r}:
    __import__("scumble_client." + name)
from scumble_client.blocking import Engine
from scumble_client.errors import EngineError
assert not any(name == "scumble" or name.startswith(("scumble.", "zmq", "numpy")) for name in sys.modules)
try:
    Engine.attach(start=False)
except EngineError as e:
    print(e.code)
"""
    run = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert run.stdout == "engine-missing\n"
