# SPDX-License-Identifier: Apache-2.0
"""StyleBank: what the paper promises of banks, over small networks with random weights."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Runtime, Weighted
from scumble.library.weights import name_of, save_weights
from scumble.methods.feed_forward import SHIPPED_ENCODER, Known
from scumble.methods.stylebank import method as stylebank
from scumble.methods.stylebank.method import Options, StyleBank, load_bank, load_shared
from scumble.methods.stylebank.network import CHANNELS, MARGIN, STRIDE, Bank, StyleBankNet
from scumble.nst.norms import collected_statistics, frozen_statistics
from support.painted import result_of
from support.pictures import noise


def network() -> StyleBankNet:
    torch.manual_seed(0)
    net = StyleBankNet(0.125, 1)
    for p in net.coder.blocks.parameters():
        torch.nn.init.normal_(p, std=0.02)  # so that the block counts, which begins as nothing
    return net.requires_grad_(False).eval()


def a_bank(seed: int) -> Bank:
    generator = torch.Generator().manual_seed(seed)
    kernel = torch.randn(CHANNELS, CHANNELS, 3, 3, generator=generator) / (3 * CHANNELS**0.5)
    return Bank(kernel, torch.randn(CHANNELS, generator=generator))


def weighted(seed: int, weight: float = 1.0) -> Weighted:
    return Weighted(Known({0: (a_bank(seed),)}), weight)


@pytest.fixture(scope="module")
def method() -> StyleBank:
    method = StyleBank()
    method._networks[SHIPPED_ENCODER, "cpu"] = network()
    return method


def shares(height: int, width: int) -> np.ndarray:
    parts = np.random.default_rng(5).random((height, width, 2), np.float32)
    return parts / parts.sum(2, keepdims=True)


def run(method: StyleBank, content: Content, *styles: Weighted, tile: int = 512) -> np.ndarray:
    return result_of(method.run(content, styles, Options(), Runtime(tile=tile)))


def test_no_pixel_beyond_the_margin_touches_the_output() -> None:
    net, bank = network(), a_bank(0)
    side = 2 * (MARGIN + 4 * STRIDE)
    with collected_statistics(net) as statistics:
        net.paint(torch.rand(1, 3, side, side), [bank])
    x = torch.rand(1, 3, side, side, requires_grad=True)
    with frozen_statistics(net, statistics):
        net.paint(x, [bank])[0, :, side // 2, side // 2].sum().backward()
    assert x.grad is not None
    rows = x.grad.abs().sum((0, 1, 3)).nonzero()
    assert max(side // 2 - int(rows.min()), int(rows.max()) - side // 2) <= MARGIN


def test_weights_1_and_0_are_the_first_style_bit_for_bit(method: StyleBank) -> None:
    rgb = noise(40, 48)
    alone = run(method, Content(rgb), weighted(0))
    assert run(method, Content(rgb), weighted(0, 1.0), weighted(1, 0.0)).tobytes() == alone.tobytes()
    assert np.abs(run(method, Content(rgb), weighted(1)) - alone).max() > 0.01


def test_a_mixture_is_one_convolution_with_the_mixture_of_the_kernels(method: StyleBank) -> None:
    """So features mix linearly, which half a share of each everywhere does as well."""
    rgb, halves = noise(40, 48), np.full((40, 48, 2), 0.5, np.float32)
    styles = [weighted(0, 0.5), weighted(1, 0.5)]
    mixed = run(method, Content(rgb), *styles)
    assert np.abs(run(method, Content(rgb, regions=halves), *styles) - mixed).max() < 1e-4


def test_a_region_of_everything_is_its_style_bit_for_bit(method: StyleBank) -> None:
    rgb, ones = noise(40, 48), np.zeros((40, 48, 2), np.float32)
    ones[..., 0] = 1
    alone = run(method, Content(rgb), weighted(0))
    placed = run(method, Content(rgb, regions=ones), weighted(0, 0.5), weighted(1, 0.5))
    assert placed.tobytes() == alone.tobytes()


def test_regions_paint_each_place_in_its_own_style(method: StyleBank) -> None:
    rgb, parts = noise(64, 240), np.zeros((64, 240, 2), np.float32)
    parts[:, :120, 0], parts[:, 120:, 1] = 1, 1
    first, second = (run(method, Content(rgb), weighted(i)) for i in range(2))
    mixed = run(method, Content(rgb, regions=parts), weighted(0, 0.5), weighted(1, 0.5))
    assert np.abs(mixed[:, : 120 - MARGIN] - first[:, : 120 - MARGIN]).max() < 1e-4
    assert np.abs(mixed[:, 120 + MARGIN :] - second[:, 120 + MARGIN :]).max() < 1e-4


def test_tiles_with_regions_equal_the_whole(method: StyleBank) -> None:
    rgb, parts = noise(72, 400), shares(72, 400)
    styles = [weighted(0, 0.5), weighted(1, 0.5)]
    whole = run(method, Content(rgb, regions=parts), *styles)
    selection = Content(rgb, whole=rgb, regions=parts, whole_regions=parts)
    assert np.abs(run(method, selection, *styles, tile=128) - whole).max() < 1e-4


def test_a_bank_begins_as_the_paintings_own_statistics() -> None:
    """Painted in its own statistics, a picture's features are what they were, so it is given back, except for the blur."""
    net = network()
    x = torch.from_numpy(noise(48, 64)).permute(2, 0, 1)[None]
    back = net.coder.decode(net.coder.encode(x), painted=True)
    assert torch.allclose(net.paint(x, [net.own_bank(x)]), back, atol=1e-3)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with shared networks and two banks."""
    save_weights(tmp_path / "stylebank.safetensors", network().state_dict(), {})
    monkeypatch.setattr(stylebank, "SHARED", tmp_path / "stylebank.safetensors")
    for seed, name in enumerate(("one", "two")):
        put_bank(tmp_path, name, seed)
    return tmp_path


def put_bank(folder: Path, name: str, seed: int) -> None:
    card = {"shared": name_of(folder / "stylebank.safetensors")}
    save_weights(folder / f"stylebank_{name}.safetensors", a_bank(seed)._asdict(), card)


def stored(folder: Path, name: str) -> Any:
    path = folder / f"stylebank_{name}.safetensors"
    return SimpleNamespace(id=name, revision=1, has_picture=False, state=lambda method: path if path.is_file() else None)


def digest(folder: Path, name: str) -> str:
    """The sha256 of what a fresh method paints."""
    method = StyleBank()
    state = method.prepare(stored(folder, name), Options(), Runtime())
    return hashlib.sha256(run(method, Content(noise(40, 48)), Weighted(state)).tobytes()).hexdigest()


def test_adding_a_bank_changes_no_bit_of_any_other_style(files: Path) -> None:
    before = [digest(files, name) for name in ("one", "two")]
    put_bank(files, "three", 3)
    assert [digest(files, name) for name in ("one", "two")] == before
    assert len({*before, digest(files, "three")}) == 3


def test_a_corrupt_bank_makes_only_its_own_style_unavailable(files: Path) -> None:
    path = files / "stylebank_one.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ScumbleError) as caught:
        StyleBank().prepare(stored(files, "one"), Options(), Runtime())
    assert caught.value.code == "weights-corrupt"
    assert digest(files, "two")


def test_a_bank_of_another_autoencoder_is_refused(files: Path) -> None:
    with pytest.raises(ScumbleError, match="another autoencoder"):
        load_bank(files / "stylebank_one.safetensors", "0123456789abcdef")


def test_a_file_that_holds_no_bank_and_one_that_holds_no_autoencoder_are_refused(files: Path) -> None:
    with pytest.raises(ScumbleError, match="no filter bank"):
        load_bank(files / "stylebank.safetensors", "")
    with pytest.raises(ScumbleError, match="no autoencoder"):
        load_shared(files / "stylebank_one.safetensors")


def test_only_styles_with_a_bank_are_available_and_others_say_what_to_do(files: Path) -> None:
    assert StyleBank().available(stored(files, "one"))
    assert not StyleBank().available(stored(files, "none"))
    with pytest.raises(ScumbleError) as caught:
        StyleBank().prepare(stored(files, "none"), Options(), Runtime())
    assert caught.value.code == "style-unavailable"
    assert "--add" in caught.value.hint
