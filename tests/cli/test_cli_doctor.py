# SPDX-License-Identifier: Apache-2.0
"""`scumble doctor` names what is wrong, says how to mend it, and changes nothing."""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scumble.cli import doctor
from scumble.cli.app import main
from scumble.cli.doctor import Check, State
from scumble.cli.exits import Exit
from scumble.library import places, weights
from scumble.methods import registry


def finding(name: str) -> Check:
    checks = [check for check in doctor.examine() if check.name == name]
    assert checks, f"nothing is reported about {name}"
    return checks[0]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the checks that a test is about: the others are covered by the first test."""
    light = (doctor._runtime_folder, doctor._engine, doctor._own_styles, doctor._disk)
    monkeypatch.setattr(doctor, "CHECKS", light)


@pytest.fixture
def all_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    every = (doctor._python, doctor._packages, doctor._torch, doctor._size, doctor._weights, *doctor.CHECKS, doctor._methods)
    monkeypatch.setattr(doctor, "CHECKS", every)


@pytest.mark.usefixtures("all_checks")
def test_every_part_of_the_installation_is_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor", "--json"])
    report = json.loads(capsys.readouterr().out)
    names = {check["name"] for check in report["checks"]}
    assert {"python", "packages", "device", "weights", "runtime folder", "engine", "your styles", "disk", "methods"} <= names
    assert code == (0 if report["ok"] else Exit.SOME_FAILED)
    assert all(check["hint"] for check in report["checks"] if check["state"] == "fail")


def test_a_runtime_folder_that_others_can_open_is_named_with_the_command_that_closes_it(user_folders: Path) -> None:
    (user_folders / "runtime").chmod(0o755)
    check = finding("runtime folder")
    assert check.state is State.FAIL
    assert f"chmod 700 {user_folders / 'runtime'}" in check.hint


def test_a_stale_connection_file_is_noticed_and_left_alone(user_folders: Path) -> None:
    file = user_folders / "runtime" / "engine.json"
    file.write_text('{"protocol": 1, "pid": 1}')
    assert finding("connection file").state is State.NOTE
    assert file.exists()


def test_no_running_engine_is_no_fault() -> None:
    assert finding("engine") == Check("engine", State.OK, "none is running; the first use starts one")


def test_a_folder_that_does_not_exist_yet_is_measured_where_it_would_be(
    user_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCUMBLE_CACHE_DIR", str(user_folders / "not" / "yet"))
    assert finding("disk").state is not State.FAIL
    assert not (user_folders / "not").exists()


def test_where_one_s_own_styles_lie_is_reported_and_whether_they_can_be_kept(
    user_folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = finding("your styles")
    assert (check.state, check.message) == (State.OK, f"0 in {user_folders / 'data' / 'styles'}")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    check = finding("your styles")
    assert check.state is State.FAIL
    assert "SCUMBLE_DATA_DIR" in check.hint


class Package:
    """A distribution of one file of so many bytes."""

    def __init__(self, folder: Path, name: str, size: int) -> None:
        self.metadata = {"Name": name}
        self.files = [Path(name), Path("missing")]
        self._folder = folder
        with open(folder / name, "wb") as file:
            file.truncate(size)

    def locate_file(self, file: Path) -> Path:
        return self._folder / file


@pytest.mark.parametrize(("size", "state"), [(3 << 30, doctor.State.NOTE), (1 << 20, doctor.State.OK)])
def test_what_only_a_gpu_needs_is_measured_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, state: doctor.State
) -> None:
    sizes = {"nvidia-cudnn-cu13": size, "triton": 1 << 20, "numpy": 5 << 30}
    packages = [Package(tmp_path, name, bytes) for name, bytes in sizes.items()]
    monkeypatch.setattr("importlib.metadata.distributions", lambda: packages)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    (check,) = doctor._size()
    assert check.state is state
    if state is doctor.State.NOTE:
        assert "3.2 GB could be saved: 2 packages" in check.message
        assert "docs/install.md" in check.hint
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert list(doctor._size()) == []


def test_a_damaged_weight_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    weights.save_weights(tmp_path / "johnson" / "good.safetensors", {"w": torch.ones(3)}, {})
    weights.save_weights(tmp_path / "johnson" / "bad.safetensors", {"w": torch.ones(3)}, {})
    with open(tmp_path / "johnson" / "bad.safetensors", "r+b") as f:
        f.seek(-1, os.SEEK_END)
        f.write(b"\x7f")
    monkeypatch.setattr(places, "SHIPPED", tmp_path)
    monkeypatch.setattr(doctor, "CHECKS", (doctor._weights,))
    checks = list(doctor.examine())
    assert [f.state for f in checks] == [State.FAIL] * 4
    assert "bad.safetensors" in checks[0].message
    assert [f.name for f in checks[1:]] == ["perceptual network"] * 3


def test_a_plug_in_that_does_not_load_is_named_and_the_others_count(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = importlib.metadata.EntryPoint("watercolour", "no_such_module_anywhere", "scumble")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [broken])
    monkeypatch.setattr(doctor, "CHECKS", (doctor._methods,))
    registry.methods.cache_clear()
    try:
        assert any("watercolour" in check.message for check in doctor.examine() if check.name == "plug-ins")
        assert "johnson" in finding("methods").message
    finally:
        registry.methods.cache_clear()


def test_a_package_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    monkeypatch.setattr(doctor, "CHECKS", (doctor._packages,))
    assert "pooch does not load" in finding("packages").message


def test_a_check_that_breaks_is_itself_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def _moon_phase() -> Iterator[Check]:
        raise RuntimeError("new moon")
        yield

    monkeypatch.setattr(doctor, "CHECKS", (_moon_phase, doctor._disk))
    assert [check.name for check in doctor.examine()] == ["moon phase", "disk"]
    assert "new moon" in finding("moon phase").message


def test_findings_are_lines_for_people(capsys: pytest.CaptureFixture[str], user_folders: Path) -> None:
    (user_folders / "runtime").chmod(0o755)
    assert main(["doctor"]) == Exit.SOME_FAILED
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("FAIL runtime folder: ")
    assert lines[-1] == "1 of 4 checks failed."


@pytest.mark.parametrize("command", ["/nowhere/scumble serve", "no-such-program serve", "'half quoted", "  "])
def test_a_command_that_starts_no_engine_is_a_failure(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All was well by the doctor, and nothing could be painted."""
    assert finding("engine").state is State.OK
    monkeypatch.setenv("SCUMBLE_ENGINE", command)
    check = finding("engine")
    assert check.state is State.FAIL
    assert "unset it" in check.hint


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_data_folder_that_is_a_file_is_a_failure(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may be written, so the doctor took it for a folder."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("SCUMBLE_DATA_DIR", str(tmp_path / place))
    check = finding("your styles")
    assert check.state is State.FAIL
    assert "is not a folder" in check.message


def test_a_module_of_the_environment_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Methods under work were missing, and only the engine's log said why."""
    monkeypatch.setattr(doctor, "CHECKS", (doctor._methods,))
    monkeypatch.setenv("SCUMBLE_PLUGINS", "no_such_module")
    check = finding("plug-ins")
    assert check.state is State.FAIL
    assert "no_such_module" in check.message
