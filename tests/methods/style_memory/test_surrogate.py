# SPDX-License-Identifier: Apache-2.0
"""The surrogate: linear maps of the compact network's features by which rows are refined."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from scumble.api.errors import ScumbleError
from scumble.library.places import COMPACT, SHIPPED, SURROGATE, shared_path
from scumble.library.weights import card_path, load_weights, name_of, save_weights
from scumble.methods.style_memory import train_surrogate as surrogate
from scumble.methods.style_memory.surrogate import load_surrogate, own_layer, root
from scumble.nst.losses import gram
from scumble.nst.pretrained import load_perceptual
from scumble.training.teachers import Teachers
from support.coarse import coarse_pictures


def test_a_root_tells_gram_matrices_as_far_apart_as_the_map_does() -> None:
    generator = torch.Generator().manual_seed(0)
    for shape in ((7, 4), (3, 9)):
        w = torch.randn(shape, generator=generator)
        r = root(w)
        apart = torch.randn(shape[1], shape[1], generator=generator)
        apart = apart + apart.T
        assert r.shape == (min(shape), shape[1])
        assert torch.allclose((r @ apart @ r.T).norm(), (w @ apart @ w.T).norm(), rtol=1e-4)


def test_the_surrogate_that_ships_is_frozen_and_looks_at_the_layers_that_judges_do() -> None:
    eyes = load_surrogate()
    assert not any(p.requires_grad for p in eyes.parameters())
    look = eyes.look(3.0)
    assert set(look.styles[1]) == {
        *("vgg16/relu1_2", "vgg16/relu2_2", "vgg16/relu3_3"),
        *(f"pruned/relu{k}_1" for k in range(1, 6)),
    }
    x = torch.rand(1, 3, 64, 48, generator=torch.Generator().manual_seed(0))
    seen = eyes(x, look.layers[1])
    assert torch.equal(seen["relu3_3"], load_perceptual("compact")(x, {"relu3_3"})["relu3_3"])
    assert seen["vgg16/relu3_3"].shape[2:] == (16, 12)


def test_however_often_it_is_loaded_it_looks_in_the_same_order() -> None:
    """A file's maps came in any order, a checkpoint is told by how the eyes look, and hardly one was known again."""
    assert len({str(load_surrogate().look(3.0)) for _ in range(4)}) == 1


def test_a_surrogate_for_another_perceptual_network_is_refused(tmp_path: Path) -> None:
    """Its maps say nothing of that one's features."""
    maps, card = load_weights(SURROGATE)
    save_weights(tmp_path / "surrogate.safetensors", maps, card | {"network": "another"}, torch.float32)
    with pytest.raises(ScumbleError, match="another perceptual network") as caught:
        load_surrogate(tmp_path / "surrogate.safetensors")
    assert caught.value.code == "weights-corrupt"


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    for other in (COMPACT, shared_path(SHIPPED, "memory")):
        for copied in (other, card_path(other)):
            shutil.copy(copied, tmp_path)
        with pytest.raises(ScumbleError, match="holds no surrogate"):
            load_surrogate(tmp_path / other.name)
    path = tmp_path / "surrogate.safetensors"
    for maps in (
        {},
        {"relu3_3": torch.zeros(4, 65)},
        {"a.b/relu3_3": torch.zeros(4, 65)},
        {"vgg16/relu3_3": torch.zeros(4, 64)},
    ):
        save_weights(path, maps, {"network": name_of(COMPACT)})
        with pytest.raises(ScumbleError, match="holds no surrogate"):
            load_surrogate(path)


@pytest.mark.usefixtures("one_thread")
def test_the_fit_finds_the_map_that_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A teacher whose features are the compact network's own, doubled and shifted, is told without a rest."""
    compact = load_perceptual("compact")

    class Doubled(Teachers):
        def forward(self, x: torch.Tensor, wanted: set[str]) -> dict[str, torch.Tensor]:
            own = compact(x, {name.split("/")[1] for name in wanted})
            return {name: 2 * own[name.split("/")[1]] + 1 for name in wanted}

    monkeypatch.setattr(surrogate, "load_teachers", lambda source: Doubled({"vgg16": compact, "pruned": compact}))
    folders = [coarse_pictures(tmp_path / name, 3) for name in ("photographs", "paintings")]
    recipe = surrogate.Recipe(*folders, batches=6, crop=64)
    said: list[str] = []
    path = surrogate.train(recipe, tmp_path / "out", said.append)
    eyes = load_surrogate(path)
    x, y = (torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * s for s in (1.0, 0.5))
    for name in eyes.maps:
        layer = own_layer(name)
        ours, theirs = (
            float((gram(see(x)) - gram(see(y))).norm() * see(x).shape[1])
            for see in (lambda z, n=name: eyes(z, {n})[n], lambda z, k=layer: 2 * compact(z, {k})[k] + 1)
        )
        assert ours == pytest.approx(theirs, rel=0.1), name
    _, card = load_weights(path)
    assert card["training"]["unexplained"] is None, "these folders have no test split"
    for folder in folders:
        (folder / "manifest.csv").write_text("file,split,title,artist,licence\n0.png,train,A,A,CC0\n1.png,test,B,B,CC0\n")
    _, card = load_weights(surrogate.train(recipe, tmp_path / "out", said.append))
    assert max(card["training"]["unexplained"].values()) < 0.01
    assert card["training"]["batches"] == 6


@pytest.mark.parametrize("changed", [{"batches": 2}, {"crop": 100}])
def test_a_fit_of_too_little_is_refused(changed: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(ScumbleError) as caught:
        surrogate.train(surrogate.Recipe(tmp_path, tmp_path, "compact", **changed), tmp_path, lambda line: None)
    assert caught.value.code == "bad-options"
