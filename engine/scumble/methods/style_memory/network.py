# SPDX-License-Identifier: Apache-2.0
"""Style memory: an encoder and a decoder that all styles share, and a tensor M that holds one row a style.

Invariant: a style is its row and nothing else. Wherever the network reads the memory, what it reads is affine in the row, so
a mixture of styles is a mixture of rows, and adding a row changes no other style's picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scumble.nst.layers import binomial_blur, reflect_pad
from scumble.nst.norms import InstanceNorm2d, Whitening, covariances, moments, power, recoloured
from scumble.nst.polyphase import DoubledConv, PhasedConv, interleaved
from scumble.nst.style_encoder import SIGNATURE_SIZE

SIGNATURE_NETWORK: Literal["quarter"] = "quarter"
"""The perceptual network whose means and deviations are a painting's signature."""

STRIDE = 8
"""Input sides must be multiples of this, and tiles must start at one."""

MARGIN = 80
"""Pixels on each side on which an output pixel depends, at most, a multiple of STRIDE: two 3x3 convolutions at an eighth and
one neighbour for its upsampling (24), eleven at a quarter, the strided one among them, and one neighbour (48), one at a half
and one (4), 1 + 2 + 1."""

BEND = 0.1
"""By how much of an ordinary kernel's size a row's number of 1 bends a kernel. Rows are predicted and refined in numbers of the
order of 1 and steps that suit them; at 1 a training runs away."""


FAINT = 1e-3
"""Variance that is added before a picture's colours are whitened: a hue that is hardly there does not get the palette's full
range."""

PALETTE_FAINT = 1e-4
"""The same in the palette of a painting, which is to be its own."""

COLOURS = 12
"""Numbers at the end of a row that are its colours: the palette's matrix, 3 x 3, and its mean. They are the painting's own, and
neither predicted nor trained: what learns to be near many paintings learns to be dull."""

STRIP = 1 << 16
"""Pixels at half resolution of which a processor makes the picture at a time."""


class Read(nn.Module):
    """One place where the memory is read: t = sigma * F^ + mu + sum_k a_k (B_k conv F^), F^ the normalised features.

    A row's part here is (sigma, mu, a), `size` numbers. The basis B, (K, C * C * 3 * 3), belongs to all styles; without one
    this is conditional instance normalization.
    """

    def __init__(self, channels: int, basis: int = 0) -> None:
        super().__init__()
        self.channels, self.size = channels, 2 * channels + basis
        self.norm = InstanceNorm2d(channels, affine=False)
        self.basis = nn.Parameter(torch.randn(basis, 9 * channels**2) / (3 * channels**0.5)) if basis else None

    def forward(self, x: Tensor, part: Tensor, share: Tensor | None) -> Tensor:
        """(N, C, h, w) by `part` (N or 1, size), one row a picture; or, with `share` (S, 1, h, w), by `part` (S, size),
        mixed at each place."""
        if share is not None:
            mixed = self._read(self.norm(x).expand(len(part), -1, -1, -1), part) * share.to(x.dtype)
            return mixed.sum(0, keepdim=True)
        if self.basis is None and len(part) == 1:
            sigma, mu = torch.split(part[0], self.channels)
            return self.norm(x, sigma, mu)  # type: ignore[no-any-return]
        return self._read(self.norm(x), part.expand(len(x), -1))

    def _read(self, y: Tensor, part: Tensor) -> Tensor:
        sigma, mu, a = torch.split(part, [self.channels, self.channels, self.size - 2 * self.channels], 1)
        if self.basis is None:
            return y * sigma.to(y.dtype)[..., None, None] + mu.to(y.dtype)[..., None, None]
        kernels = (a @ self.basis).view(-1, self.channels, self.channels, 3, 3)
        kernels = kernels + F.pad(torch.diag_embed(sigma)[..., None, None], (1, 1, 1, 1))
        y = reflect_pad(y, 1, 1, 1, 1)
        each: Tensor = torch.cat([F.conv2d(y[i : i + 1], kernels[i], mu[i]) for i in range(len(y))])
        return each


class _Conv(nn.Conv2d):
    """A convolution behind reflection padding."""

    def __init__(self, c_in: int, c_out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__(c_in, c_out, kernel, stride)
        self.reach = kernel // 2

    def forward(self, x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        """`weight` and `bias` take the place of its own."""
        p = self.reach
        x = reflect_pad(x, p, p, p, p) if p else x
        return F.conv2d(x, self.weight if weight is None else weight, self.bias if bias is None else bias, self.stride)


def _zeroed(conv: _Conv) -> _Conv:
    """The last convolution of a residual block, which begins as the identity."""
    assert conv.bias is not None
    nn.init.zeros_(conv.weight)
    nn.init.zeros_(conv.bias)
    return conv


class ConditionalConv2d(nn.Module):
    """Another place where the memory is read: a convolution by the kernel W + BEND sum_k a_k B_k, its bias likewise.

    A row's part here is a, `size` numbers; W and the basis B belong to all styles. By one row a picture costs what it does
    by W alone; in regions each row's kernel goes over all of it.
    """

    def __init__(self, conv: _Conv | DoubledConv | PhasedConv, basis: int) -> None:
        super().__init__()
        assert conv.bias is not None
        self.conv, self.size = conv, basis
        numbers = conv.weight.numel() + len(conv.bias)
        self.basis = nn.Parameter(torch.randn(basis, numbers) / conv.weight[0].numel() ** 0.5)

    def forward(self, x: Tensor, part: Tensor, share: Tensor | None = None) -> Tensor:
        """Rows and shares as `Read` takes them; `share` has the size of what comes out."""
        conv = self.conv
        assert conv.bias is not None
        with torch.autocast(x.device.type, enabled=False):
            weights, biases = torch.split(BEND * part.float() @ self.basis, [conv.weight.numel(), len(conv.bias)], 1)
            kernels = [(conv.weight + w.view_as(conv.weight), conv.bias + b) for w, b in zip(weights, biases, strict=True)]
        if share is not None:  # one after the other: the features of all regions at once are too many
            shared: Tensor = reduce(
                torch.add, (conv(x, *kernel) * s for kernel, s in zip(kernels, share.to(x.dtype), strict=True))
            )
            return shared
        painted: list[Tensor] = [conv(x if len(kernels) == 1 else x[i : i + 1], *kernel) for i, kernel in enumerate(kernels)]
        return painted[0] if len(painted) == 1 else torch.cat(painted)


class Block(nn.Module):
    """A residual block: a convolution, a read, a convolution, both by kernels of the style's own. Begins as the identity.

    There is no norm behind the second convolution. With one, what a block adds has the size that the row gives it; early in a
    training that is noise, so rows learn to give it none, and the block learns nothing (docs/notebook/style_memory.md).
    """

    def __init__(self, channels: int, basis: int) -> None:
        super().__init__()
        self.first, self.read = ConditionalConv2d(_Conv(channels, channels), basis), Read(channels)
        self.second = ConditionalConv2d(_zeroed(_Conv(channels, channels)), basis)

    @property
    def places(self) -> tuple[ConditionalConv2d, Read, ConditionalConv2d]:
        """Where the memory is read, in that order."""
        return self.first, self.read, self.second

    def forward(self, y: Tensor, part: Iterator[Tensor], share: Tensor | None) -> Tensor:
        """(N, C, h, w) >= 0 to the same; takes three parts of a row."""
        z = F.relu_(self.read(self.first(y, next(part), share), next(part), share))
        return F.relu_(y + self.second(z, next(part), share))


class MemoryNet(nn.Module):
    """Picture (N, 3, H, W) in [0, 1] and rows (N or 1, `row_size`) to the stylized picture, same shape, a little beyond [0, 1].

    Sides are multiples of 8. The widths are those at a quarter, an eighth and a half of the picture's resolution, and at the
    full one, where few channels cost most of the time.

    On the way up the row changes every kernel (`ConditionalConv2d`): fine strokes are made there. At full resolution it is
    the picture itself that the memory reads, so that colours are right from the first: a pixel is
    A_i G (strokes + gate * x^) + b_i, x^ the picture's colours whitened, A_i and b_i the painting's own palette, G (`gain`) a
    matrix of all styles. Strokes and gate end with a fixed blur, as TransformNet does, and for its reason.

    Residual blocks work at a quarter of the resolution, one of them before the memory is read: at an eighth they did nothing
    (docs/notebook/style_memory.md). `basis` are the sizes of the bases at the skip, at the deepest read, in each conditional
    convolution on the way up and in those of the blocks.
    """

    def __init__(
        self,
        widths: tuple[int, int, int, int] = (48, 80, 24, 16),
        blocks: int = 3,
        basis: tuple[int, int, int, int] = (16, 32, 48, 32),
    ) -> None:
        super().__init__()
        quarter, eighth, half, full = widths
        self.widths, self.blocks_count, self.basis_sizes = widths, blocks, basis
        self.stem = _Conv(48, quarter)
        self.encoded = nn.ModuleList([_Conv(quarter, quarter), _zeroed(_Conv(quarter, quarter))])
        self.down = _Conv(quarter, eighth, 3, 2)
        self.skip = Read(quarter, basis[0])
        self.deep = Read(eighth, basis[1])
        self.to_quarter = ConditionalConv2d(_Conv(eighth, quarter), basis[2])
        self.at_quarter, self.read_quarter = ConditionalConv2d(_Conv(quarter, quarter), basis[2]), Read(quarter)
        self.blocks = nn.ModuleList([Block(quarter, basis[3]) for _ in range(blocks)])
        self.at_half, self.read_half = ConditionalConv2d(DoubledConv(quarter, half), basis[2]), Read(half)
        self.to_full = ConditionalConv2d(_Conv(half, full, 1), basis[2])
        self.at_full = ConditionalConv2d(DoubledConv(full, full), basis[2])
        self.head = ConditionalConv2d(PhasedConv(full, 4), basis[2])
        assert self.head.conv.bias is not None
        nn.init.constant_(self.head.conv.bias[3:], -1.0)  # begins with little of the picture itself
        self.whitening = Whitening(FAINT)
        self.gain = nn.Parameter(torch.eye(3)[None])
        self._parts = [place.size for place in (self.skip, self.deep, *self.way_up)] + [COLOURS]

    @property
    def way_up(self) -> tuple[ConditionalConv2d | Read, ...]:
        """Where the memory is read after the deepest read, in that order."""
        quarter, half = (self.at_quarter, self.read_quarter), (self.at_half, self.read_half)
        in_blocks = [place for block in self.blocks if isinstance(block, Block) for place in block.places]
        return self.to_quarter, *quarter, *in_blocks, *half, self.to_full, self.at_full, self.head

    @property
    def row_size(self) -> int:
        """Numbers in a row: the parts of all places in the order in which they are read, then the colours A, 3 x 3, and b."""
        return sum(self._parts)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """F at a quarter and at an eighth of the resolution, before normalization."""
        quarter = F.relu_(self.stem(_unshuffled(x - 0.5)))
        first, second = self.encoded
        quarter = F.relu_(quarter + second(F.relu_(first(quarter))))
        return quarter, F.relu_(self.down(quarter))

    def own_row(self, picture: Tensor, faint: float = FAINT) -> Tensor:
        """(N, `row_size`): the row whose sigma, mu and colours are the picture's own statistics, whose offset is 0 and which
        reads as 1 and 0 elsewhere. With it the network is AdaIN at three resolutions."""
        parts = []
        for f, read in zip(self.encode(picture), (self.skip, self.deep), strict=True):
            mean, variance = (m.flatten(1) for m in moments(f))
            parts += [(variance + read.norm.eps).sqrt(), mean, mean.new_zeros(len(mean), read.size - 2 * read.channels)]
        for place in self.way_up:
            neutral = picture.new_zeros(len(picture), place.size)
            if isinstance(place, Read):
                neutral[:, : place.channels] = 1
            parts.append(neutral)
        mean, covariance = covariances(picture)
        parts += [power(covariance, faint, 0.5).flatten(1), mean.flatten(1)]
        return torch.cat(parts, 1)

    def forward(self, x: Tensor, rows: Tensor, shares: Tensor | None = None) -> Tensor:
        """`shares` (S, 1, H, W), which sum to 1 at each pixel, mix S rows by place over one picture (N = 1)."""
        return self.decode(x, *self.encode(x), rows, shares)

    def decode(self, x: Tensor, quarter: Tensor, eighth: Tensor, rows: Tensor, shares: Tensor | None = None) -> Tensor:
        """The picture that `rows` paint of `x` from features as `encode` gives them."""
        *parts, colour = torch.split(rows.float(), self._parts, 1)
        part = iter(parts)
        scaled = {s: None if shares is None else F.avg_pool2d(shares, s) for s in (2, 4, 8)}
        skip = self.skip(quarter, next(part), scaled[4])
        y = self.deep(eighth, next(part), scaled[8])
        y = _doubled(self.to_quarter(y, next(part), scaled[8])).add_(skip)
        y = F.relu_(self.read_quarter(self.at_quarter(y, next(part), scaled[4]), next(part), scaled[4]))
        for block in self.blocks:
            y = block(y, part, scaled[4])
        y = interleaved(self.at_half(reflect_pad(y, 1, 1, 1, 1), next(part), scaled[4]))
        y = F.relu_(self.read_half(y, next(part), scaled[2]))
        # Padded while it is small, and woven last: at full resolution a copy costs as much as a layer.
        y = reflect_pad(self.to_full(y, next(part), scaled[2]), 3, 3, 3, 3)
        ends, white, half = (next(part), next(part)), self.whitening(x), _padded(scaled[2], 2)
        strips: list[Tensor] = []
        for a, b in _strips(y, y.shape[2] - 6):
            strips.append(self._finished(y[:, :, a : b + 6], white[:, :, 2 * a : 2 * b], ends, _rows(half, a, b + 4)))
        return _coloured(strips[0] if len(strips) == 1 else torch.cat(strips, 2), colour, self.gain, shares)

    def _finished(self, y: Tensor, white: Tensor, ends: tuple[Tensor, Tensor], half: Tensor | None) -> Tensor:
        """From the map that ends at half resolution, with 3 pixels more on each side, to the picture before its colours.
        `half` are the shares with 2 more, `ends` the rows' parts for the last two convolutions."""
        at_full, head = ends
        y = F.relu_(self.at_full(y, at_full, half))
        y = _blurred(interleaved(self.head(y, head, None if half is None else half[..., 1:-1, 1:-1]))[..., 1:-1, 1:-1])
        strokes, gate = torch.split(y, [3, 1], 1)
        return strokes + torch.sigmoid(gate) * white


def _unshuffled(x: Tensor) -> Tensor:
    """`F.pixel_unshuffle` by 4 with channels last, in the precision that convolutions are made in: one copy instead of four."""
    n, c, h, w = x.shape
    kind = x.device.type
    y = x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x
    y = y.view(n, c, h // 4, 4, w // 4, 4).permute(0, 2, 4, 1, 3, 5)
    return y.reshape(n, h // 4, w // 4, 16 * c).permute(0, 3, 1, 2)


def _strips(y: Tensor, height: int) -> list[tuple[int, int]]:
    """Rows from and to, so that what is made of a strip stays in a processor's cache: behind the last norm, pixels need no more
    than their neighbours."""
    count = 1 if y.device.type != "cpu" or y.requires_grad else math.ceil(height * y.shape[3] / STRIP)
    rows = math.ceil(height / count)
    return [(a, min(a + rows, height)) for a in range(0, height, rows)]


def _rows(share: Tensor | None, start: int, stop: int) -> Tensor | None:
    return None if share is None else share[:, :, start:stop]


def _padded(share: Tensor | None, n: int) -> Tensor | None:
    return None if share is None else reflect_pad(share, n, n, n, n)


def _doubled(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear")


def _blurred(y: Tensor) -> Tensor:
    """In float32, whatever the network's precision: bfloat16 has 256 levels between a half and 1."""
    with torch.autocast(y.device.type, enabled=False):
        return binomial_blur(y.float(), padded=True)


def _coloured(y: Tensor, colour: Tensor, gain: Tensor, shares: Tensor | None) -> Tensor:
    """Each picture in its own colours (N or 1, 12), or one in several that are mixed by place; float32."""
    shift = colour[:, 9:]
    if shares is not None:
        y = y.expand(len(colour), -1, -1, -1)
    with torch.autocast(y.device.type, enabled=False):
        z = recoloured(y.float(), colour[:, :9].view(-1, 3, 3) @ gain, shift)
    return z if shares is None else (z * shares.float()).sum(0, keepdim=True)


def moved(rows: Tensor, by: Tensor) -> Tensor:
    """Rows (N, R) that differ from `rows` by (N, R - COLOURS), in all but their colours."""
    return rows + F.pad(by, (0, COLOURS))


class Predictor(nn.Module):
    """What a painting's signature (N, S) adds to its own row but for the colours, (N, `size`): the instant grade of a style
    nobody trained.

    `centre` and `spread` (S,) bring signatures to mean 0 and deviation 1 over the paintings of the training.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self, signature: int, size: int, width: int = 384) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(signature))
        self.register_buffer("spread", torch.ones(signature))
        self.layers = nn.Sequential(nn.Linear(signature, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.last = nn.Linear(width, size)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, signature: Tensor) -> Tensor:
        z = (signature - self.centre) / self.spread
        return self.last(self.layers(z.clamp(-4, 4)))  # type: ignore[no-any-return]


class StyleMemory(nn.Module):
    """All that styles share, in one file: the network, and the predictor of rows for paintings nobody trained."""

    def __init__(self) -> None:
        super().__init__()
        self.net = MemoryNet()
        self.predictor = Predictor(SIGNATURE_SIZE, self.net.row_size - COLOURS)

    def rows(self, pictures: Tensor, signatures: Tensor, faint: float = PALETTE_FAINT) -> Tensor:
        """(N, R) at once, grade 0: what paintings show of themselves, and what the predictor makes of their signatures. With
        `faint` FAINT a picture is given back by its own row."""
        return moved(self.net.own_row(pictures, faint), self.predictor(signatures))
