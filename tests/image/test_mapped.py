# SPDX-License-Identifier: Apache-2.0
"""Large pictures lie in files, and nobody holds more of one than is being worked on."""

from __future__ import annotations

import errno
import os
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scumble.api.errors import ScumbleError
from scumble.api.method import Capabilities, Content, Method, Result, Runtime
from scumble.client.events import Request
from scumble.client.jobs import Job
from scumble.client.raster import Raster
from scumble.image import mapped
from scumble.image.files import Picture, read_picture, write_picture
from scumble.painting import pipeline
from support.painted import through_pipeline


@dataclass(frozen=True)
class NoOptions:
    """Nothing to choose."""


class Invert(Method):
    id, title, paper, purpose = "invert", "Invert", "", ""
    capabilities = Capabilities(tiling=True)
    Options = NoOptions

    def available(self, style: Any) -> bool:
        return True

    def prepare(self, style: Any, options: Any, runtime: Runtime) -> None:
        return None

    def run(self, content: Content, styles: Any, options: Any, runtime: Runtime) -> Iterator[Any]:
        result = mapped.empty(content.rgb.shape, np.float32)
        for y in range(0, len(result), 64):
            result[y : y + 64] = 1 - content.rgb[y : y + 64]
        yield Result(result)


class Plain:
    id, revision, has_picture = "plain", 1, False


def run(pixels: np.ndarray, **options: Any) -> np.ndarray:
    request = pipeline.Request(Invert(), [(Plain(), 1.0)], 1.0, {"scale": "full"} | options, pixels)  # type: ignore[list-item]
    return through_pipeline(request)


def noise_with_holes(height: int, width: int) -> np.ndarray:
    """Noise with soft and hidden places."""
    pixels = np.random.default_rng(0).integers(0, 255, (height, width, 4), np.uint8)
    pixels[: height // 3, : width // 2, 3] = 0
    return pixels


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> int:
    """Make arrays of 64 KiB large."""
    monkeypatch.setattr(mapped, "LARGE", 1 << 16)
    return 1 << 16


def test_an_array_in_a_file_keeps_what_is_written_and_leaves_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCUMBLE_CACHE_DIR", str(tmp_path))
    array = mapped.empty((300, 200, 3), np.float32, large=0)
    array[...] = 7
    mapped.release_pages(array[5:9], None, np.zeros(3))
    assert (array == 7).all()
    assert isinstance(mapped.buffer(array), mapped.Mapped)
    assert mapped.buffer(array[:4]) is not mapped.buffer(array)
    assert list(tmp_path.iterdir()) == []


def test_pages_that_are_released_are_not_in_memory() -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    if not Path("/proc/self/statm").exists():
        pytest.skip("only Linux tells")
    array = mapped.empty((50_000_000,), np.uint8, large=0)
    before = resident()
    array[...] = 1
    assert resident() - before > 40e6
    mapped.release_pages(array)
    assert resident() - before < 10e6


def test_a_full_disk_is_an_error_before_anything_is_painted(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
    with pytest.raises(ScumbleError, match="120 MB") as error:
        mapped.empty((10_000_000, 3), np.float32, large=0)
    assert error.value.code == "no-memory"


def test_a_picture_in_files_is_painted_as_one_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = noise_with_holes(301, 257)
    for options in ({}, {"keep_colours": "coral"}):
        monkeypatch.undo()
        in_memory = run(pixels, **options)
        monkeypatch.setattr(mapped, "LARGE", 1 << 14)
        assert run(pixels, **options).tobytes() == in_memory.tobytes()


def test_what_a_run_holds_at_full_scale_does_not_grow_with_the_picture(large: int) -> None:
    peaks = []
    for height in (2500, 7500):
        pixels = noise_with_holes(height, 1000)
        tracemalloc.start()
        try:
            run(pixels)
            peaks.append(tracemalloc.get_traced_memory()[1] - pixels.nbytes)
        finally:
            tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_a_large_file_is_read_into_a_file_and_written_from_one(
    tmp_path: Path, large: int, suffix: str, orientation: int
) -> None:
    pixels = noise_with_holes(150, 170)
    write_picture(tmp_path / f"a{suffix}", pixels)
    if orientation != 1:
        import pyvips

        image = pyvips.Image.new_from_file(str(tmp_path / f"a{suffix}")).copy()
        image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
        image.write_to_file(str(tmp_path / f"turned{suffix}"))
        pixels = np.rot90(pixels, -1)
    reread: Picture = read_picture(tmp_path / f"{'a' if orientation == 1 else 'turned'}{suffix}")
    assert isinstance(mapped.buffer(reread.pixels), mapped.Mapped)
    assert np.array_equal(reread.pixels, pixels)


class Lent(bytearray):
    """Counts how often its pages were released."""

    times = 0

    def release_pages(self) -> None:
        self.times += 1


def test_a_client_holds_neither_what_it_has_sent_nor_what_it_has_received() -> None:
    sent, received = Lent(4 * 6 * 5), list[Lent]()

    def allocate(size: int) -> Lent:
        received.append(Lent(size))
        return received[-1]

    raster = Raster(6, 5, "u8", "rgba", sent)
    assert bytes(raster.rows(1, 2)) == bytes(48)
    assert sent.times == 1
    job = Job("0" * 32, Request(raster, [("plain", 1.0)], "invert", allocate=allocate))
    for y in (0, 2, 4):
        strip = memoryview(bytes([y]) * (24 * min(2, 5 - y)))
        job.on_message({"type": "result", "y": y, "rows": min(2, 5 - y)}, [strip], lambda header: None)
    assert [len(buffer) for buffer in received] == [120]
    assert received[0] == bytes([0]) * 48 + bytes([2]) * 48 + bytes([4]) * 24
    assert received[0].times == 3
