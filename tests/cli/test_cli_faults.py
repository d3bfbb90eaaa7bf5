# SPDX-License-Identifier: Apache-2.0
"""The command line where the world is not as it should be: names, streams, signals. With a real engine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scumble.cli import batch
from scumble.cli.exits import Exit
from support.command_line import Run, engine, status
from support.pictures import noise_file

ROOT = Path(__file__).resolve().parents[2]
ENGINE = engine(f"PYTHONPATH={ROOT}", "SCUMBLE_PLUGINS=-,benchmarks.probe_method")
NOT_UTF8 = os.fsdecode(b"2caf\xe9.png")
PAINT = ("--style", "starry-night", "--method", "invert")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def apart(*arguments: object, before: tuple[str, ...] = (), **more: Any) -> subprocess.CompletedProcess[bytes]:
    """The command line in a process of its own; `before` goes before the command."""
    command = [*before, sys.executable, "-m", "scumble", *map(str, arguments)]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    return subprocess.run(command, timeout=90, check=False, **streams)


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="file names are Unicode there")
def test_a_name_that_is_not_utf_8_is_painted_listed_and_reported(run: Run, tmp_path: Path) -> None:
    """Folders from older systems hold Latin-1 names. One of them ended the batch, and the JSON was never written."""
    for name in ("1.png", NOT_UTF8, "3.png"):
        noise_file(tmp_path / "in" / name)
    assert run("methods")[0] == 0
    done = apart("stylize", tmp_path / "in", "-o", tmp_path / "out", *PAINT, "--json")
    assert done.returncode == 0, done.stderr
    assert names(tmp_path / "out") == {"1.png", NOT_UTF8, "3.png"}
    entries = json.loads(done.stdout)["pictures"]
    assert NOT_UTF8 in {Path(entry["input"]).name for entry in entries}
    assert rb"2caf\xe9.png -> " in done.stderr
    added = apart("styles", "add", tmp_path / "in" / NOT_UTF8, "--no-refine")
    assert (added.returncode, added.stdout) == (0, b"2cafe@1\n")
    assert apart("styles", "remove", "2cafe").returncode == 0


def test_control_characters_of_a_name_do_not_reach_the_terminal(run: Run, tmp_path: Path) -> None:
    """ESC in a name could repaint the terminal, and a newline forge a line."""
    noise_file(tmp_path / "in" / "\x1b[2Jred\nalert.png")
    code, _, err = run("stylize", tmp_path / "in", "-o", tmp_path / "out", *PAINT)
    assert code == 0
    assert "\x1b" not in err
    assert r"\x1b[2Jred\x0aalert.png" in err


def test_an_exception_that_nobody_foresaw_is_that_pictures_error_and_the_rest_goes_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in reading one picture of a thousand ended the batch with "Scumble has a bug", and without its JSON."""
    for name in ("1.png", "2.png", "3.png"):
        noise_file(tmp_path / "in" / name)
    paint = batch.stylize_one

    def broken(attached: Any, task: Any, *more: Any) -> dict[str, Any]:
        if task.source.name == "2.png":
            raise ZeroDivisionError("division by zero")
        return paint(attached, task, *more)

    monkeypatch.setattr(batch, "stylize_one", broken)
    code, out, err = run("stylize", tmp_path / "in", "-o", tmp_path / "out", *PAINT, "--json")
    assert code == Exit.SOME_FAILED
    entries = json.loads(out)["pictures"]
    assert [entry.get("error", {}).get("code") for entry in entries] == [None, "internal", None]
    assert "ZeroDivisionError: division by zero" in err
    assert names(tmp_path / "out") == {"1.png", "3.png"}
    code, _, _ = run("stylize", tmp_path / "in" / "2.png", "-o", tmp_path / "two.png", *PAINT)
    assert code == Exit.BUG


def test_a_protected_output_is_that_pictures_error_and_the_rest_goes_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1.png", "2.png"):
        noise_file(tmp_path / "in" / name)
    noise_file(tmp_path / "out" / "1.png")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, *more: Path(path).name != "1.png" and real(path, *more))
    code, out, _ = run("stylize", tmp_path / "in", "-o", tmp_path / "out", *PAINT, "--json")
    assert code == Exit.SOME_FAILED
    assert [entry.get("error", {}).get("code") for entry in json.loads(out)["pictures"]] == ["no-write", None]


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437"])
def test_a_stdout_of_another_encoding_gets_what_it_can_hold(run: Run, tmp_path: Path, encoding: str) -> None:
    """`styles list` ended with "Scumble has a bug: UnicodeEncodeError" in a Latin-1 terminal, and so did --json after all
    pictures had been painted."""
    photo = noise_file(tmp_path / "日本.png")
    assert run("styles", "add", photo, "--no-refine")[0] == 0
    here = {"env": os.environ | {"PYTHONIOENCODING": encoding}}
    assert apart("styles", "list", **here).returncode == 0
    done = apart("stylize", photo, "-o", tmp_path / "日本 painted.png", *PAINT, "--json", **here)
    assert done.returncode == 0, done.stderr
    (entry,) = json.loads(done.stdout.decode(encoding))["pictures"]
    assert entry["output"].endswith("日本 painted.png")
    assert (tmp_path / "日本 painted.png").exists()
    assert run("styles", "remove", "日本")[0] == 0


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_stream_that_is_closed_costs_its_words_and_no_picture(run: Run, tmp_path: Path, stream: str) -> None:
    """With `2>&-` the next file to be opened had the number of stderr, and warnings would have gone into a picture."""
    photo = noise_file(tmp_path / "photo.png")
    assert run("methods")[0] == 0
    shut = ("sh", "-c", f'exec "$@" {"1" if stream == "stdout" else "2"}>&-', "sh")
    done = apart("stylize", photo, "-o", tmp_path / "out.png", *PAINT, before=shut)
    assert done.returncode == 0, done.stderr
    assert Image.open(tmp_path / "out.png").size == (40, 30)
    ended = apart("stylize", photo, "-o", tmp_path / "again.png", *PAINT, "--json", before=shut)
    assert ended.returncode == (Exit.NO_WRITE if stream == "stdout" else 0)
    assert (tmp_path / "again.png").exists(), "the work is done before it is reported"
    assert b"bug" not in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_stderr_on_a_full_disk_costs_its_words_and_no_picture(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`2> log` on a full disk ended a batch after its first picture, and later, where Python buffers, with code 120."""
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    for name in ("1.png", "2.png"):
        noise_file(tmp_path / "in" / name)
    assert run("methods")[0] == 0
    with open("/dev/full", "wb") as full:
        done = apart("stylize", tmp_path / "in", "-o", tmp_path / "out", *PAINT, "--json", stderr=full)
        wrong = apart("stylize", "--what", stderr=full)
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["pictures"]) == len(names(tmp_path / "out")) == 2
    assert wrong.returncode == Exit.USAGE


def test_a_batch_tells_a_line_a_picture_and_no_empty_ones_where_there_is_no_terminal(run: Run, tmp_path: Path) -> None:
    """Each picture left an empty line behind in logs."""
    for number in range(3):
        noise_file(tmp_path / "in" / f"{number}.png")
    code, _, err = run("stylize", tmp_path / "in", "-o", tmp_path / "out", *PAINT)
    assert code == 0
    lines = err.splitlines()
    assert len(lines) == 3
    assert all(lines)
    assert ", 2 of 3, about " in lines[1]
    assert lines[2].endswith("3 of 3")


def test_pictures_that_are_there_are_skipped_on_demand(run: Run, tmp_path: Path) -> None:
    """Also an empty file, as other programs leave one, counted as a painting."""
    for number in range(3):
        noise_file(tmp_path / "in" / f"{number}.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "1.png").write_bytes(b"painted yesterday")
    (tmp_path / "out" / "2.png").touch()
    code, out, err = run("stylize", tmp_path / "in", "-o", tmp_path / "out", *PAINT, "--skip-existing", "--json")
    assert code == 0
    assert "1 picture left out: already painted." in err
    assert [entry.get("skipped", False) for entry in json.loads(out)["pictures"]] == [True, False, False]
    assert (tmp_path / "out" / "1.png").read_bytes() == b"painted yesterday"
    assert len(names(tmp_path / "out")) == 3


def busy(tmp_path: Path, seconds: float, *more: str) -> subprocess.Popen[bytes]:
    """A command whose only picture takes so long. In a process group of its own: Ctrl-Z stops nothing in one that has lost its
    shell, as that of tests in the background may have."""
    made = ("stylize", noise_file(tmp_path / "photo.png"), "-o", tmp_path / "out" / "out.png", "--style", "starry-night")
    wait = ("--method", "busy", "--option", f"seconds={seconds}", "--json")
    command = [sys.executable, "-m", "scumble", *map(str, made), *wait, *more]
    usual = (lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL)) if hasattr(signal, "SIGHUP") else None  # as without nohup
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0, preexec_fn=usual)


def until(what: Any, seconds: float = 60.0) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "exit"), [(signal.SIGTERM, Exit.TERMINATED), (signal.SIGHUP, Exit.HUNG_UP)])
def test_term_and_hup_cancel_the_job_and_leave_nothing(run: Run, tmp_path: Path, number: int, exit: Exit) -> None:
    """`kill`, a logout and a shutdown ended Python on the spot: a hidden part of a picture stayed, and the engine went on
    painting for nobody."""
    before = status(run)["cancelled"] if run("methods")[0] == 0 else 0
    process = busy(tmp_path, 30)
    until(lambda: status(run)["jobs"]["running"])
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == exit, err
    assert json.loads(out)["pictures"][0]["error"]["code"] == "cancelled"
    assert f"Ended by {signal.Signals(number).name}." in err.decode()
    assert not (tmp_path / "out").exists() or not names(tmp_path / "out")
    until(lambda: status(run)["cancelled"] == before + 1)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_hup_that_is_ignored_stays_so(run: Run, tmp_path: Path) -> None:
    """That is what nohup asks for."""
    assert run("methods")[0] == 0
    ignoring = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    made = ("stylize", noise_file(tmp_path / "photo.png"), "-o", tmp_path / "out.png", "--style", "starry-night")
    command = [sys.executable, "-m", "scumble", *map(str, made), "--method", "busy", "--option", "seconds=2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=ignoring)
    until(lambda: status(run)["jobs"]["running"])
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert (tmp_path / "out.png").exists()


@pytest.mark.skipif(not hasattr(signal, "SIGTSTP"), reason="no Ctrl-Z")
def test_ctrl_z_pauses_and_fg_goes_on(run: Run, tmp_path: Path) -> None:
    assert run("methods")[0] == 0
    process = busy(tmp_path, 8)  # longer than it takes to see it run on a busy machine
    until(lambda: status(run)["jobs"]["running"])
    process.send_signal(signal.SIGTSTP)
    until(lambda: _state(process.pid) == "T")
    time.sleep(3)
    process.send_signal(signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b"Paused" in err
    assert "error" not in json.loads(out)["pictures"][0]


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs to take root's rights away")
@pytest.mark.parametrize(
    ("given", "out", "exit", "message"),
    [
        ("locked/a.png", "x.png", Exit.BAD_INPUT, "locked/a.png cannot be opened: Permission denied."),
        ("locked", "o/", Exit.BAD_INPUT, "locked cannot be listed: Permission denied."),
        ("a.png", "locked/x.png", Exit.NO_WRITE, "locked/x.png cannot be written: Permission denied."),
        ("a.png/b.png", "x.png", Exit.BAD_INPUT, "Not a directory"),
        ("x" * 300, "x.png", Exit.BAD_INPUT, "File name too long"),
        ("a.png", "y" * 300 + ".png", Exit.NO_WRITE, "File name too long"),
        ("a.png", "a.png/x.png", Exit.NO_WRITE, "could not be saved"),
    ],
)
def test_a_path_that_cannot_be_looked_at_is_a_sentence_and_no_bug(
    run: Run, tmp_path: Path, given: str, out: str, exit: Exit, message: str
) -> None:
    """pathlib's questions (is_dir, exists) raise where a folder is locked or a name too long; that was "Scumble has a bug"."""
    noise_file(tmp_path / "a.png")
    shutil.copy(tmp_path / "a.png", noise_file(tmp_path / "locked" / "a.png"))
    assert run("methods")[0] == 0
    (tmp_path / "locked").chmod(0)
    rights = "-dac_override,-dac_read_search"  # of root, whom the bits of a folder do not bind
    bound = ("setpriv", "--bounding-set", rights, "--inh-caps", rights) if os.geteuid() == 0 else ()
    try:
        done = apart("stylize", given, "-o", out, *PAINT, before=bound, cwd=tmp_path)
    finally:
        (tmp_path / "locked").chmod(0o700)
    assert done.returncode == exit, done.stderr
    assert message in done.stderr.decode()
    assert b"bug" not in done.stderr


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_refused_and_nothing_waits_for_it(run: Run, tmp_path: Path) -> None:
    """Nothing ever came out of it, and the command line waited forever."""
    os.mkfifo(tmp_path / "pipe.png")
    for arguments in (
        ("stylize", tmp_path / "pipe.png", "-o", tmp_path / "x.png", *PAINT),
        ("stylize", noise_file(tmp_path / "a.png"), "-o", tmp_path / "x.png", "--style-file", tmp_path / "pipe.png"),
        ("stylize", tmp_path / "a.png", "-o", tmp_path / "x.png", "--region", f"starry-night={tmp_path / 'pipe.png'}"),
        ("styles", "add", tmp_path / "pipe.png"),
    ):
        code, _, err = run(*arguments)
        assert code == Exit.BAD_INPUT
        assert "pipe or a device" in err


def test_an_engine_of_an_older_version_is_named(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the older one lacks looked like a fault of the newer."""
    assert run("methods")[0] == 0
    monkeypatch.setattr("scumble.cli.connect.__version__", "99.1.0")
    code, _, err = run("methods")
    assert code == 0
    assert "older than this 99.1.0. `scumble stop` lets the next use start the new one." in err
    monkeypatch.setattr("scumble.cli.connect.__version__", "0.0.1")
    assert "older" not in run("methods")[2]


def test_the_id_of_a_style_can_be_chosen(run: Run, tmp_path: Path) -> None:
    photo = noise_file(tmp_path / "富士.png")
    assert run("styles", "add", photo, "--no-refine", "--id", "fuji")[:2] == (0, "fuji@1\n")
    code, _, err = run("styles", "add", noise_file(tmp_path / "b.png"), "--no-refine", "--id", "fuji")
    assert code == Exit.USAGE
    assert "Another style has the id" in err
    assert run("styles", "add", photo, "--id", "Fuji San")[0] == Exit.USAGE
    made = ("stylize", noise_file(tmp_path / "a.png"), "-o", tmp_path / "x.png", "--method", "invert")
    assert run(*made, "--style", "富士")[0] == 0, "its title will do"
    assert run("styles", "remove", "fuji")[0] == 0


def test_colours_metadata_and_quality_go_the_whole_way(run: Run, tmp_path: Path) -> None:
    """What is known of the file when it is read must not be lost on the way through the engine."""
    exif = Image.Exif()
    exif[0x8298] = "(c) Eva"
    exif.get_ifd(0x8769)[0xA001] = 2  # Adobe RGB
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    sizes = []
    for quality in ("30", "95"):
        code, _, err = run(
            "stylize", tmp_path / "a.jpg", "-o", tmp_path / "o.jpg", *PAINT, "--quality", quality, "--profile", "keep"
        )
        assert code == 0, err
        sizes.append((tmp_path / "o.jpg").stat().st_size)
        with Image.open(tmp_path / "o.jpg") as made:
            assert b"A\0d\0o\0b\0e" in made.info["icc_profile"]
            assert made.getexif()[0x8298] == "(c) Eva"
    assert sizes[0] < 0.7 * sizes[1]
    code, out, err = run("stylize", tmp_path / "a.jpg", "-o", tmp_path / "o.gif", *PAINT, "--json")
    assert code == 0
    assert "its EXIF is lost" in json.loads(out)["pictures"][0]["notes"][0]
    assert len(err.splitlines()) == 1, "one line a picture, with the remarks about it"
    assert ".;" not in err
