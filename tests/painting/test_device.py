# SPDX-License-Identifier: Apache-2.0
"""What differs on a GPU is in one place, and what is painted on one is what is painted without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from benchmarks import bench_gpu
from benchmarks.__main__ import main as benchmarks

from scumble.api.method import Runtime
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.painting import device, pipeline
from scumble.painting.fitting import first_rung
from support.painted import through_pipeline

TESTS = Path(__file__).resolve().parents[1]
ENGINE = TESTS.parent / "engine" / "scumble"
ELSEWHERE = {"painting/device.py", "cli/doctor.py", "evaluate/run.py"}
"""Where torch.cuda may be named: the place itself, and two that only ask whether there is one. Trainings have their own."""


def request(name: str, pixels: np.ndarray) -> pipeline.Request:
    return pipeline.Request(registry.method(name), [(StyleStore().get("starry-night"), 1.0)], 1.0, {}, pixels)


def painted_by(name: str, runtime: Runtime) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 4), np.uint8).repeat(4, 0).repeat(4, 1)
    pixels[..., 3] = 255
    return through_pipeline(request(name, pixels), runtime)


def test_torch_cuda_is_named_in_one_place() -> None:
    modules = {p.relative_to(ENGINE).as_posix() for p in ENGINE.rglob("*.py") if "torch.cuda" in p.read_text(encoding="utf-8")}
    assert {name for name in modules - ELSEWHERE if not name.startswith("training/") and "/train" not in name} == set()


def test_without_torch_there_is_a_processor_and_nothing_is_imported() -> None:
    asked = "choose('auto', 2), free_memory('cuda:0'), 'torch' in sys.modules"
    code = f"import sys; from scumble.painting.device import *; print({asked})"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["cpu", "0", "False"]


def test_the_processor_has_no_memory_of_its_own_and_nothing_to_wait_for() -> None:
    registry.methods()
    device.forget_most("cpu")
    device.finish("cpu")
    device.give_memory_back()
    assert (device.free_memory("cpu"), device.most_memory("cpu"), device.name_of("cpu")) == (0, 0, "cpu")
    assert device.choose("cpu") == "cpu"


def test_the_benchmark_of_a_gpu_measures_any_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is known to run before there is a GPU to run it on."""
    for name, value in {"SMALL": (32, 32), "BATCH": 1, "CROP": 64, "STEPS": 4}.items():
        monkeypatch.setattr(bench_gpu, name, value)
    figures = list(bench_gpu.measured("cpu", {"a small one": (48, 64)}, seconds=0.0))
    assert len(figures) == 7
    assert all(f.value > 0 for f in figures)


def test_without_a_gpu_its_benchmark_refuses_when_it_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ended with 0 and an empty table, as if all were measured."""
    monkeypatch.setattr(bench_gpu, "choose", lambda wanted: "cpu")
    assert benchmarks(["gpu", "--json", str(tmp_path / "bench.json")]) == 2
    printed = capsys.readouterr()
    assert "gpu is not measured: PyTorch finds no GPU on this machine." in " ".join(printed.err.split())
    assert not printed.out
    assert not (tmp_path / "bench.json").exists()


def test_among_all_benchmarks_one_that_cannot_run_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench_gpu, "choose", lambda wanted: "cpu")
    monkeypatch.setattr("benchmarks.__main__.names", lambda: ["gpu"])
    assert benchmarks(["--json", str(tmp_path / "bench.json")]) == 0
    assert '"figures": []' in (tmp_path / "bench.json").read_text(encoding="utf-8")


def test_tests_that_need_a_gpu_are_skipped_without_one_and_say_why(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.methods()
    monkeypatch.setattr(sys.modules["torch"].cuda, "is_available", lambda: False)
    conftest = request.config.pluginmanager.get_plugin(str(TESTS / "conftest.py"))
    marked, plain = (SimpleNamespace(get_closest_marker=lambda name, mark=mark: mark) for mark in ("gpu", None))
    with pytest.raises(pytest.skip.Exception, match="PyTorch finds no GPU on this machine"):
        conftest.pytest_runtest_setup(marked)
    conftest.pytest_runtest_setup(plain)


@pytest.mark.gpu
@pytest.mark.parametrize("name", ["johnson", "memory", "adain", "ghiasi", "stylebank"])
def test_a_gpu_paints_what_the_processor_paints(name: str) -> None:
    here, there = painted_by(name, Runtime("cpu")), painted_by(name, Runtime("cuda:0"))
    difference = np.abs(here.astype(int) - there)
    assert difference.mean() < 0.5
    assert np.quantile(difference, 0.999) <= 6


@pytest.mark.gpu
def test_bfloat16_on_a_gpu_is_near_float32() -> None:
    difference = np.abs(
        painted_by("johnson", Runtime("cuda:0")).astype(int) - painted_by("johnson", Runtime("cuda:0", half=True))
    )
    assert difference.mean() < 4


@pytest.mark.gpu
def test_a_gpus_memory_is_counted_and_given_back() -> None:
    import torch

    registry.methods()
    before = device.free_memory("cuda:0")
    block = torch.empty(1 << 28, dtype=torch.uint8, device="cuda:0")
    assert device.free_memory("cuda:0") <= before - (1 << 27)
    assert device.most_memory("cuda:0") >= 1 << 28
    del block
    device.give_memory_back()
    assert device.free_memory("cuda:0") >= before - (1 << 26)
    assert device.choose("auto") == "cuda:0"
    assert first_rung(request("johnson", np.zeros((64, 64, 4), np.uint8)), "cuda:0") == 0
