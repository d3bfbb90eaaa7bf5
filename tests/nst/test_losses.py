# SPDX-License-Identifier: Apache-2.0
"""The losses: what is zero, what counts how much, and what alpha takes away."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from scumble.nst.losses import (
    SALIENT,
    calm_texture,
    colour_range,
    content_loss,
    contrast,
    contrast_loss,
    distinctness,
    echo_loss,
    gram,
    gram_loss,
    hue_loss,
    lattice_loss,
    mean_gram,
    overshoot,
    pixel_weight,
    relief_loss,
    root_gram_loss,
    salience,
    squared_distance,
    tv_loss,
)


@pytest.fixture
def features() -> torch.Tensor:
    return torch.rand(1, 5, 6, 7, generator=torch.Generator().manual_seed(0))


def test_a_gram_matrix_is_divided_by_channels_and_cells(features: torch.Tensor) -> None:
    f = features[0].flatten(1)
    assert torch.allclose(gram(features)[0], f @ f.T / (5 * 6 * 7))
    assert torch.allclose(mean_gram(features), f @ f.T / (6 * 7))


def test_equal_features_have_no_loss_and_unrelated_ones_a_content_loss_of_about_two() -> None:
    random = torch.Generator().manual_seed(1)
    a, b = (torch.randn(1, 4, 64, 64, generator=random) for _ in range(2))
    assert float(content_loss(a, a)) == 0
    assert float(content_loss(a, b)) == pytest.approx(2, abs=0.1)
    assert float(gram_loss(gram(a), gram(a))) == 0


def test_relative_losses_do_not_depend_on_the_networks_scale(features: torch.Tensor) -> None:
    other = features.flip(1)
    assert float(content_loss(9 * other, 9 * features)) == pytest.approx(float(content_loss(other, features)), rel=1e-4)
    scaled = gram_loss(gram(9 * other), gram(9 * features))
    assert float(scaled) == pytest.approx(float(gram_loss(gram(other), gram(features))), rel=1e-4)


def test_a_shift_by_the_mean_turns_the_gram_matrix_into_the_covariance(features: torch.Tensor) -> None:
    shifted = mean_gram(features, features.mean((0, 2, 3)))
    assert torch.allclose(shifted, torch.cov(features[0].flatten(1), correction=0), atol=1e-6)


def test_hidden_pixels_count_nothing_in_gram_matrix_and_content_loss(features: torch.Tensor) -> None:
    alpha = torch.ones(1, 1, 6, 7)
    alpha[..., :3] = 0
    weight = pixel_weight(alpha, 6, 7)
    other = features.clone()
    other[..., :3] = 99
    visible = features[..., 3:]
    assert torch.allclose(mean_gram(other, weight=weight), mean_gram(visible), rtol=1e-5)
    shift = torch.full((5,), 0.3)
    assert torch.allclose(mean_gram(other, shift, weight), mean_gram(visible, shift), atol=1e-6)
    assert float(squared_distance(other, features, weight)) == 0
    target = torch.zeros_like(features)
    assert float(squared_distance(other, target, weight)) == pytest.approx(float(visible.square().mean()))


def test_weights_sum_to_one_at_every_size_even_where_nothing_is_visible() -> None:
    for alpha in (torch.rand(1, 1, 9, 13), torch.zeros(1, 1, 9, 13)):
        for size in ((9, 13), (4, 6), (1, 1)):
            assert float(pixel_weight(alpha, *size).sum()) == pytest.approx(1)


def test_total_variation_is_that_of_a_ramp_and_none_where_a_picture_has_one_pixel() -> None:
    ramp = torch.linspace(0, 1, 11).expand(1, 3, 5, 11)
    assert float(tv_loss(ramp)) == pytest.approx(0.1)
    assert float(tv_loss(torch.rand(1, 3, 1, 1))) == 0


def test_a_weave_counts_as_a_lattice_and_strokes_and_edges_hardly_do() -> None:
    generator = torch.Generator().manual_seed(0)
    flat = torch.full((1, 3, 128, 128), 0.5)
    y, x = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    edge = (x > 60).float().expand(1, 3, 128, 128)
    strokes = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 132, 132, generator=generator), 5, 1)
    assert float(lattice_loss(flat)) == 0
    for weave in ((x + y) % 2, x % 4 // 2, y % 8 // 4):
        woven = flat + 0.03 * (weave - 0.5)
        assert float(lattice_loss(woven)) > 10 * max(float(lattice_loss(edge)), float(lattice_loss(strokes))) > 0


def test_by_their_roots_features_twice_too_strong_cost_about_what_absent_ones_cost() -> None:
    torch.manual_seed(0)
    features = torch.randn(1, 8, 16, 16).relu() * torch.linspace(0.1, 3, 8)[:, None, None]
    target = gram(features)
    strong, absent = (gram(k * features) for k in (2.0, 0.0))
    assert float(root_gram_loss(target, target)) == 0
    assert float(root_gram_loss(strong, target)) == pytest.approx(float(root_gram_loss(absent, target)), rel=0.3)
    assert float(gram_loss(strong, target)) > 8 * float(gram_loss(absent, target))
    near = gram(1.03 * features)
    assert float(root_gram_loss(near, target)) == pytest.approx(float(gram_loss(near, target)), rel=0.1)


def test_the_roots_of_a_gram_matrix_with_zeros_have_a_finite_slope() -> None:
    features = torch.zeros(1, 4, 8, 8).requires_grad_()
    root_gram_loss(gram(features), gram(torch.rand(1, 4, 8, 8))).backward()
    assert features.grad is not None
    assert bool(torch.isfinite(features.grad).all())


def scenery(size: int = 128) -> Tensor:
    """A plain half above a textured one, (1, 3, size, size)."""
    x = torch.full((1, 3, size, size), 0.5)
    x[..., size // 2 :, :] += 0.2 * torch.randn(1, 1, size // 2, size, generator=torch.Generator().manual_seed(0))
    return x.clamp(0, 1)


def test_texture_embossed_on_a_plain_sky_is_punished_and_on_foliage_it_is_not() -> None:
    """Gram matrices are means over a picture: a sky was embossed with worms, so that the mean was right."""
    x, calm = scenery(), calm_texture(scenery())
    noise = 0.1 * torch.randn(1, 1, 64, 128, generator=torch.Generator().manual_seed(1))
    sky, foliage = x.clone(), x.clone()
    sky[..., :64, :] += noise
    foliage[..., 64:, :] += noise
    assert float(relief_loss(x, x, calm)) == 0
    assert float(relief_loss(foliage, x, calm)) < 0.1
    assert float(relief_loss(sky, x, calm)) > 3


def test_patches_of_another_hue_on_a_plain_wall_are_texture_though_they_are_as_bright() -> None:
    """A training put the painting's rarest colour onto walls and shirts: relief was computed from luminance alone."""
    x = torch.full((1, 3, 128, 128), 0.5)
    hue = torch.tensor((0.2, -0.0748, -0.18))[:, None, None]  # luminance 0
    patches = (torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(4)) > 0.7).float()
    patched = x + 0.5 * hue * torch.nn.functional.interpolate(patches, scale_factor=8)
    assert float(relief_loss(patched, x, calm_texture(x))) > 2


def test_a_fine_weave_is_seen_on_a_ground_that_is_shaded() -> None:
    """A shade has more energy at a coarse scale than any weave has at a fine one: summed, they hid a weave on skies."""
    x = torch.linspace(0.2, 0.8, 128).expand(1, 3, 128, 128).contiguous()
    across, down = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    weave = x + 0.03 * torch.sin((across + 2 * down) * 1.1)
    assert float(relief_loss(weave, x, calm_texture(x))) > 0.5


def squares(colours: Tensor) -> Tensor:
    """(1, 3, 64, 64) of 4 x 4 squares with these colours (16, 3)."""
    return torch.nn.functional.interpolate(colours.T.reshape(1, 3, 4, 4), scale_factor=16)


@pytest.fixture
def colours() -> Tensor:
    return torch.rand(16, 3, generator=torch.Generator().manual_seed(5))


def test_a_picture_is_to_have_the_contrast_of_its_painting(colours: Tensor) -> None:
    """Pictures had three quarters of their paintings' contrast: strokes in the wrong place cost less when they are faint."""
    painting = squares(colours)
    dull, gaudy = 0.5 + 0.5 * (painting - 0.5), 0.5 + 1.5 * (painting - 0.5)
    grey = painting.mean(1, keepdim=True).expand_as(painting)
    wanted = contrast(painting)
    assert float(contrast_loss(painting, painting, wanted)) == pytest.approx(0, abs=1e-5)
    assert float(contrast_loss(gaudy, painting, wanted)) > 0.5
    assert float(contrast_loss(dull, painting, wanted)) > 0.8
    assert float(contrast_loss(grey, painting, wanted)) > 1, "hues count, too"


def test_a_content_without_tones_is_asked_for_none(colours: Tensor) -> None:
    """Forced to have its painting's contrast, a plain sky has blotches. What a picture has beyond its painting's counts all the
    same."""
    plain = torch.full((1, 3, 64, 64), 0.5)
    assert float(contrast_loss(squares(colours), plain, contrast(plain))) > 1
    assert float(contrast_loss(plain, plain, contrast(squares(colours)))) < 0.05


def test_what_is_warmer_than_its_surroundings_is_to_stay_so(colours: Tensor) -> None:
    """A man's shirt was redder than his face: every layer's Gram matrix was right."""
    x = squares(colours)
    cooler = 0.3 * x + 0.2 * x.mean(1, keepdim=True) + torch.tensor((0.0, 0.1, 0.3))[:, None, None]
    assert float(hue_loss(x, x)) == pytest.approx(0, abs=1e-3)
    assert float(hue_loss(cooler, x)) < 0.1, "another chord of colours in the same places"
    assert float(hue_loss(squares(colours.roll(5, 0)), x)) > 0.5
    assert float(hue_loss(x.mean(1, keepdim=True).expand_as(x), x)) > 0.9


def test_hues_and_contrast_of_one_colour_have_a_finite_slope() -> None:
    x = torch.full((2, 3, 32, 32), 0.4).requires_grad_()
    content = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(6))
    (gradient,) = torch.autograd.grad(hue_loss(x, content) + contrast_loss(x, content, contrast(content)), x)
    assert gradient.isfinite().all()


def test_as_much_texture_is_allowed_as_the_painting_has_where_it_is_calm() -> None:
    x = scenery()
    y = x + 0.05 * torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(2))
    pointillist = 0.5 + 0.1 * torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(3))
    assert float(relief_loss(y, x, calm_texture(pointillist))) < 0.05 < float(relief_loss(y, x, calm_texture(x)))


@pytest.mark.parametrize("size", [(16, 16), (31, 47), (256, 130)])
def test_texture_takes_every_size_from_a_window_on(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = relief_loss(x, x.detach().mean((2, 3), keepdim=True).expand_as(x), calm_texture(x).detach() * 0)
    assert loss.isfinite()
    (gradient,) = torch.autograd.grad(loss, x)
    assert gradient.isfinite().all()


def test_an_outline_that_is_repeated_on_the_plain_ground_beside_it_is_an_echo() -> None:
    x = torch.full((1, 3, 128, 128), 0.6)
    x[..., :, 56:64] = 0.1
    calm = calm_texture(torch.full((1, 3, 128, 128), 0.5))
    echoed, widened, far = x.clone(), x.clone(), x.clone()
    echoed[..., :, 78:82] = 0.3
    widened[..., :, 52:68] = 0.1
    far[..., :, 108:112] = 0.3
    assert float(echo_loss(x, x, calm)) == 0
    assert float(echo_loss(echoed, x, calm)) > 1
    assert float(echo_loss(widened, x, calm)) == 0, "paint may reach a little beyond an outline"
    assert float(echo_loss(far, x, calm)) == 0, "what has nothing to do with an outline is for relief_loss"


def test_an_echo_is_allowed_where_the_painting_is_as_rough_everywhere() -> None:
    x = torch.full((1, 3, 128, 128), 0.6)
    x[..., :, 56:64] = 0.1
    y = x + 0.05 * torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(2))
    pointillist = 0.5 + 0.1 * torch.randn(1, 3, 128, 128, generator=torch.Generator().manual_seed(3))
    assert float(echo_loss(y, x, calm_texture(pointillist))) < 0.05 < float(echo_loss(y, x, calm_texture(x)))


@pytest.mark.parametrize("size", [(16, 16), (31, 47), (256, 130)])
def test_echoes_are_looked_for_in_every_size(size: tuple[int, int]) -> None:
    x = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    y = x.flip(3).requires_grad_()
    loss = echo_loss(y, x, calm_texture(x) * 0)
    (gradient,) = torch.autograd.grad(loss, y)
    assert loss.isfinite()
    assert gradient.isfinite().all()


def test_what_lies_outside_of_a_picture_s_range_is_counted() -> None:
    inside = torch.rand(1, 3, 8, 8)
    bounds = colour_range(inside)
    assert bounds.shape == (2, 1, 3, 1, 1)
    assert float(overshoot(inside, bounds)) == 0
    assert float(overshoot(inside.amax((2, 3), keepdim=True) + 0.5, bounds)) == pytest.approx(0.25)


def salience_of(x: Tensor, weight: Tensor | None = None) -> Tensor:
    mean = x.mean((2, 3), keepdim=True) if weight is None else (x * weight).sum((2, 3), keepdim=True)
    return salience(distinctness(x, mean), weight)


def test_what_stands_out_of_a_picture_counts_more_than_the_wall_behind_it() -> None:
    x = torch.full((2, 3, 40, 40), 0.5)
    x[0, :, 10:20, 10:20] = torch.rand(3, 10, 10, generator=torch.Generator().manual_seed(0))
    counted = salience_of(x)
    assert counted.shape == (2, 1, 40, 40)
    assert torch.allclose(counted.mean((1, 2, 3)), torch.ones(2))
    assert counted[0, 0, 12:18, 12:18].min() > 5 * counted[0, 0, 25:, 25:].max()
    assert torch.allclose(counted[1], torch.ones(1)), "where nothing stands out, all counts the same"
    assert counted.max() / counted.min() <= SALIENT[1] / SALIENT[0] * 1.001


def test_what_is_hidden_makes_nothing_else_count_less() -> None:
    x = torch.full((1, 3, 40, 40), 0.5)
    x[:, :, 10:14, 10:14] += 0.1
    weight = torch.ones(1, 1, 40, 40)
    weight[..., 25:] = 0
    before = salience_of(x[..., :25], weight[..., :25] / 1000)
    x[..., 25:] = torch.rand(1, 3, 40, 15, generator=torch.Generator().manual_seed(0))
    counted = salience_of(x, weight / 1000)
    assert float((counted * weight).sum()) == pytest.approx(1000)
    assert torch.allclose(counted[..., :25], before, atol=1e-5)
