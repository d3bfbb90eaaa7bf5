# SPDX-License-Identifier: Apache-2.0
"""What methods have in common that paint in one pass of a network: a paper's own class says only what is the paper's.

Invariant: networks and styles are loaded once a device and kept until `forget`; a style of another revision is another style.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor, nn

from scumble.api.errors import ScumbleError
from scumble.api.method import Content, Event, Method, Progress, Runtime, Style, Weighted
from scumble.library.places import SHIPPED, data_dir, shared_path
from scumble.library.weights import name_of
from scumble.nst.style_statistics import ladder_sides, nearest, resized
from scumble.nst.tensors import to_tensor
from scumble.painting import tiling

N = TypeVar("N", bound=nn.Module)
S = TypeVar("S")

OWN_SIDE = 512
"""Longest side at which the picture's own style is measured, for strengths below 1."""

SHIPPED_ENCODER = "quarter"
"""The encoder that ships."""


@dataclass
class Known(Generic[S]):
    """A prepared style: what was measured of its painting, at one or several of its sizes.

    The painting is measured when a size is first asked for, and never enlarged; a style that ships without one brings what was
    measured of it before.
    """

    ladder: dict[int, S] = field(default_factory=dict)
    """By the painting's long side in pixels; all there is where there is no painting."""
    painting: Tensor | None = None
    """(1, 3, H, W) in [0, 1]."""
    sides: Sequence[int] = ()
    """Long sides at which it is measured."""
    measure: Callable[[Tensor], S] | None = None
    extra: Any = None
    """What a method keeps beside."""

    def at(self, long_side: float) -> S:
        """The statistics of the painting at the nearest of its sizes."""
        if self.painting is None or self.measure is None:
            return self.ladder[nearest(self.ladder, long_side) if len(self.ladder) > 1 else next(iter(self.ladder))]
        rung = nearest(ladder_sides(max(self.painting.shape[2:]), self.sides), long_side)
        if rung not in self.ladder:
            self.ladder[rung] = self.measure(resized(self.painting, rung))
        return self.ladder[rung]


class FeedForward(Method, Generic[N, S]):
    """A method whose networks N paint in one pass, in a style that S describes. Its pictures are (1, 3, H, W) in [0, 1].

    N is one module that all styles share, S what `read` finds in a style's weight file or `measure` sees of a painting.
    """

    stride: int
    """Sides of pictures are multiples of this."""
    margin: int
    """Pixels on each side on which an output pixel depends, at most, a multiple of `stride`."""
    sides: Sequence[int] = ()
    """Long sides in pixels at which a painting is measured; none: once, as it is."""
    trained_by: str
    """The command that makes the state of one style: "johnson --style"."""

    def __init__(self) -> None:
        self._networks: dict[tuple[str, str], N] = {}
        self._known: dict[tuple[str, int, str, str], Known[S]] = {}

    # What a paper says.

    def load(self, weights: Path) -> N:
        """The networks of a weight file, frozen. Raises ScumbleError "weights-corrupt"."""
        raise NotImplementedError

    def read(self, weights: Path, networks: N, device: str) -> Mapping[int, S]:
        """The contents of a style's weight file, by the painting's long side. Raises ScumbleError "weights-corrupt"."""
        raise NotImplementedError

    def measure(self, networks: N, painting: Tensor) -> S:
        """The numbers that describe the style of a painting, for methods that take any."""
        raise NotImplementedError

    def mix(self, styles: Sequence[tuple[float, S]]) -> S:
        """A weighted mixture (weights of sum 1); here of states that are tensors (1, R)."""
        weighted = [weight * cast(Tensor, style) for weight, style in styles]
        return cast(S, torch.stack(weighted).sum(0))

    def stack(self, styles: Sequence[S]) -> S:
        """Several styles that are mixed by place; here of states that are tensors, (S, R)."""
        return cast(S, torch.cat([cast(Tensor, style) for style in styles]))

    def between(self, own: S, style: S, strength: float) -> S:
        """The state at `strength` between the picture's own style and another; here of states that are tensors."""
        return cast(S, own + strength * (style - own))  # type: ignore[operator]

    def painter(self, networks: N, style: S) -> nn.Module:
        """The part of the networks that `stylize` runs over pictures; its norms are frozen where one is painted in tiles."""
        return networks

    def stylize(self, networks: N, picture: Tensor, style: S, options: Any, shares: Tensor | None) -> Tensor:
        """The picture in a style or, by `shares` (S, 1, H, W), in several that `stack` put together."""
        raise NotImplementedError

    def passes(self, paint: Callable[[Content], Iterator[Event]], content: Content) -> Iterator[Event]:
        """Paint a picture by passes of the network; here by one."""
        return paint(content)

    # What follows from it.

    def weights(self, encoder: str = SHIPPED_ENCODER) -> Path | None:
        """The file of the networks: one that ships, or, for an encoder that does not, one in the user's data; None where every
        style has its own."""
        shipped = encoder == SHIPPED_ENCODER
        return shared_path(SHIPPED, self.id) if shipped else data_dir() / "models" / f"{self.id}-{encoder}.safetensors"

    def shared_name(self) -> str:
        """A name that tells the networks that ship from others: states of one are of no use to the other."""
        path = self.weights()
        assert path is not None
        return name_of(path)

    def available(self, style: Style) -> bool:
        path = self.weights()
        there = path is None or path.is_file()
        return there and ((self.capabilities.arbitrary and style.has_picture) or style.state(self.id) is not None)

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> Known[S]:
        """The painting, or what ships in its place; kept for the next run."""
        encoder = encoder_of(options)
        key = (style.id, style.revision, encoder, runtime.device)
        if key not in self._known:
            self._known[key] = self.know(style, self.networks(options, runtime.device), encoder, runtime.device)
        return self._known[key]

    def know(self, style: Style, networks: N, encoder: str, device: str) -> Known[S]:
        """The state of a style: measured from its painting where the method takes any, else read from its weight file.

        Raises ScumbleError "style-needs-picture" and "style-unavailable", and what `read` raises.
        """
        painting = style.picture() if self.capabilities.arbitrary else None
        if painting is not None:
            picture = to_tensor(painting).to(device)
            if not self.sides:
                return Known({0: self.measure(networks, picture)})
            return Known(painting=picture, sides=self.sides, measure=lambda x: self.measure(networks, x))
        if encoder != SHIPPED_ENCODER:
            raise ScumbleError(
                "style-needs-picture",
                f"The style {style.id!r} ships without its painting, which {encoder} has to see.",
                f"Use the encoder {SHIPPED_ENCODER}, or add the painting to your own styles.",
            )
        path = style.state(self.id)
        if path is None:
            raise self._unavailable(style)
        return Known(dict(self.read(Path(path), networks, device)))

    def networks(self, options: Any, device: str) -> N:
        """The networks on the device, loaded once. Raises ScumbleError "weights-missing" and "weights-corrupt"."""
        encoder = encoder_of(options)
        if (encoder, device) not in self._networks:
            path = self.weights(encoder)
            if path is not None and not path.is_file():
                raise ScumbleError(
                    "weights-missing",
                    f"There are no networks of {self.id} for the encoder {encoder} on this machine ({path}).",
                    f"Use the encoder {SHIPPED_ENCODER}, or train them: "
                    f"scumble train {self.id} --encoder {encoder} --out {path.parent}",
                )
            with torch.inference_mode(False):  # what is loaded within it could never be descended through
                net = cast(N, nn.Identity()) if path is None else self.load(path)
                self._networks[encoder, device] = net.to(device).to(memory_format=torch.channels_last)
        return self._networks[encoder, device]

    def forget(self) -> None:
        """Release networks and styles; the next run loads them again."""
        self._networks.clear()
        self._known.clear()

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        """Measure what is not measured yet, mix, and paint, in tiles where the picture is large."""
        networks = self.networks(options, runtime.device)
        states: list[tuple[float, S]] = []
        for given in styles:
            yield Progress(0.0, "looking at the painting")
            states.append((given.weight, given.state.at(self.measured_side(content, options))))
        with torch.no_grad():
            style = self.mix(states) if content.regions is None else self.stack([state for _, state in states])
        if content.strength < 1 and self.capabilities.strength:
            yield Progress(0.0, "looking at the picture")
            with torch.no_grad():
                style = self.between(self.own_style(networks, content, runtime.device), style, content.strength)
        one_pass = Pass(self, networks, style, options)

        def paint(part: Content) -> Iterator[Event]:
            return tiling.run_tiled(one_pass, part, runtime, stride=self.stride, margin=self.margin)

        yield from self.passes(paint, content)

    def measured_side(self, content: Content, options: Any) -> float:
        """The long side at which paintings are measured for this picture."""
        return content.painting_side

    def own_style(self, networks: N, content: Content, device: str) -> S:
        """The picture's own, of the whole layer."""
        picture = to_tensor(content.rgb if content.whole is None else content.whole).to(device)
        return self.measure(networks, resized(picture, min(OWN_SIDE, max(picture.shape[2:]))))

    def _unavailable(self, style: Style) -> ScumbleError:
        if not self.capabilities.arbitrary:
            return ScumbleError(
                "style-unavailable",
                f"The style {style.id!r} was not trained for {self.id}.",
                f"Choose a method that takes any style, or train it: scumble train {self.trained_by}.",
            )
        return ScumbleError(
            "style-unavailable",
            f"The style {style.id!r} has neither a painting nor what {self.id} measures of one.",
            "Add the painting to your own styles, or choose another method.",
        )


@dataclass(frozen=True)
class PassRecipe:
    """The networks and settings that a Pass is made of, without those that every machine has. `style` is as `FeedForward.mix`
    gives it."""

    method: str
    style: Any
    options: Any


class Pass(nn.Module):
    """A network that paints one style, or several by place, over pictures (1, 3, H, W), as tiling.run_tiled runs it."""

    def __init__(self, method: FeedForward[N, S], networks: N, style: S, options: Any) -> None:
        super().__init__()
        self.painter = method.painter(networks, style)
        self.recipe = PassRecipe(method.id, style, options)

        def paint(x: Tensor, shares: Tensor | None) -> Tensor:
            return method.stylize(networks, x, style, options, shares)

        self._paint = paint

    def forward(self, x: Tensor, shares: Tensor | None = None) -> Tensor:
        """`shares` (S, 1, H, W): how much of each pixel belongs to each style."""
        return self._paint(x, shares)


def encoder_of(options: Any) -> str:
    """The name of the encoder for paintings, where a method's options let one choose."""
    return str(vars(options).get("encoder", SHIPPED_ENCODER))


@contextmanager
def holding(path: Path, what: str, train: str) -> Iterator[None]:
    """A weight file's tensors are made into a network within this block: what does not fit is "weights-corrupt"."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as e:
        raise ScumbleError(
            "weights-corrupt",
            f"The weight file {path.name} holds no {what} ({e}).",
            f"Install Scumble again, or make it again: scumble train {train}.",
        ) from e
