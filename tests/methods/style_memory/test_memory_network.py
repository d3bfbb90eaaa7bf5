# SPDX-License-Identifier: Apache-2.0
"""What the style memory promises, whatever its weights: shown with random ones."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from scumble.methods.style_memory.network import (
    COLOURS,
    FAINT,
    MARGIN,
    PALETTE_FAINT,
    SIGNATURE_NETWORK,
    STRIDE,
    Block,
    ConditionalConv2d,
    MemoryNet,
    Read,
    StyleMemory,
    _Conv,
)
from scumble.methods.style_memory.refine import Descent, Pace, begin, descend_row
from scumble.nst.norms import collected_statistics, covariances, frozen_statistics
from scumble.nst.perceptual_loss import BALANCED, CONTENT_LAYER, LossSpec, grams_of
from scumble.nst.polyphase import DoubledConv, PhasedConv
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_encoder import SIGNATURE_SIZE, signature
from support.leaves import leaves

PACE = Pace(steps=3, rate=0.01, delta=0.2)

LOSS = LossSpec({1: BALANCED}, {CONTENT_LAYER: 1.0}, style_weight=3.0)


@pytest.fixture(scope="module")
def memory() -> StyleMemory:
    """With random weights everywhere: residual blocks begin as the identity, and would look at nothing."""
    torch.manual_seed(0)
    memory = StyleMemory().requires_grad_(False).eval()
    for conv in (m for m in memory.modules() if isinstance(m, _Conv) and not m.weight.any()):
        conv.reset_parameters()
    return memory


def contents(step: int) -> Tensor:
    """The same in all steps."""
    return leaves(64, 64, 2)


def rows(net: MemoryNet, n: int) -> Tensor:
    """Rows that use every number: their offsets are not 0."""
    own = torch.cat([net.own_row(leaves(64, 64, k)) for k in range(n)])
    return own + 0.1 * torch.randn(own.shape, generator=torch.Generator().manual_seed(1))


def test_what_is_read_is_affine_in_the_row() -> None:
    torch.manual_seed(0)
    read = Read(8, basis=4)
    features, a, b = torch.randn(1, 8, 12, 12), torch.randn(1, read.size), torch.randn(1, read.size)
    mixed = read(features, 0.3 * a + 0.7 * b, None)
    assert torch.allclose(mixed, 0.3 * read(features, a, None) + 0.7 * read(features, b, None), atol=1e-5)


def test_without_an_offset_it_is_adain() -> None:
    read = Read(8, basis=4)
    features = torch.randn(1, 8, 12, 12)
    part = torch.cat([torch.full((1, 8), 2.0), torch.full((1, 8), 3.0), torch.zeros(1, 4)], 1)
    t = read(features, part, None)
    deviation, mean = torch.std_mean(t, (2, 3), correction=0)
    assert torch.allclose(mean, torch.tensor(3.0), atol=1e-4)
    assert torch.allclose(deviation, torch.tensor(2.0), atol=1e-3)


@pytest.mark.parametrize("conv", [_Conv, DoubledConv, PhasedConv])
def test_a_bent_kernel_is_affine_in_the_row_and_a_row_of_zeros_leaves_it_as_it_is(
    conv: type[_Conv | DoubledConv | PhasedConv],
) -> None:
    torch.manual_seed(0)
    straight = conv(8, 4)
    bent = ConditionalConv2d(straight, 5)
    features, a, b = torch.randn(1, 32 if conv is PhasedConv else 8, 12, 12), torch.randn(1, 5), torch.randn(1, 5)
    assert torch.allclose(bent(features, torch.zeros(1, 5)), straight(features), atol=1e-6)
    assert not torch.allclose(bent(features, a), straight(features), atol=1e-2)
    mixed = bent(features, 0.3 * a + 0.7 * b)
    assert torch.allclose(mixed, 0.3 * bent(features, a) + 0.7 * bent(features, b), atol=1e-5)
    share = torch.cat([torch.full((1, 1, *mixed.shape[2:]), s) for s in (0.3, 0.7)])
    assert torch.allclose(bent(features, torch.cat([a, b]), share), mixed, atol=1e-5)


def test_every_layer_can_be_stopped_at(memory: StyleMemory) -> None:
    """Conditional kernels were once convolved with outside their layers: no cancel reached the ones at full resolution."""
    innermost = [m for m in memory.net.modules() if not list(m.children())]
    called: list[nn.Module] = []
    handles = [m.register_forward_pre_hook(lambda module, inputs: called.append(module)) for m in innermost]
    memory.net(leaves(64, 64), rows(memory.net, 1))
    for handle in handles:
        handle.remove()
    assert called
    assert set(innermost) == set(called)


def test_several_pictures_by_their_own_rows_are_what_each_is_alone(memory: StyleMemory) -> None:
    x, r = torch.cat([leaves(64, 64, 3), leaves(64, 64, 4)]), rows(memory.net, 2)
    together = memory.net(x, r)
    assert torch.allclose(together, torch.cat([memory.net(x[:1], r[:1]), memory.net(x[1:], r[1:])]), atol=1e-5)


def test_a_region_of_everything_is_the_whole_and_others_mix(memory: StyleMemory) -> None:
    x, r = leaves(64, 64, 3), rows(memory.net, 2)
    everything = torch.cat([torch.ones(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)])
    assert torch.allclose(memory.net(x, r, everything), memory.net(x, r[:1]), atol=1e-5)
    left = (torch.arange(64) < 32).float().expand(1, 1, 64, 64)
    halves = memory.net(x, r, torch.cat([left, 1 - left]))
    assert not torch.allclose(halves, memory.net(x, r[:1]), atol=1e-2)
    assert not torch.allclose(halves, memory.net(x, r[1:]), atol=1e-2)


@pytest.mark.parametrize("regions", [False, True])
def test_a_picture_made_in_strips_is_the_one_made_at_once(
    memory: StyleMemory, monkeypatch: pytest.MonkeyPatch, regions: bool
) -> None:
    net, x = memory.net, leaves(72, 72)
    shares = torch.rand(1, 1, 72, 72, generator=torch.Generator().manual_seed(2)) if regions else None
    given = (rows(net, 1), None) if shares is None else (rows(net, 2), torch.cat([shares, 1 - shares]))
    whole = net(x, *given)
    monkeypatch.setattr("scumble.methods.style_memory.network.STRIP", 42 * 10)  # 36 rows of 42 pixels: four strips
    heights: list[int] = []
    handle = net.at_full.register_forward_pre_hook(lambda module, inputs: heights.append(inputs[0].shape[2]))
    assert torch.allclose(net(x, *given), whole, atol=1e-5)
    handle.remove()
    assert heights == [15, 15, 15, 15]


def test_a_pixel_depends_on_nothing_beyond_the_margin(memory: StyleMemory) -> None:
    side = 2 * MARGIN + 4 * STRIDE
    x, row = leaves(side, side, 5), rows(memory.net, 1)
    with collected_statistics(memory.net) as statistics:
        memory.net(x, row)
    centre = slice(MARGIN + STRIDE, MARGIN + 2 * STRIDE)
    with frozen_statistics(memory.net, statistics), torch.enable_grad():
        leaf = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(memory.net(leaf, row)[0, :, centre, centre].sum(), leaf)
    touched = gradient.abs().sum((0, 1)).nonzero()
    assert touched.min() >= centre.start - MARGIN
    assert touched.max() < centre.stop + MARGIN
    assert touched.max() - touched.min() > MARGIN  # or the margin would be wasted


def test_a_picture_is_described_by_as_many_numbers_as_the_predictor_reads(memory: StyleMemory) -> None:
    described = signature(load_perceptual(SIGNATURE_NETWORK), torch.cat([leaves(48, 48), leaves(48, 48, 1)]))
    assert described.shape == (2, SIGNATURE_SIZE)
    assert memory.rows(torch.cat([leaves(64, 64), leaves(64, 64, 1)]), described).shape == (2, memory.net.row_size)


def test_the_colours_of_a_row_are_the_painting_s_own_whatever_is_predicted(memory: StyleMemory) -> None:
    """They were predicted, too: what is near many paintings is dull, and pictures had 0.5 to 0.8 of a painting's contrast."""
    painting = leaves(64, 64)
    other = StyleMemory().eval()
    torch.nn.init.normal_(other.predictor.last.bias)
    row = other.rows(painting, signature(load_perceptual(SIGNATURE_NETWORK), painting))
    own = other.net.own_row(painting, PALETTE_FAINT)
    assert torch.equal(row[:, -COLOURS:], own[:, -COLOURS:])
    assert not torch.isclose(row[:, :-COLOURS], own[:, :-COLOURS]).any(1).all()


def test_a_hue_that_is_hardly_there_does_not_get_the_palette_s_full_range(memory: StyleMemory) -> None:
    """Brought to unit covariance, a faint tint on a shirt became the painting's rarest colour, and white glared."""
    grey = leaves(64, 64, 6).mean(1, keepdim=True).expand(-1, 3, -1, -1).clone()
    tinted = grey.clone()
    tinted[:, 0, :8, :8] += 2 / 255
    whitened = memory.net.whitening(tinted)
    chroma = (whitened - whitened.mean(1, keepdim=True)).abs().max()
    assert chroma < 0.3 * whitened.std()


def test_a_descent_leaves_the_colours_to_the_painting(memory: StyleMemory) -> None:
    features, start = load_perceptual("half"), begin(rows(memory.net, 1))
    target = grams_of(leaves(64, 64, 9), features, LOSS.layers)
    *_, (at, _) = (f for f in descend_row(memory.net, start, PACE, target, features, LOSS, contents) if f is not None)
    assert torch.equal(at.row[:, -COLOURS:], start.row[:, -COLOURS:])
    assert not torch.equal(at.row, start.row)


def test_a_row_is_small_enough_to_be_one_of_thousands(memory: StyleMemory) -> None:
    assert memory.net.row_size * 4 <= 64 << 10


def test_a_descent_goes_on_where_it_was_broken_off(memory: StyleMemory) -> None:
    features = load_perceptual("quarter")
    target = grams_of(leaves(64, 64, 9), features, LOSS.layers)

    def others(step: int) -> Tensor:
        return leaves(64, 64, step)

    def descended(at: Descent) -> list[Descent]:
        steps = descend_row(memory.net, at, replace(PACE, steps=4), target, features, LOSS, others, held=leaves(64, 64, 7))
        return [step[0] for step in steps if step is not None]

    start = begin(rows(memory.net, 1))
    unbroken = descended(start)
    resumed = descended(unbroken[1])
    for name in ("row", "best", "moments"):
        assert torch.equal(getattr(unbroken[-1], name), getattr(resumed[-1], name))
    assert (unbroken[-1].least, unbroken[-1].first) == (resumed[-1].least, resumed[-1].first)
    assert not torch.equal(start.row, resumed[-1].row)


def test_what_a_descent_has_come_to_is_measured_again_with_other_contents(memory: StyleMemory) -> None:
    """A user paints between two parts of a refinement, and what is held back are her newest pictures: losses with the old
    ones once stood for these, so that an easy new picture let a row win that was worse than the first."""
    features = load_perceptual("quarter")
    target = grams_of(leaves(64, 64, 9), features, LOSS.layers)
    start = begin(rows(memory.net, 1))

    def last(at: Descent, steps: int, seed: int) -> Descent:
        descent = descend_row(
            memory.net, at, replace(PACE, steps=steps), target, features, LOSS, contents, held=leaves(64, 64, seed)
        )
        return [f[0] for f in descent if f is not None][-1]

    broken = last(start, 2, seed=7)
    spoilt = replace(broken, best=start.row + 5, least=math.inf, first=math.inf)
    other = last(spoilt, 3, seed=8)
    assert other.first == last(start, 1, seed=8).first != broken.first
    assert other.least <= other.first
    assert not torch.equal(other.best, spoilt.best), "it was worse than what all began with"


def test_a_descent_that_only_does_harm_keeps_the_row_it_began_with(memory: StyleMemory) -> None:
    """It begins where what is held back is painted just as the target asks."""
    features, start, held = load_perceptual("quarter"), begin(rows(memory.net, 1)), leaves(64, 64, 7)
    target = grams_of(memory.net(held, start.row), features, LOSS.layers)
    steps = descend_row(memory.net, start, Pace(3, 50.0, 0.2), target, features, LOSS, contents, held=held)
    *_, (at, _) = (step for step in steps if step is not None)
    assert torch.equal(at.best, start.row)
    assert at.least == at.first
    assert not torch.equal(at.row, start.row)


def test_a_descent_keeps_the_row_that_did_better_with_contents_held_back(memory: StyleMemory) -> None:
    features = load_perceptual("quarter")
    target = grams_of(leaves(64, 64, 9), features, LOSS.layers)
    start = begin(rows(memory.net, 1))
    steps = descend_row(memory.net, start, replace(PACE, steps=6), target, features, LOSS, contents, held=leaves(64, 64, 2))
    *_, (at, _) = (step for step in steps if step is not None)
    assert at.least < at.first
    assert torch.equal(at.best, at.row)


def test_a_block_begins_as_the_identity_and_learns_from_the_first_step() -> None:
    """Blocks that ended with a norm began with noise; rows learned to silence them, and they learned nothing."""
    torch.manual_seed(0)
    block, y = Block(8, basis=4), torch.rand(1, 8, 12, 12)
    parts = [torch.randn(1, place.size) for place in block.places]
    painted = block(y, iter(parts), None)
    assert not torch.equal(painted, y), "a style's own kernels count from the first"
    parts[2].zero_()
    painted = block(y, iter(parts), None)
    assert torch.equal(painted, y)
    (painted * torch.randn(painted.shape)).sum().backward()
    learning = [block.second.conv.weight.grad, block.second.conv.bias.grad]
    assert all(g is not None and bool(g.abs().sum() > 0) for g in learning)


def test_descending_a_row_lowers_its_loss_and_touches_no_weight(memory: StyleMemory) -> None:
    features = load_perceptual("quarter")
    target = grams_of(leaves(64, 64, 9), features, LOSS.layers)
    before = {k: v.clone() for k, v in memory.state_dict().items()}
    steps = descend_row(memory.net, begin(rows(memory.net, 1)), Pace(24, 0.02, 0.5), target, features, LOSS, contents)
    losses = [step[1]["content"] + LOSS.style_weight * step[1]["style"] for step in steps if step is not None]
    assert losses[-1] < 0.9 * losses[0], losses
    assert all(torch.equal(v, before[k]) for k, v in memory.state_dict().items())


def test_a_picture_s_own_colours_bring_it_back_from_its_whitened_ones(memory: StyleMemory) -> None:
    x = torch.cat([leaves(64, 64, 3), leaves(64, 64, 4)])
    colours = memory.net.own_row(x)[:, -12:]
    whitened = memory.net.whitening(x)
    again = torch.einsum("noi,nihw->nohw", colours[:, :9].view(-1, 3, 3), whitened) + colours[:, 9:, None, None]
    assert torch.allclose(again, x, atol=1e-5)
    mean, covariance = covariances(whitened)
    assert torch.allclose(mean, torch.zeros_like(mean), atol=1e-4)
    variances = torch.linalg.eigvalsh(covariance)  # 1, but less where a colour hardly varies
    had = torch.linalg.eigvalsh(covariances(x)[1])
    assert torch.allclose(variances, had / (had + FAINT), atol=1e-3)


def test_whitening_a_flat_picture_does_not_blow_it_up(memory: StyleMemory) -> None:
    flat = torch.full((1, 3, 16, 16), 0.5)
    flat[..., 0, 0] += 1 / 255
    assert memory.net.whitening(flat).abs().max() < 1


def test_frozen_whitening_is_the_whole_picture_s_in_every_part(memory: StyleMemory) -> None:
    x, row = leaves(96, 96, 6), rows(memory.net, 1)
    with collected_statistics(memory.net) as statistics:
        memory.net(x, row)
    with frozen_statistics(memory.net, statistics):
        part = memory.net.whitening(x[..., :32, :32])
    assert torch.allclose(part, memory.net.whitening(x)[..., :32, :32], atol=1e-5)
