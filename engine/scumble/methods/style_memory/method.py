# SPDX-License-Identifier: Apache-2.0
"""Style memory: every style is one row of a tensor M that one shared network reads (README.md).

Invariant: a picture depends on the shared networks, the rows of its own styles and nothing else, so adding, refining or
removing a style changes no other style's picture. Grade 0 is a row made of a painting in an instant; grade 1 is that row
refined (refine.py). Grade 2 descends the picture itself from the network's answer, as Gatys does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from scumble.api.errors import ScumbleError
from scumble.api.hookspecs import hookimpl
from scumble.api.method import (
    Arrays,
    Capabilities,
    Checkpoint,
    Content,
    Cost,
    Event,
    Method,
    Pixels,
    Progress,
    Refined,
    Refinement,
    Refiner,
    Runtime,
    Style,
    Weighted,
)
from scumble.api.options import option
from scumble.image.resample import resize
from scumble.library.places import SHIPPED, perceptual_path, shared_path
from scumble.library.weights import load_card, load_weights, name_of
from scumble.methods.feed_forward import OWN_SIDE, SHIPPED_ENCODER, FeedForward, Known, holding
from scumble.methods.style_memory.content_sampler import ContentSampler
from scumble.methods.style_memory.network import FAINT, MARGIN, PALETTE_FAINT, SIGNATURE_NETWORK, STRIDE, StyleMemory
from scumble.methods.style_memory.painting_sizes import PAINTING_SIDE, PREDICTION_SIDES, at_size, in_sizes, to_stride
from scumble.methods.style_memory.refine import LATTICE, TV, Pace, begin, descend_row, kept, resumed
from scumble.nst.perceptual_loss import SPEC, grams_of
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_encoder import signature
from scumble.nst.tensors import to_array, to_tensor
from scumble.nst.vgg import VGG, computes_bfloat16
from scumble.painting.stages import OPTIMISING, Polish, strokes
from scumble.painting.two_passes import paint_twice

NETWORKS = shared_path(SHIPPED, "memory")

PACE = Pace(steps=160, rate=0.03, delta=0.5)
"""Of a refinement through the half-width VGG-16: a minute on two cores."""

BATCH, CROP = 2, 192
"""Of the pictures of a step."""

HALF = perceptual_path(SHIPPED, "half")

MOST_POLISH = 200
"""Steps from which on a picture hardly becomes better."""


@dataclass(frozen=True)
class Options:
    """How far to go from real time to Gatys."""

    polish: int = option(
        0,
        "Steps of Gatys' descent from the network's answer, at each of a few sizes: 0 is real time, 10 lift the loss most of "
        "the way, 40 are near what Gatys reaches from your picture in many more.",
        minimum=0,
        maximum=MOST_POLISH,
        title="Work it over",
        step=5,
        unit="steps",
        preview=0,
    )


class Networks(nn.Module):
    """What all styles share: the memory's own networks, and the perceptual one, which sees paintings."""

    def __init__(self, memory: StyleMemory, perceptual: VGG) -> None:
        super().__init__()
        self.memory, self.perceptual = memory, perceptual

    @torch.no_grad()
    def row(self, picture: Tensor, faint: float = PALETTE_FAINT) -> Tensor:
        """Grade 0 of (1, 3, H, W)."""
        return self.memory.rows(to_stride(picture), signature(self.perceptual, picture), faint)


class Memory(FeedForward[Networks, Tensor], Refiner):
    """Many styles in one network. Its state of a style is a row (1, R)."""

    id = "memory"
    title = "Style memory"
    paper = "Scumble; after Ulyanov et al. 2016, Ghiasi et al. 2017, Huang and Belongie 2017, Chen et al. 2017"
    purpose = "The default: any painting, at once, and better after a minute; styles can be mixed."
    Options = Options
    capabilities = Capabilities(arbitrary=True, blend=True, regions=True, tiling=True, refine=True, strength=True)
    cost = Cost(bytes_per_pixel=200, options={"polish": OPTIMISING})
    stride, margin = STRIDE, MARGIN
    trained_by = "memory-row"

    def __init__(self) -> None:
        super().__init__()
        self._half: dict[str, VGG] = {}
        self.refiner = self

    def half_for_8_bits(self, device: str) -> bool:
        """What sets the colours is computed in float32 in any case; the rest shows no difference (over 40 dB)."""
        return computes_bfloat16(device)

    def outdated(self, style: Style) -> bool:
        """Whether its row belongs to networks that ship no longer."""
        path = style.state(self.id)
        try:
            return path is not None and not fits(Path(path))
        except ScumbleError:  # its card is damaged
            return True

    def weights(self, encoder: str = SHIPPED_ENCODER) -> Path:
        return NETWORKS

    def load(self, weights: Path) -> Networks:
        return Networks(load_memory(weights), load_perceptual(SIGNATURE_NETWORK))

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> Known[Tensor]:
        """The style's row and, where the picture is polished, what its strokes are compared with."""
        known = super().prepare(style, options, runtime)
        return replace(known, extra=strokes(style, runtime)) if options.polish else known

    def know(self, style: Style, networks: Networks, encoder: str, device: str) -> Known[Tensor]:
        """A row that was trained or refined comes before the painting."""
        path = style.state(self.id)
        row = None if path is None else _row_of(style, Path(path))
        return super().know(style, networks, encoder, device) if row is None else Known({0: row.to(device)})

    def measure(self, networks: Networks, painting: Tensor) -> Tensor:
        """Grade 0: the mean over several sizes."""
        images = [image.to(painting.device) for image in in_sizes(_array(painting), PREDICTION_SIDES)]
        return torch.stack([networks.row(x) for image in images for x in (image, image.flip(3))]).mean(0)

    def own_style(self, networks: Networks, content: Content, device: str) -> Tensor:
        whole = content.rgb if content.whole is None else content.whole
        return networks.row(to_tensor(_shrunk(whole, OWN_SIDE)).to(device), FAINT)

    def painter(self, networks: Networks, style: Tensor) -> nn.Module:
        return networks.memory.net

    def stylize(self, networks: Networks, picture: Tensor, style: Tensor, options: Any, shares: Tensor | None) -> Tensor:
        return networks.memory.net(picture, style, shares)  # type: ignore[no-any-return]

    def passes(self, paint: Callable[[Content], Iterator[Event]], content: Content) -> Iterator[Event]:
        return paint_twice(paint, content)

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        """The network's answer, polished where that is asked for."""
        paint = super().run
        if not options.polish:
            return paint(content, styles, options, runtime)
        polish = Polish(options.polish, [Weighted(style.state.extra, style.weight) for style in styles], runtime)
        return polish.painted(content, lambda picture: paint(picture, styles, options, runtime))

    def forget(self) -> None:
        super().forget()
        self._half.clear()

    def refine(
        self, style: Style, contents: Sequence[Pixels], runtime: Runtime, checkpoint: Arrays | None = None
    ) -> Iterator[Refinement]:
        """Descend the style's row over crops of the user's pictures and of others (content_sampler.py)."""
        began = time.monotonic()
        painting = style.picture()
        if painting is None:
            raise ScumbleError("style-needs-picture", f"The style {style.id!r} has no painting to be refined by.")
        begins = Progress(0.0, "looking at the painting")
        yield begins  # often, for a picture to paint stops it there
        networks, features = self.networks(Options(), runtime.device), self._features(runtime.device)
        net = networks.memory.net
        yield begins
        sampler = ContentSampler(contents, BATCH, CROP)
        held = sampler.held_back()
        yield begins
        with torch.no_grad():
            targets = grams_of(at_size(painting, PAINTING_SIDE).to(runtime.device), features, SPEC.layers)
        yield begins
        with torch.no_grad():
            start = self._begun(style, painting, networks, runtime)
        yield begins
        whose = f"{shared_name()} {name_of(HALF)} {PACE} {BATCH} {CROP} {descended()}"
        at = resumed(checkpoint, start, whose, held, PACE.steps) or begin(start)
        half = runtime.half or computes_bfloat16(runtime.device)
        for reached in descend_row(net, at, PACE, targets, features, SPEC, sampler, half, held):
            if reached is not None:
                at = reached[0]
                yield Checkpoint(kept(at, whose, held))
            yield Progress(at.step / PACE.steps, f"step {at.step} of {PACE.steps}")
        card = {
            "shared": shared_name(),
            "perceptual": name_of(HALF),
            "steps": at.step,
            "seconds": round(time.monotonic() - began, 1),
        }
        yield Refined({"row": to_array(at.best)}, card | {"loss": [round(at.first, 4), round(at.least, 4)]})

    def _begun(self, style: Style, painting: Pixels, networks: Networks, runtime: Runtime) -> Tensor:
        """The row a refinement begins with: a damaged one is no obstacle to making another."""
        try:
            return self.prepare(style, Options(), runtime).at(0).clone()
        except ScumbleError as e:
            if e.code != "weights-corrupt":
                raise
            return self.measure(networks, to_tensor(painting).to(runtime.device))

    def _features(self, device: str) -> VGG:
        """The half-width VGG-16 on a device, loaded once."""
        if device not in self._half:
            with torch.inference_mode(False):
                self._half[device] = load_perceptual("half").to(device).to(memory_format=torch.channels_last)
        return self._half[device]


def load_memory(path: Path) -> StyleMemory:
    """The shared networks in eval mode. Raises ScumbleError "weights-corrupt"."""
    tensors, card = load_weights(path)
    memory = StyleMemory()
    with holding(path, "style memory, or one of another size", "memory"):
        memory.load_state_dict(tensors)
        if card["architecture"]["signature"] != SIGNATURE_NETWORK:
            raise ValueError("its predictor reads another network")
    return memory.to(memory_format=torch.channels_last).requires_grad_(False).eval()


def descended() -> str:
    """What a refinement descends, as a text: a checkpoint of another is of no use."""
    return f"{SPEC} {LATTICE} {TV} {PACE.rate} {PACE.delta} {PAINTING_SIDE}"


def shared_name() -> str:
    """What tells one set of shared networks from another: rows of one say nothing to the other."""
    return name_of(NETWORKS)


def fits(path: Path) -> bool:
    """Whether a row was made with the shared networks that are here: an older one says nothing to them."""
    return bool(load_card(path).get("shared") == shared_name())


def load_row(path: Path) -> Tensor:
    """(1, R), a row of the shipped shared networks. Raises ScumbleError "weights-corrupt" or "style-unavailable"."""
    tensors, _ = load_weights(path)
    if "row" not in tensors or tensors["row"].dim() != 2:
        raise ScumbleError("weights-corrupt", f"The weight file {path.name} holds no row of a style memory.")
    if not fits(path):
        raise ScumbleError(
            "style-unavailable",
            f"The row in {path.name} belongs to another version of the style memory.",
            "Install Scumble again, or make its row again: scumble train memory-row.",
        )
    return tensors["row"]


def _row_of(style: Style, path: Path) -> Tensor | None:
    """`load_row`. A style that has its picture needs none of networks that ship no longer, and one that is damaged can be made
    again."""
    try:
        return load_row(path)
    except ScumbleError as e:
        if not style.has_picture:
            raise
        if e.code == "style-unavailable":
            return None
        raise ScumbleError(e.code, e.message, "Refine the style again, or use an earlier revision of it.") from e


def _array(picture: Tensor) -> Pixels:
    """(1, 3, H, W) as (H, W, 3)."""
    return np.ascontiguousarray(picture[0].permute(1, 2, 0).cpu().numpy())


def _shrunk(rgb: Pixels, side: int) -> Pixels:
    ratio = min(1.0, side / max(rgb.shape[:2]))
    return resize(rgb, *(max(1, round(n * ratio)) for n in rgb.shape[:2]))


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Memory())
