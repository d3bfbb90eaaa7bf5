# SPDX-License-Identifier: Apache-2.0
"""The Gatys method: its loss is the published one, it descends, it can be stopped, and it needs no painting where one ships
as statistics."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from scumble.api.method import Capabilities, Content, Event, Method, Pixels, Preview, Progress, Result, Runtime, Weighted
from scumble.api.options import parse_options
from scumble.methods import registry
from scumble.methods.gatys.method import FINISH, Gatys
from scumble.methods.gatys.objective import FLAT, Objective, Terms, objective
from scumble.methods.gatys.optimize import descend
from scumble.methods.gatys.presets import PRESETS, Options, chosen
from scumble.methods.gatys.pyramid import begin, level_sizes
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_statistics import StyleStatistics, drained, measure
from scumble.nst.vgg import halved
from support.gatys import QUICK, events, result, tensor, waves
from support.painted import Painted


def loss_of(rgb: Pixels, content: Pixels, terms: Terms, painting: Pixels | None = None, alpha: Any = None) -> float:
    """What `rgb` costs, by the method's own loss."""
    net, style = load_perceptual("half"), tensor(waves(40, 48, 1) if painting is None else painting)
    statistics = {s: drained(measure(net, torch.nn.functional.avg_pool2d(style, s), tuple(terms.style))) for s in terms.scales}
    loss = drained(objective(net, terms, tensor(content), [(1.0, statistics)], alpha))
    return drained(loss.evaluate(tensor(rgb).requires_grad_())).total


def test_it_moves_the_picture_towards_the_painting() -> None:
    content = waves(40, 48)
    painted = result(Content(content), Options(steps=15))
    assert painted.shape == content.shape
    assert painted.dtype == np.float32
    assert painted.min() >= 0
    assert painted.max() <= 1
    terms = PRESETS["scumble"].terms
    assert loss_of(painted, content, terms) < 0.4 * loss_of(content, content, terms)


def test_hidden_parts_of_a_content_count_nothing() -> None:
    net, terms = load_perceptual("half"), PRESETS["scumble"].terms
    alpha = torch.ones(1, 1, 64, 64)
    alpha[..., 32:] = 0
    statistics = {1: drained(measure(net, tensor(waves(40, 48, 1)), tuple(terms.style)))}
    for target in drained(objective(net, terms, tensor(waves(64, 64)), [(1.0, statistics)], alpha)).content.values():
        assert target.weight is not None
        assert float(target.weight.sum()) == pytest.approx(1)
        middle = target.weight.shape[3] // 2
        assert not target.weight[..., middle:].any()
        assert len(target.weight[..., :middle].unique()) > 1


def test_ornaments_are_painted_on_the_wall_rather_than_on_the_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Kiss put its gold into faces: there a content counted no more than on a plain wall."""
    content = np.full((96, 96, 3), 0.6, np.float32)
    face = np.s_[36:60, 36:60]
    content[face] = waves(24, 24, 3)
    changed = {}
    for salient in (False, True):
        preset = replace(PRESETS["scumble"], terms=replace(PRESETS["scumble"].terms, salient=salient))
        monkeypatch.setattr("scumble.methods.gatys.presets.PRESETS", {"scumble": preset})
        change = np.square(result(Content(content), Options(steps=15)) - content)
        changed[salient] = float(change[face].mean() / change.mean())
    assert changed[True] < 0.8 * changed[False]


def test_an_improved_answer_is_finished_at_the_finest_size_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    finished: list[tuple[int, float]] = []

    def watched(loss: Objective, start: torch.Tensor, *given: Any) -> Iterator[Any]:
        finished.append((start.shape[3], given[-1]))
        assert loss.with_more_style(3.0).terms.style_weight == pytest.approx(3 * loss.terms.style_weight)
        return descend(loss, start, *given)

    monkeypatch.setattr("scumble.methods.gatys.method.descend", watched)
    method, content = Gatys(), Content(waves(160, 192))
    styles = [Weighted(method.prepare(Painted(rgb=waves(40, 48, 1)), Options(), Runtime()), 1.0)]
    for _ in method.improve_from(content, styles, Options(steps=2), Runtime(), content.rgb, "best", levels=2):
        pass
    assert finished == [(96, 1.0), (192, FINISH)]
    finished.clear()
    events(content, Options(steps=2, levels=2))
    assert [finish for _, finish in finished] == [1.0, 1.0]


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (3, 2), (33, 17)])
@pytest.mark.parametrize("preset", ["scumble", "paper", "code"])
def test_pictures_of_any_size_can_be_painted(size: tuple[int, int], preset: str) -> None:
    painted = result(Content(waves(*size)), parse_options(Options, {"preset": preset, "steps": 2}))
    assert painted.shape == (*size, 3)
    assert np.isfinite(painted).all()


def test_a_flat_picture_does_not_explode() -> None:
    painted = result(Content(np.full((24, 24, 3), 0.5, np.float32)), Options(steps=10))
    assert np.isfinite(painted).all()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_picture() -> None:
    content = Content(waves(24, 24))
    noisy = replace(QUICK, start="noise")
    first = result(content, noisy)
    assert np.array_equal(first, result(content, noisy))
    assert not np.array_equal(first, result(content, replace(noisy, seed=1)))


def test_every_option_changes_something() -> None:
    content = Content(waves(24, 30))
    plain = result(content, QUICK)
    for change in (
        {"style_scale": 0.5},
        {"style_weight": 4.0},
        {"content_weight": 4.0},
        {"tv_weight": 50.0},
        {"steps": 9},
        {"start": "noise"},
        {"optimiser": "adam"},
        {"preset": "code"},
    ):
        assert not np.allclose(plain, result(content, parse_options(Options, {"steps": 6} | change)), atol=1e-3), change


def test_a_coarse_size_comes_first_and_what_it_changed_is_carried_up() -> None:
    assert level_sizes(300, 400, 4) == [(150, 200), (300, 400)] or level_sizes(300, 400, 4)[-1] == (300, 400)
    assert level_sizes(50, 60, 4) == [(50, 60)]
    assert level_sizes(800, 800, 1) == [(800, 800)]
    content = torch.rand(1, 3, 8, 8)
    small = torch.rand(1, 3, 4, 4)
    assert torch.allclose(begin(content, small, small + 0.25, "content", 0), content + 0.25, atol=1e-6)


def test_with_two_styles_the_picture_lies_between_them() -> None:
    content = waves(32, 32)
    one, other = (Painted(rgb=waves(32, 32, s)) for s in (1, 2))
    both = result(Content(content), Options(steps=12), one, other)
    alone = result(Content(content), Options(steps=12), one)
    terms = replace(PRESETS["scumble"].terms, content_weight=0.0, tv_weight=0.0)
    rgb = other.picture()
    assert rgb is not None
    assert loss_of(both, content, terms, rgb) < loss_of(alone, content, terms, rgb)


def test_hidden_pixels_count_nothing_in_the_loss() -> None:
    """What is hidden reaches visible features through the receptive field alone, so the comparison is of a far corner."""
    content, terms = waves(64, 64), replace(PRESETS["scumble"].terms, style={"relu1_1": 1.0}, tv_weight=0.0, scales=(1,))
    terms = replace(terms, content={"relu1_1": 1.0})
    alpha = np.ones((64, 64), np.float32)
    alpha[:, 32:] = 0
    other = content.copy()
    other[:, 36:] = 0.9
    veil = torch.from_numpy(alpha)[None, None]
    assert loss_of(other, content, terms, alpha=veil) == pytest.approx(loss_of(content, content, terms, alpha=veil), rel=1e-4)
    assert loss_of(other, content, terms) > 1.01 * loss_of(content, content, terms)
    assert np.isfinite(result(Content(content, alpha))).all()
    assert np.isfinite(result(Content(content, np.zeros_like(alpha)))).all()


def test_a_selection_is_painted_at_the_scale_of_its_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    at = StyleStatistics.at

    def noting(self: StyleStatistics, long_side: int, *rest: Any) -> Any:
        asked.append(long_side)
        return at(self, long_side, *rest)

    monkeypatch.setattr(StyleStatistics, "at", noting)
    result(Content(waves(24, 20), whole=waves(60, 72)), QUICK)
    assert asked == [72]


def test_progress_rises_and_names_the_loss_and_a_result_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scumble.methods.gatys.pace.PREVIEW_SECONDS", 0.0)
    reported = events(Content(waves(24, 24)))
    fractions = [e.fraction for e in reported if isinstance(e, Progress)]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    assert "loss" in next(e.text for e in reversed(reported) if isinstance(e, Progress))
    assert sum(isinstance(e, Preview) for e in reported) >= 6
    assert isinstance(reported[-1], Result)


def test_one_evaluation_can_be_stopped_at_many_points() -> None:
    net, x = load_perceptual("half"), tensor(waves(24, 24)).requires_grad_()
    terms = PRESETS["scumble"].terms
    statistics = {s: drained(measure(net, tensor(waves(24, 24, 1)), tuple(terms.style))) for s in terms.scales}
    loss = drained(objective(net, terms, x.detach(), [(1.0, statistics)]))
    assert sum(1 for _ in loss.evaluate(x)) == 2 * 5  # forward and backward, five stages


def test_stage_by_stage_the_gradient_is_that_of_the_whole() -> None:
    net, x, content = load_perceptual("half"), tensor(waves(20, 26, 3)), tensor(waves(20, 26))
    terms = Terms({"relu3_3": 1.0}, {"relu1_1": 0.5, "relu4_1": 0.5}, style_weight=3.0, tv_weight=0.1)
    style = drained(measure(net, tensor(waves(20, 20, 1)), tuple(terms.style)))
    staged = x.clone().requires_grad_()
    drained(drained(objective(net, terms, content, [(1.0, {1: style})])).evaluate(staged))

    plain = x.clone().requires_grad_()
    f, target = net(plain), net(content)["relu3_3"]
    total = (f["relu3_3"] - target).square().mean() / target.var(correction=0)
    for name, weight in terms.style.items():
        centred = f[name][0].flatten(1) - style[name].mean[:, None]
        difference = centred @ centred.T / centred.shape[1] - style[name].centred
        divisor = style[name].centred.square().mean() + FLAT * style[name].gram.square().mean()
        total = total + 3 * weight * difference.square().mean() / divisor
    horizontal, vertical = plain.diff(dim=3).abs().mean(), plain.diff(dim=2).abs().mean()
    (total + 0.1 * (horizontal + vertical)).backward()
    assert staged.grad is not None
    assert plain.grad is not None
    assert torch.allclose(staged.grad, plain.grad, atol=1e-4 * float(plain.grad.abs().max()))


def test_a_pseudo_huber_form_softens_large_terms_of_style_and_tells_the_same_loss() -> None:
    content, terms = tensor(waves(32, 32)), PRESETS["scumble"].terms
    net = load_perceptual("half")
    statistics = {s: drained(measure(net, tensor(waves(40, 48, 1)), tuple(terms.style))) for s in terms.scales}
    plain = drained(objective(net, replace(terms, colour_weight=0, tv_weight=0), content, [(1.0, statistics)]))
    gradients, losses = [], []
    for loss in (plain, replace(plain, delta=0.05)):
        x = content.clone().requires_grad_()
        losses.append(drained(loss.evaluate(x)))
        assert x.grad is not None
        gradients.append(x.grad)
    assert losses[1] == losses[0]
    assert 0 < float(gradients[1].norm()) < 0.5 * float(gradients[0].norm())


def test_in_bfloat16_the_loss_and_its_slope_are_nearly_those_of_float32() -> None:
    net, content, terms = load_perceptual("half"), tensor(waves(48, 48)), PRESETS["scumble"].terms
    statistics = {s: drained(measure(net, tensor(waves(40, 48, 1)), tuple(terms.style))) for s in terms.scales}
    exact = drained(objective(net, terms, content, [(1.0, statistics)]))
    gradients, totals = [], []
    for loss in (exact, replace(exact, net=halved(net))):
        x = tensor(waves(48, 48, 2)).requires_grad_()
        totals.append(drained(loss.evaluate(x)).total)
        assert x.grad is not None
        gradients.append(x.grad.flatten())
    assert totals[1] == pytest.approx(totals[0], rel=0.02)
    assert float(torch.cosine_similarity(*gradients, dim=0)) > 0.95
    assert net.conv("1_1").weight.dtype == torch.float32  # the targets' network is left as it was


@pytest.mark.parametrize("preset", ["paper", "code"])
def test_the_published_presets_compute_the_published_loss(preset: str) -> None:
    """In a network of mean activation 1, which is where the authors' weights hold: paper, section 2; code, its notebook."""
    net, x, content, painting = load_perceptual("half"), *(tensor(waves(32, 32, s)) for s in range(3))
    p, f, a = net(content)["relu4_2"], net(x), net(painting)
    scale = float(p.mean())
    content_term = ((f["relu4_2"] - p) / scale).square()
    expected = 1e-3 * 0.5 * float(content_term.mean()) * 64 * 64 * 512 if preset == "paper" else float(content_term.mean())
    for layer, n in zip(("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"), (64, 128, 256, 512, 512), strict=True):
        m = float(a[layer].mean())
        g, target = (torch.cov(v[0].flatten(1), correction=0) for v in (f[layer], a[layer]))
        g, target = (v[0].flatten(1) @ v[0].flatten(1).T / v[0, 0].numel() / m**2 for v in (f[layer], a[layer]))
        channels = len(g)
        squares = float((g - target).square().sum())
        expected += squares / (4 * channels**2) / 5 if preset == "paper" else 1e3 / n**2 * squares / channels**2
    terms = PRESETS[preset].terms
    style = drained(measure(net, painting, tuple(terms.style)))
    loss = drained(objective(net, terms, content, [(1.0, {1: style})]))
    assert drained(loss.evaluate(x.requires_grad_())).total == pytest.approx(expected, rel=1e-3)


def test_fast_begins_with_what_a_fast_method_paints_and_with_the_picture_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = replace(QUICK, start="fast", steps=1, levels=1)
    content = waves(24, 24)
    monkeypatch.setattr(registry, "methods", lambda: {"gatys": Gatys(), "red": Red()})
    assert np.allclose(result(Content(content), begun), RED, atol=0.05)
    monkeypatch.setattr(registry, "methods", lambda: {"gatys": Gatys()})
    assert np.allclose(result(Content(content), begun), content, atol=0.05)


RED = np.array([0.9, 0.1, 0.1], np.float32)


class Red(Method):
    """A fast method that paints everything red."""

    id = title = paper = purpose = "red"
    Options = type("NoOptions", (), {})
    capabilities = Capabilities()

    def available(self, style: Any) -> bool:
        return True

    def prepare(self, style: Any, options: Any, runtime: Runtime) -> None:
        return None

    def run(self, content: Content, styles: Any, options: Any, runtime: Runtime) -> Iterator[Event]:
        yield Progress(0.5)
        yield Result(np.broadcast_to(RED, content.rgb.shape).copy())


def test_weights_in_options_are_multiples_of_the_presets() -> None:
    for name, preset in PRESETS.items():
        assert chosen(parse_options(Options, {"preset": name})).terms == preset.terms
    assert chosen(Options(style_weight=3.0)).terms.style_weight == 3 * PRESETS["scumble"].terms.style_weight
