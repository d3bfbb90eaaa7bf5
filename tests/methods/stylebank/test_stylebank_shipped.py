# SPDX-License-Identifier: Apache-2.0
"""StyleBank as it ships: its banks fit its autoencoder, which gives pictures back, and none of them prints a lattice."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from scumble.library.places import SHIPPED
from scumble.library.styles import StyleStore
from scumble.library.weights import name_of
from scumble.methods.stylebank.method import SHARED, StyleBank, load_bank, load_shared
from scumble.nst import synthetic
from support.spectrum import lattice

BANKS = sorted(path for path in SHIPPED.glob("stylebank/*.safetensors") if path.stem != "shared")


def test_twelve_styles_ship_and_fit_the_autoencoder() -> None:
    assert len(BANKS) >= 12
    styles, method = {s.id: s for s in StyleStore().list()}, StyleBank()
    for path in BANKS:
        load_bank(path, name_of(SHARED))
        assert method.available(styles[path.stem])


def test_pictures_are_given_back_at_26_db() -> None:
    """Made pictures; the page says how photographs fare. Brightness and contrast come back too, which a norm would lose."""
    net, generator = load_shared(SHARED), torch.Generator().manual_seed(0)
    for make in (synthetic.shades, synthetic.dead_leaves):
        x = make(256, generator)[None]
        for changed in (x, 0.5 * x + 0.1):
            error = F.mse_loss(net.coder(changed).clamp(0, 1), changed)
            assert -10 * math.log10(float(error)) >= 26, make.__name__


@pytest.mark.parametrize("path", BANKS, ids=lambda p: p.stem)
def test_no_bank_prints_a_lattice_on_smooth_pictures(path: Path) -> None:
    net, bank = load_shared(SHARED), load_bank(path, name_of(SHARED))
    for seed in range(3):
        coarse = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
        smooth = F.interpolate(coarse, (256, 256), mode="bicubic").clamp(0, 1)
        painted = net.paint(smooth, [bank])[0].mean(0)
        assert lattice(painted[32:224, 32:224].numpy()) < 3.0
