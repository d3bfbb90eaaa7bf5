# SPDX-License-Identifier: Apache-2.0
"""What ships: every weight file has its card, loads, is small, and prints no lattice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Result, Runtime
from scumble.library.places import COMPACT, SHIPPED, shared_path, state_path
from scumble.library.styles import StyleStore
from scumble.library.weights import card_path, load_card, load_weights, save_weights
from scumble.methods import registry
from scumble.methods.johnson.method import Johnson, Options, load_network
from scumble.methods.style_memory.method import fits, load_memory, load_row
from scumble.painting.mixing import states
from scumble.painting.pipeline import parse_options
from support.spectrum import lattice, wave

FILES = sorted(SHIPPED.glob("*/*.safetensors"))
NETWORKS = sorted(SHIPPED.glob("johnson/*.safetensors"))


def test_there_are_weights_to_look_at() -> None:
    assert COMPACT in FILES
    assert {"starry-night", "great-wave", "composition-vii", "scream"} <= {p.stem for p in NETWORKS}


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_every_weight_file_is_the_one_its_card_describes(path: Path) -> None:
    tensors, card = load_weights(path)
    assert card["parameters"] == sum(t.numel() for t in tensors.values())
    assert card["licence"]
    assert {"command", "teachers", "machine"} <= set(card["training"])


@pytest.mark.parametrize("path", FILES, ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_the_pictures_of_a_training_are_credited_one_a_line(path: Path) -> None:
    """Cards held the list themselves: 2600 lines were parsed whenever a network was loaded."""
    credits = load_card(path)["training"].get("credits")
    if credits is not None:
        lines = (SHIPPED / credits["file"]).read_text(encoding="utf-8").splitlines()
        assert len(lines) == credits["pictures"] > 0
        assert all(lines)


def test_together_they_stay_small() -> None:
    """half and quarter are what made pictures of brush strokes, and are 6 MB of it."""
    assert sum(p.stat().st_size for p in FILES) <= 60_000_000
    assert COMPACT.stat().st_size <= 4 << 20
    least = ("perceptual", "johnson", "gatys", "adain", "memory")  # what painting by any picture wants
    assert sum(p.stat().st_size for p in FILES if p.parent.name in least) <= 40_000_000


def test_cards_of_styles_name_title_artist_and_year_and_have_a_picture() -> None:
    for path in sorted((SHIPPED / "styles").glob("*.json")):
        card = json.loads(path.read_text(encoding="utf-8"))
        assert card["title"], path
        assert card["artist"], path
        assert card["year"], path
        assert path.with_suffix(".png").exists(), f"{path.stem} has no thumbnail"


@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.stem)
def test_no_network_prints_a_lattice_on_smooth_pictures(path: Path) -> None:
    """Waves of 2 and 4 pixels, on pictures that hold none, stay below 3 of 255 levels.

    Before their last layer was a blur, networks printed a wave of period 2 with 8 to 11 levels, a weave in skies.
    """
    net = load_network(path)
    for seed in range(3):
        coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            painted = net(F.interpolate(coarse, (256, 256), mode="bicubic").clamp(0, 1))[0].mean(0)
        assert float(lattice(painted[32:224, 32:224].numpy())) < 3.0


MEMORY = sorted(set(SHIPPED.glob("memory/*.safetensors")) - {shared_path(SHIPPED, "memory")})


def test_the_style_memory_ships_a_row_for_every_style_all_of_its_own_networks() -> None:
    assert {path.stem for path in MEMORY} == {path.stem for path in (SHIPPED / "styles").glob("*.json")}
    assert len(MEMORY) >= 24
    assert all(fits(path) for path in MEMORY)
    assert all(path.stat().st_size <= 64 << 10 for path in MEMORY)


def test_no_style_of_the_memory_prints_a_lattice_on_smooth_pictures() -> None:
    """Waves of 2 pixels are gone, those of 4 and 8 stay below 4 of 255 levels (root mean square) on pictures that hold none. Of
    one picture alone strokes that fall so can tell more: on one machine they did, on another not."""
    net = load_memory(shared_path(SHIPPED, "memory")).net
    strengths: dict[str, float] = {}
    encoded = []  # once for all styles
    for seed in range(4):
        coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
        smooth = F.interpolate(coarse, (256, 256), mode="bicubic").clamp(0, 1)
        with torch.no_grad():
            encoded.append((smooth, *net.encode(smooth)))
    for path in MEMORY:
        with torch.no_grad():
            painted = [net.decode(*picture, load_row(path))[0].mean(0)[32:224, 32:224].numpy() for picture in encoded]
        for period, most in ((2, 0.1), (4, 4.0), (8, 4.0)):
            waves = np.array([wave(picture, period) for picture in painted])
            strengths[f"{path.stem}, {period} pixels"] = float(np.sqrt(np.square(waves).mean())) / most
    assert max(strengths.values()) < 1, sorted(strengths, key=lambda k: strengths[k])[-3:]


def test_the_lattice_measure_sees_a_lattice() -> None:
    picture = np.full((192, 192), 0.5)
    assert lattice(picture) < 0.01
    picture[:, ::2] += 4 / 255
    assert lattice(picture) > 2


@pytest.mark.parametrize("name", registry.methods())
def test_a_corrupt_file_makes_only_its_own_style_unavailable(name: str, tmp_path: Path) -> None:
    """For every method that ships: what one style knows is damaged, and another style is painted as ever."""
    method, runtime = registry.method(name), Runtime()
    _, options = parse_options(method, {"steps": 2} if name == "gatys" else {})
    good, bad = (tmp_path / f"{name}_{n}.safetensors" for n in ("good", "bad"))
    for path in (good, bad):
        shipped = state_path(SHIPPED, name, "starry-night")
        shutil.copy(shipped, path)
        shutil.copy(card_path(shipped), card_path(path))
    data = bytearray(bad.read_bytes())
    data[len(data) // 2] ^= 1
    bad.write_bytes(data)

    content = Content(np.full((64, 64, 3), 0.5, np.float32))
    with pytest.raises(ScumbleError) as caught:
        list(method.run(content, states(method, [(Stored("bad", bad), 1.0)], options, runtime), options, runtime))
    assert caught.value.code == "weights-corrupt"
    *_, last = method.run(content, states(method, [(Stored("good", good), 1.0)], options, runtime), options, runtime)
    assert isinstance(last, Result)


def test_weights_of_another_kind_are_refused_with_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "johnson_odd.safetensors"
    save_weights(path, {"x": torch.zeros(3)}, {"licence": "none"})
    with pytest.raises(ScumbleError, match="no transform network"):
        load_network(path)


def test_a_style_without_a_network_says_what_to_do() -> None:
    with pytest.raises(ScumbleError) as caught:
        Johnson().prepare(Stored("plain", None), Options(), Runtime())
    assert caught.value.code == "style-unavailable"
    assert "train" in caught.value.hint


def test_every_shipped_network_belongs_to_a_style_of_the_catalogue() -> None:
    styles = {s.id: s for s in StyleStore().list()}
    for path in NETWORKS:
        assert Johnson().available(styles[path.stem])


class Stored:
    """A style with at most one network."""

    revision = 1
    has_picture = False

    def __init__(self, style_id: str, path: Path | None) -> None:
        self.id, self._path = style_id, path

    def picture(self) -> None:
        return None

    def state(self, method: str) -> Path | None:
        return self._path
