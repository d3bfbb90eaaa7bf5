# SPDX-License-Identifier: Apache-2.0
"""Perceptual losses: content, Gram and total variation.

A loss weight means nothing without its normalization, so each function states its own. Feature maps are (N, C, H, W).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def gram(features: Tensor) -> Tensor:
    """Gram matrices (N, C, C) of (N, C, H, W), divided by C*H*W (Johnson et al. 2016, section 3.2). The result is float32;
    the product is taken in the features' own precision."""
    n, c, h, w = features.shape
    f = features.reshape(n, c, h * w)
    return (f @ f.transpose(1, 2)).float() / (c * h * w)


def content_loss(features: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference over the target's variance: 0 is equal, about 2 is unrelated, in any layer and network."""
    target = target.float()
    return (features.float() - target).square().mean() / target.var().clamp_min(1e-6)


SALIENT = (0.1, 4.0)
"""How much a cell of a content counts, at least and at most, where the mean is about 1."""


def distinctness(features: Tensor, mean: Tensor) -> Tensor:
    """Mean squared distance (N, 1, H, W) of each cell of (N, C, H, W) from `mean` (N or 1, C, 1, 1)."""
    return (features.float() - mean).square().mean(1, keepdim=True)


def salience(distinct: Tensor, weight: Tensor | None = None) -> Tensor:
    """How much each cell of a content's map counts, (N, 1, H, W) with mean 1: in proportion to its `distinctness` and that of
    its neighbours, within SALIENT. Means are weighted by `weight` (1, 1, H, W) with sum 1, where it is given; cells of weight 0
    count nothing, as neighbours neither.

    Where all cells count the same, a face is as cheap a place for a painting's ornaments as a plain sky.
    """

    def mean(cells: Tensor) -> Tensor:
        total = cells.mean((2, 3), keepdim=True) if weight is None else (cells * weight).sum((2, 3), keepdim=True)
        return total.clamp_min(1e-12)

    def around(cells: Tensor) -> Tensor:
        return F.avg_pool2d(F.pad(cells, (1, 1, 1, 1), mode="replicate"), 3, 1)

    if weight is None:
        near = around(distinct)
    else:
        shown = (weight > 0).float()
        near = around(distinct * shown) / around(shown).clamp_min(1e-6)
    counted = (near / mean(near)).clamp(*SALIENT)
    return counted / mean(counted)


def gram_loss(gram_matrix: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of Gram matrices over the target's mean square: 0 is equal, in any layer and network.

    `gram_matrix` (N, C, C), `target` (C, C) or (N, C, C).
    """
    return (gram_matrix - target).square().mean() / target.square().mean().clamp_min(1e-12)


def root_gram_loss(gram_matrix: Tensor, target: Tensor) -> Tensor:
    """Mean squared difference of the roots of two Gram matrices over the target's mean (a squared Hellinger distance), times 4,
    so that for features which are all a little too strong or too faint it is what `gram_loss` is. For features behind a ReLU,
    whose Grams are >= 0.

    A Gram is the square of what a layer sees. So with `gram_loss` what is twice too strong costs nine times as much as what is
    absent, and a network that is not sure paints flat; here both cost about the same. Shapes as there.
    """
    faint = 0.01 * target.mean().clamp_min(1e-12)  # so that an entry of 0 has a finite slope
    roots = ((m.clamp_min(0) + faint).sqrt() for m in (gram_matrix, target))
    return 4 * (next(roots) - next(roots)).square().mean() / target.mean().clamp_min(1e-12)


def tv_loss(x: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, horizontal plus vertical, of (N, C, H, W)."""
    horizontal = (x[..., :, 1:] - x[..., :, :-1]).abs()
    vertical = (x[..., 1:, :] - x[..., :-1, :]).abs()
    zero = x.sum() * 0  # a side of one pixel has no neighbours
    return (horizontal.mean() if horizontal.numel() else zero) + (vertical.mean() if vertical.numel() else zero)


RELIEF_WINDOW = 16
"""Side in pixels of the windows whose texture `relief_loss` compares."""

CALM = 1 / 3
"""Share of a picture's windows, those with the least texture, that count as calm."""

FAINT = (2 / 255) ** 2
"""Texture too faint to be visible, at each scale."""


def _slopes(x: Tensor) -> Tensor:
    """Squared slope at each pixel of (N, C, H, W), the same shape."""
    across = F.pad(x[..., :, 1:] - x[..., :, :-1], (0, 1))
    down = F.pad(x[..., 1:, :] - x[..., :-1, :], (0, 0, 0, 1))
    return across.square() + down.square()


def _luminance(x: Tensor) -> Tensor:
    """(N, 1, H, W) of (N, 3, H, W), float32."""
    return (x.float() * x.new_tensor((0.299, 0.587, 0.114), dtype=torch.float32)[:, None, None]).sum(1, keepdim=True)


RELIEF_SCALES = (1, 2, 4, 8)
"""By how much a picture is made smaller before its texture is measured: each scale is compared for itself, because a coarse
shade has more of it than any fine weave."""


def texture(x: Tensor) -> Tensor:
    """Mean squared slope of all channels in windows of 16 pixels, at each of RELIEF_SCALES: (N, scales, windows) of
    (N, 3, H, W) with sides of at least 16."""
    energies = []
    for scale in RELIEF_SCALES:
        slopes = _slopes(F.avg_pool2d(x.float(), scale)).mean(1, keepdim=True)
        energies.append(F.avg_pool2d(slopes, RELIEF_WINDOW // scale))
    height, width = (min(e.shape[i] for e in energies) for i in (2, 3))
    return torch.cat([e[..., :height, :width] for e in energies], 1).flatten(2)


def _calm(energies: Tensor) -> Tensor:
    """Numbers (N, 1, calm) of the windows of (N, scales, windows) with the least texture, all scales together."""
    n = max(1, round(CALM * energies.shape[2]))
    return energies.sum(1, keepdim=True).topk(n, 2, largest=False).indices


def calm_texture(x: Tensor) -> Tensor:
    """Mean texture (N, scales) of the calm windows of (N, 3, H, W)."""
    energies = texture(x)
    return energies.gather(2, _calm(energies).expand(-1, energies.shape[1], -1)).mean(2)


def relief_loss(y: Tensor, x: Tensor, calm: Tensor) -> Tensor:
    """How much more texture pictures `y` have in the calm windows of their contents `x` (N, 3, H, W) than is there already, or
    in the calm windows of their paintings (`calm` (N, scales), from `calm_texture`); in natural logarithms of its energy, the
    mean over RELIEF_SCALES.

    Gram matrices are means over a picture, so by them alone a network embosses a plain sky with the texture that the painting
    has elsewhere.
    """
    had, have = texture(x), texture(y)
    allowed = torch.maximum(had, calm[..., None]) + FAINT
    more = F.relu((have + FAINT).log() - allowed.log())
    return more.gather(2, _calm(had).expand(-1, had.shape[1], -1)).mean()


TONE_CELL = 8
"""Side in pixels of the cells whose colours `contrast_loss` and `hue_loss` compare: larger than a stroke."""

TONED = (0.1, 0.03, 0.03)
"""Deviation of a content's light, red-green and yellow-blue from which on it is asked for its painting's contrast in full."""


def _tones(x: Tensor) -> Tensor:
    """(N, 3, cells) of (N, 3, H, W) with sides of at least 8: the luminance of cells of 8 pixels, and their red-green and
    yellow-blue less what the luminance explains of them; all with mean 0."""
    cells = F.avg_pool2d(x.float(), TONE_CELL)
    red, green, blue = cells.flatten(2).unbind(1)
    light = _luminance(cells).flatten(2)
    hues = torch.stack([red - green, (red + green) / 2 - blue], 1)
    light, hues = light - light.mean(2, keepdim=True), hues - hues.mean(2, keepdim=True)
    explained = (hues * light).mean(2, keepdim=True) / (light.square().mean(2, keepdim=True) + 1e-6) * light
    return torch.cat([light, hues - explained], 1)


def _deviations(tones: Tensor) -> Tensor:
    """(N, C) of (N, C, cells) with mean 0; with a slope also where all are 0."""
    return (tones.square().mean(2) + 1e-8).sqrt()


def contrast(x: Tensor) -> Tensor:
    """Deviations (N, 3) of the light, the red-green and the yellow-blue of (N, 3, H, W) over cells of 8 pixels."""
    return _deviations(_tones(x))


def contrast_loss(y: Tensor, x: Tensor, wanted: Tensor) -> Tensor:
    """How far, in natural logarithms, the contrast of pictures `y` is from that of their paintings (`wanted` (N, 3), from
    `contrast`), of light as much as of both hues; a content `x` (N, 3, H, W) that has hardly any is asked for less.

    A network that is not sure which strokes belong where makes them fainter, and with them all light, dark and colour.
    """
    share = (contrast(x) / x.new_tensor(TONED, dtype=torch.float32)).clamp(max=1)
    missing = (wanted + 0.01).log() - (contrast(y) + 0.01).log()
    off = share * F.relu(missing) + F.relu(-missing)
    return (off[:, 0] + off[:, 1:].mean(1)).mean()


def hue_loss(y: Tensor, x: Tensor) -> Tensor:
    """1 less the correlation of the hues of pictures `y` with those of their contents `x` (N, 3, H, W), as far as light does
    not explain them and contents have any: what is warmer than what surrounds it stays so in the painting's colours."""
    of_y, of_x = _tones(y)[:, 1:], _tones(x)[:, 1:]
    share = (_deviations(of_x) / TONED[1]).clamp(max=1)
    sizes = (of_y.square().mean(2) * of_x.square().mean(2) + 1e-8).sqrt()
    return (share * (1 - (of_y * of_x).mean(2) / sizes)).mean()


ECHO_WINDOW = 8
"""Side in pixels of the windows that `echo_loss` compares."""

OUTLINES, PLAIN = 0.9, 0.5
"""Quantiles of a picture's windows by texture: from the one on they hold outlines, up to the other they are plain."""

BESIDE = 3
"""How many windows away from an outline its echo is looked for, at most; the window next to it may hold its paint."""


def echo_loss(y: Tensor, x: Tensor, calm: Tensor) -> Tensor:
    """How much more texture (in natural logarithms of its energy) pictures `y` have in the plain windows beside outlines of
    their contents `x` (N, 3, H, W) than is there already, or in the calm windows of their paintings (`calm` (N, scales), from
    `calm_texture`): a network that sees far around itself repeats an outline on the plain ground beside it.
    """
    had, have = (F.avg_pool2d(_slopes(F.avg_pool2d(_luminance(z), 2)), ECHO_WINDOW // 2) for z in (x, y))
    plain, outline = (torch.quantile(had.flatten(1), q, 1)[:, None, None, None] for q in (PLAIN, OUTLINES))
    outlines = (had >= outline).float()
    near, next_to = (F.max_pool2d(outlines, 2 * n + 1, 1, n) > 0 for n in (BESIDE, 1))
    chosen = near & ~next_to & (had <= plain)
    allowed = torch.maximum(had, calm[:, 1].view(-1, 1, 1, 1)) + FAINT / 4
    more = F.relu((have + FAINT / 4).log() - allowed.log())
    return (more * chosen).sum() / chosen.sum().clamp_min(1)


def colour_range(x: Tensor) -> Tensor:
    """The least and the largest value of each channel of (N, 3, H, W): (2, N, 3, 1, 1)."""
    return torch.stack([x.amin((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)])


def overshoot(y: Tensor, bounds: Tensor) -> Tensor:
    """Mean square of what lies outside `bounds` (colour_range), whether or not it can be shown.

    A network that would rather have less contrast puts what is asked of it into one small glaring spot: a painting has none.
    """
    return (y - torch.minimum(torch.maximum(y, bounds[0]), bounds[1])).float().square().mean()


def pseudo_huber(term: Tensor, delta: float) -> Tensor:
    """A loss, of any shape and >= 0, that pulls in full far below `delta` and like its root far above it (Charbonnier et al.
    1997); its bottom is where the loss has its own."""
    return 2 * delta * ((1 + term / delta).sqrt() - 1)


def pixel_weight(alpha: Tensor, height: int, width: int) -> Tensor:
    """How much each cell of a feature map counts: alpha (1, 1, H, W) averaged to `height` x `width`, with sum 1.

    Alpha that is zero everywhere counts the same everywhere.
    """
    weight = F.adaptive_avg_pool2d(alpha.float(), (height, width))
    total = weight.sum()
    return weight / total if total > 0 else torch.full_like(weight, 1 / weight.numel())


def mean_gram(features: Tensor, shift: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
    """The mean over all cells of (f - shift) (f - shift)^T, float32 (C, C), of one map (1, C, H, W).

    Not divided by the number of channels. `shift` (C,) is an activation shift (Novak and Nikulin 2016, arXiv 1605.04603,
    section 3.3): with the style's own mean there, a Gram matrix tells strokes apart that a large mean would drown. `weight`
    (1, 1, H, W) sums to 1 (`pixel_weight`). The product is taken in the features' own precision.
    """
    c, h, w = features.shape[1:]
    f = features.permute(0, 2, 3, 1).reshape(h, w * c)  # no copy of a map in channels-last order
    if shift is not None:
        f = f - shift.to(f.dtype).repeat(w)  # a line at once: torch is slow at short rows in bfloat16
    f = f.reshape(h * w, c)
    if weight is not None:
        f = f * weight.reshape(h * w, 1).sqrt().to(f.dtype)
    product: Tensor = _Square.apply(f)
    return product if weight is not None else product / (h * w)


class _Square(torch.autograd.Function):
    """f^T f of (n, c), as float32. Both factors' gradients are taken in one product, which maps of few channels feel."""

    @staticmethod
    def forward(ctx: Any, f: Tensor) -> Tensor:
        ctx.save_for_backward(f)
        return (f.T @ f).float()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (f,) = ctx.saved_tensors
        result: Tensor = f @ (gradient + gradient.T).to(f.dtype)
        return result


def squared_distance(features: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Mean squared difference of two maps (1, C, H, W), the cells weighted by `weight` (1, 1, H, W) with sum 1."""
    squares = (features.float() - target.float()).square()
    return squares.mean() if weight is None else (squares * weight).sum() / squares.shape[1]


WINDOW = 32
"""Side of the windows in which `lattice_loss` looks for waves."""


def lattice_loss(x: Tensor) -> Tensor:
    """How far waves of period 2, 4 and 8 pixels stand out of (N, C, H, W), both sides multiples of 32: mean power above that
    of the neighbouring frequencies. A stroke has neighbours; the lattice that upsampling leaves has none."""
    n, c, h, w = x.shape
    hann = torch.hann_window(WINDOW, device=x.device)
    windows = x.float().reshape(n, c, h // WINDOW, WINDOW, w // WINDOW, WINDOW).transpose(3, 4)
    windows = windows - windows.mean((4, 5), keepdim=True)
    spectrum = torch.fft.fft2(windows * torch.outer(hann, hann)) / hann.sum() ** 2
    power = (spectrum.real.square() + spectrum.imag.square()).mean((1, 2, 3))  # over a picture: a lattice is everywhere
    excess = []
    for ky, kx in LATTICE_FREQUENCIES:
        around = [power[:, (ky + dy) % WINDOW, (kx + dx) % WINDOW] for dy in (-3, 0, 3) for dx in (-3, 0, 3) if dy or dx]
        excess.append(F.relu(power[:, ky, kx] - torch.stack(around).mean(0)))
    return torch.stack(excess).sum(0).mean()


_HALF, _QUARTER, _EIGHTH = WINDOW // 2, WINDOW // 4, WINDOW // 8
LATTICE_FREQUENCIES = (
    *((_HALF, 0), (0, _HALF), (_HALF, _HALF)),
    *((_QUARTER, 0), (0, _QUARTER), (_QUARTER, _QUARTER), (_QUARTER, -_QUARTER), (_HALF, _QUARTER), (_QUARTER, _HALF)),
    *((_EIGHTH, 0), (0, _EIGHTH)),
)
"""(ky, kx) in cycles a window."""
