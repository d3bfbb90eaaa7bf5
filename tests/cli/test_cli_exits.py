# SPDX-License-Identifier: Apache-2.0
"""Every error ends as one clear sentence and a documented exit code."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from scumble.api.errors import ScumbleError
from scumble.cli import app
from scumble.cli.app import main
from scumble.cli.exits import EXITS, Exit, exit_for
from scumble.client.errors import EngineError

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """A command `fail` that raises what is put into the list."""
    raised: list[BaseException] = []

    @click.command()
    def fail() -> None:
        raise raised[0]

    monkeypatch.setitem(app.COMMANDS, "fail", "scumble.cli.app:fail")
    monkeypatch.setattr(app, "fail", fail, raising=False)
    return raised


def test_the_documented_table_is_the_one_in_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", (DOCS / "cli.md").read_text(encoding="utf-8"), re.M)
    assert [(int(code), meaning) for code, meaning in rows] == [(int(e), e.meaning) for e in Exit]


def test_every_code_of_the_protocol_has_an_exit() -> None:
    section = (DOCS / "protocol.md").read_text(encoding="utf-8").split("## 8 Errors")[1].split("## 9")[0]
    codes = {code.strip() for row in re.findall(r"^\| ([a-z, -]+?) \|", section, re.M) for code in row.split(",")} - {
        "code",
        "---",
    }
    assert len(codes) > 30
    assert codes == set(EXITS)


def test_a_code_of_a_newer_engine_counts_as_a_failed_job() -> None:
    assert exit_for("moon-phase") is Exit.JOB


@pytest.mark.parametrize("kind", [ScumbleError, EngineError])
def test_an_error_is_a_sentence_and_a_hint_and_no_traceback(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str], kind: type[ScumbleError] | type[EngineError]
) -> None:
    failing.append(kind("bad-picture", "The file [b]x[/b].png is empty.", "Choose another."))
    assert main(["fail"]) == Exit.BAD_INPUT
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.split("\n") == ["scumble: The file [b]x[/b].png is empty.", "  Choose another.", ""]


def test_ctrl_c_ends_with_130(failing: list[BaseException], capsys: pytest.CaptureFixture[str]) -> None:
    failing.append(KeyboardInterrupt())
    assert main(["fail"]) == 130
    assert "Cancelled." in capsys.readouterr().err


def test_a_bug_is_one_sentence_that_names_the_way_to_its_place(
    failing: list[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    failing.append(ZeroDivisionError("division by zero"))
    assert main(["fail"]) == Exit.BUG
    printed = capsys.readouterr().err
    assert "ZeroDivisionError: division by zero" in printed
    assert "--debug" in printed
    assert "Traceback" not in printed


def test_debug_shows_where_an_error_comes_from(failing: list[BaseException]) -> None:
    failing.append(ScumbleError("internal", "x"))
    with pytest.raises(ScumbleError):
        main(["--debug", "fail"])


@pytest.mark.parametrize("typed", [["paint"], ["stylize"], ["status", "--what"], ["stylize", "x.png", "-o", "y.png"]])
def test_a_wrong_command_line_ends_with_2_and_says_how_to_ask_for_help(
    typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(typed) == Exit.USAGE
    assert "Error: " in capsys.readouterr().err


def test_a_strength_of_seven_is_refused_before_anything_starts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylize", "x.png", "-o", "y.png", "--style", "night", "--strength", "7", "--no-start"]) == Exit.USAGE
    assert "7.0 is not in the range 0<=x<=1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [*app.COMMANDS, "styles list", "styles add", "styles refine", "styles rename", "styles remove"]
)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: scumble {command}")


def test_python_m_scumble_is_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-m", "scumble", "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.split()[0]) == (0, "scumble,")


def run_into(stdout: int) -> tuple[int, str]:
    """Exit code and stderr of a command that prints something to the descriptor `stdout`."""
    command = [sys.executable, "-m", "scumble", "--help"]
    done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_output_that_nobody_reads_ends_quietly() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert run_into(writer) == (Exit.NO_WRITE, "")
    finally:
        os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_to_a_full_disk_is_reported_in_a_sentence() -> None:
    with open("/dev/full", "wb") as full:
        code, message = run_into(full.fileno())
    assert code == Exit.NO_WRITE
    assert message == "scumble: The output cannot be written: No space left on device.\n"


@pytest.mark.parametrize(("typed", "meant"), [("stylise", "stylize"), ("style", "styles"), ("doktor", "doctor")])
def test_a_command_that_is_spelt_otherwise_is_suggested(typed: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([typed, "x.png"]) == Exit.USAGE
    assert f"Did you mean {meant}?" in capsys.readouterr().err


def test_an_option_that_is_spelt_otherwise_is_suggested(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylize", "x.png", "-o", "y.png", "--keep-colors", "luminance"]) == Exit.USAGE
    assert "--keep-colours" in capsys.readouterr().err
