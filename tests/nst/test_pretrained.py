# SPDX-License-Identifier: Apache-2.0
"""The perceptual networks, and how VGG's weights are located, fetched and refused."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from scumble.api.errors import ScumbleError
from scumble.nst.pretrained import find_or_download, has_published_hash, load_perceptual, load_torchvision, published_weights
from scumble.nst.vgg import VGG


@pytest.fixture(autouse=True)
def torch_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """torch's own cache, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    return tmp_path / "torch"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address where its files are served."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def named_by_hash(data: bytes) -> str:
    return f"net-{hashlib.sha256(data).hexdigest()[:8]}.pth"


def test_the_compact_network_is_frozen_and_gives_every_layer_it_is_asked_for() -> None:
    net = load_perceptual("compact")
    assert not any(p.requires_grad for p in net.parameters())
    features = net(torch.rand(1, 3, 33, 20), {"relu1_1", "relu5_1"})
    assert {k: tuple(v.shape) for k, v in features.items()} == {"relu1_1": (1, 16, 33, 20), "relu5_1": (1, 128, 3, 2)}


def test_stage_by_stage_it_gives_what_it_gives_at_once() -> None:
    net, x = load_perceptual("compact"), torch.rand(1, 3, 21, 34)
    at_once = net(x)
    y, collected = x, {}
    for layers in net.stages():
        y, features = net.stage(layers, y)
        collected |= features
    assert collected.keys() == at_once.keys()
    assert all(torch.equal(collected[k], at_once[k]) for k in collected)
    assert net.stages({"relu3_1"})[-1] == ["3_1"]


def test_a_layer_that_does_not_exist_is_named() -> None:
    with pytest.raises(KeyError, match="relu9_9"):
        load_perceptual("compact").stages({"relu9_9"})


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_torchvision_names_its_files_by_their_hash(network: str) -> None:
    weights = published_weights(network)  # type: ignore[arg-type]
    assert network in weights.url
    assert weights.url.rsplit("-", 1)[1].removesuffix(".pth").isalnum()
    assert len(weights.transforms().mean) == len(weights.transforms().std) == 3


def test_torchvisions_convolutions_land_in_their_layers_and_the_classifier_is_left(tmp_path: Path) -> None:
    net = VGG((1, 2), (2, 4))
    shapes = {"0": (2, 3), "3": (4, 2), "5": (4, 4)}
    state = {f"features.{n}.weight": torch.rand(*shape, 3, 3) for n, shape in shapes.items()}
    state |= {f"features.{n}.bias": torch.rand(shape[0]) for n, shape in shapes.items()}
    torch.save(state | {"classifier.0.weight": torch.rand(2, 2)}, tmp_path / "vgg.pth")
    load_torchvision(net, tmp_path / "vgg.pth")
    for layer, number in {"1_1": "0", "2_1": "3", "2_2": "5"}.items():
        assert torch.equal(net.conv(layer).weight, state[f"features.{number}.weight"])


def test_a_file_that_holds_another_network_is_refused_in_a_sentence(tmp_path: Path) -> None:
    torch.save({"features.0.weight": torch.rand(1)}, tmp_path / "odd.pth")
    (tmp_path / "junk.pth").write_bytes(b"no network at all")
    for name in ("odd.pth", "junk.pth"):
        with pytest.raises(ScumbleError, match="does not hold") as caught:
            load_torchvision(VGG((1,), (2,)), tmp_path / name)
        assert caught.value.code == "weights-corrupt"


def test_weights_are_downloaded_once_and_checked(served: tuple[Path, str], user_folders: Path) -> None:
    folder, address = served
    data = b"weights" * 1000
    name = named_by_hash(data)
    (folder / name).write_bytes(data)
    path = find_or_download(f"{address}/{name}")
    assert path.read_bytes() == data
    assert path.is_relative_to(user_folders / "cache")
    (folder / name).unlink()
    assert find_or_download(f"{address}/{name}") == path


def test_weights_that_torch_has_already_are_not_downloaded(torch_home: Path) -> None:
    data = b"from another program"
    path = torch_home / "hub" / "checkpoints" / named_by_hash(data)
    path.parent.mkdir(parents=True)
    path.write_bytes(data)
    assert find_or_download(f"http://127.0.0.1:9/{path.name}") == path


def test_offline_the_error_says_where_the_file_belongs(user_folders: Path) -> None:
    with pytest.raises(ScumbleError) as caught:
        find_or_download("http://127.0.0.1:9/vgg19-dcbb9e9d.pth")
    assert caught.value.code == "weights-missing"
    assert str(user_folders / "cache") in caught.value.hint
    assert "half" in caught.value.hint


def test_a_download_that_is_not_what_was_published_leaves_nothing_behind(served: tuple[Path, str], user_folders: Path) -> None:
    folder, address = served
    (folder / "net-00000000.pth").write_bytes(b"not it")
    with pytest.raises(ScumbleError) as caught:
        find_or_download(f"{address}/net-00000000.pth")
    assert caught.value.code == "weights-missing"
    with pytest.raises(ScumbleError):
        find_or_download(f"{address}/net-11111111.pth")  # not found
    assert not list((user_folders / "cache").rglob("*.pth"))


def test_a_damaged_file_in_the_cache_is_refused(torch_home: Path) -> None:
    path = torch_home / "hub" / "checkpoints" / "net-00000000.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"half a file")
    assert not has_published_hash(path)
    with pytest.raises(ScumbleError, match="damaged") as caught:
        find_or_download(f"http://127.0.0.1:9/{path.name}")
    assert caught.value.code == "weights-corrupt"
