# SPDX-License-Identifier: Apache-2.0
"""The command line and an engine that it reaches over CURVE alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from zmq.auth import create_certificates

from scumble.cli.app import main
from scumble.cli.exits import Exit
from support.engine import STYLE, free_port, running

pytestmark = pytest.mark.timeout(120)


def test_pictures_are_painted_by_an_engine_elsewhere_whose_keys_are_known(
    tmp_path: Path, user_folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine_public, engine_secret = create_certificates(tmp_path, "engine")
    (tmp_path / "clients").mkdir()
    _, mine = create_certificates(tmp_path / "clients", "mine")
    _, unknown = create_certificates(tmp_path, "unknown")
    address = f"tcp://127.0.0.1:{free_port()}"
    pixels = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    flags = ("--listen", address, "--curve-key", engine_secret, "--curve-clients", str(tmp_path / "clients"))
    with running(*flags) as engine:
        (user_folders / "elsewhere").mkdir(mode=0o700)
        monkeypatch.setenv("SCUMBLE_RUNTIME_DIR", str(user_folders / "elsewhere"))  # as on a machine without an engine
        remote = ("--engine", address, "--engine-key", engine_public, "--key", mine)
        wanted = ("stylize", str(tmp_path / "in.png"), "-o", str(tmp_path / "out.png"), "--style", STYLE, "--method", "invert")
        assert main([*wanted, *remote]) == 0, capsys.readouterr().err
        assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png")), 255 - pixels)
        capsys.readouterr()
        assert main(["status", "--json", *remote]) == 0
        assert json.loads(capsys.readouterr().out)["pid"] == engine.process.pid
        assert main(["methods", "--engine", address, "--engine-key", engine_public, "--key", unknown]) == Exit.ENGINE
        assert not list((user_folders / "elsewhere").iterdir()), "no engine was started here"


@pytest.mark.parametrize(
    "flags", [["--engine", "tcp://127.0.0.1:5570"], ["--engine", "127.0.0.1:5570"], ["--engine", "tcp://studio:65535"]]
)
def test_an_address_without_keys_or_that_is_none_is_a_wrong_command_line(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["styles", "list", *flags]) == Exit.USAGE
    assert "--engine" in capsys.readouterr().err
