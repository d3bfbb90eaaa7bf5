# SPDX-License-Identifier: Apache-2.0
"""Style memory: every style is one row of a tensor M that one shared network reads (README.md).

Invariant: a picture depends on the shared networks, the rows of its own styles and nothing else, so adding, refining or
removing a style changes no other style's picture. Grade 0 is a row made of a painting in an instant; grade 1 is that row
refined (refine.py). Grade 2 descends the picture itself from the network's answer, as Gatys does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

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
from scumble.library.places import SHIPPED, SURROGATE, shared_path
from scumble.library.weights import load_card, load_weights, name_of
from scumble.methods.style_memory.content_sampler import Practice
from scumble.methods.style_memory.network import MARGIN, STRIDE, StyleMemory
from scumble.methods.style_memory.painting_sizes import AIMS, LOOKS, looks_at, to_stride
from scumble.methods.style_memory.refine import Pace, begin, descend_row, kept, resumed
from scumble.methods.style_memory.surrogate import Surrogate, load_surrogate
from scumble.nst.looks import Grams, grams_of
from scumble.nst.pretrained import load_perceptual
from scumble.nst.style_encoder import signature
from scumble.nst.tensors import to_array, to_tensor
from scumble.nst.vgg import VGG, computes_bfloat16
from scumble.painting import tiling
from scumble.painting.stages import OPTIMISING, Polish, strokes
from scumble.painting.two_passes import paint_twice

N = TypeVar("N", bound=nn.Module)

NETWORKS = shared_path(SHIPPED, "memory")

OWN_SIDE = 512
"""Longest side at which a picture's own row is read, for strengths below 1."""

PACE = Pace(steps=80, rate=0.01, patience=0.2, share=0.6)
"""Of a refinement: half a minute on two cores."""

BATCH, CROP = 3, 256
"""Of the pictures of a step."""

STYLE_WEIGHT = 3.5
"""Of style beside content in a refinement."""

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
        step=5,
        unit="steps",
        preview=0,
    )


@dataclass(frozen=True)
class State:
    """A prepared style: its row (1, R), and what its strokes are compared with where the picture is polished."""

    row: Tensor
    strokes: Any = None


class Memory(Method, Refiner):
    """Many styles in one network."""

    id = "memory"
    title = "Style memory"
    paper = "Scumble; after Ulyanov et al. 2016, Ghiasi et al. 2017, Huang and Belongie 2017, Chen et al. 2017"
    purpose = "The default: any painting, at once, and better after a minute; styles can be mixed."
    Options = Options
    capabilities = Capabilities(arbitrary=True, blend=True, regions=True, tiling=True, refine=True, strength=True)
    cost = Cost(bytes_per_pixel=200, options={"polish": OPTIMISING})

    def __init__(self) -> None:
        self._shared: dict[str, StyleMemory] = {}
        self._eyes: dict[str, VGG] = {}
        self._surrogates: dict[str, Surrogate] = {}
        self._rows: dict[tuple[str, int, str], Tensor] = {}
        self.refiner = self

    def half_for_8_bits(self, device: str) -> bool:
        """What sets the colours is computed in float32 in any case; the rest shows no difference (over 40 dB)."""
        return computes_bfloat16(device)

    def available(self, style: Style) -> bool:
        return NETWORKS.is_file() and (style.has_picture or style.state(self.id) is not None)

    def outdated(self, style: Style) -> bool:
        """Whether its row belongs to networks that ship no longer."""
        path = style.state(self.id)
        try:
            return path is not None and not fits(Path(path))
        except ScumbleError:  # its card is damaged
            return True

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> State:
        """The style's row, kept for the next run."""
        key = (style.id, style.revision, runtime.device)
        if key not in self._rows:
            self._rows[key] = self._row(style, runtime)
        return State(self._rows[key], strokes(style, runtime) if options.polish else None)

    def _row(self, style: Style, runtime: Runtime) -> Tensor:
        path = style.state(self.id)
        if path is not None and (row := _row_of(style, Path(path))) is not None:
            return row.to(runtime.device)
        painting = style.picture()
        if painting is None:
            raise ScumbleError(
                "style-unavailable",
                f"The style {style.id!r} has neither a row in the memory nor a painting to make one of.",
                "Add the painting to your own styles, or choose another style.",
            )
        return self._predicted(painting, runtime)

    def forget(self) -> None:
        """Let go of networks and rows; the next run loads them again."""
        self._shared.clear()
        self._eyes.clear()
        self._surrogates.clear()
        self._rows.clear()

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        """The network's answer, polished where that is asked for."""

        def answer(content: Content) -> Iterator[Event]:
            return self._answer(content, styles, runtime)

        if not options.polish:
            return answer(content)
        polish = Polish(options.polish, [Weighted(style.state.strokes, style.weight) for style in styles], runtime)
        return polish.painted(content, answer)

    def _answer(self, content: Content, styles: Sequence[Weighted], runtime: Runtime) -> Iterator[Event]:
        """Grade 0 or 1: one pass of the network."""
        rows = torch.cat([s.state.row for s in styles])
        if content.regions is None:
            rows = torch.stack([s.weight * s.state.row for s in styles]).sum(0)
        if content.strength < 1:
            whole = content.rgb if content.whole is None else content.whole
            with torch.inference_mode():
                own = self._instant(to_tensor(_shrunk(whole, OWN_SIDE)).to(runtime.device), runtime)
            rows = own + content.strength * (rows - own)
        painter = tiling.Styled(self._memory(runtime.device).net, rows)

        def paint(seen: Content) -> Iterator[Event]:
            return tiling.run_tiled(painter, seen, runtime, stride=STRIDE, margin=MARGIN)

        yield from paint_twice(paint, content)

    def refine(
        self, style: Style, contents: Sequence[Pixels], runtime: Runtime, checkpoint: Arrays | None = None
    ) -> Iterator[Refinement]:
        """Descend the style's row over crops of the user's pictures and of others (content_sampler.py), by the surrogate."""
        began = time.monotonic()
        painting = style.picture()
        if painting is None:
            raise ScumbleError("style-needs-picture", f"The style {style.id!r} has no painting to be refined by.")
        begins = Progress(0.0, "looking at the painting")
        yield begins  # often, for a picture to paint stops it there
        net, eyes = self._memory(runtime.device).net, self._surrogate(runtime.device)
        look = eyes.look(STYLE_WEIGHT)
        yield begins
        practice = Practice(contents, BATCH, CROP)
        held = practice.held_back()
        yield begins
        seen: list[Grams] = []
        for x in looks_at(painting, AIMS):
            with torch.no_grad():
                seen.append(grams_of(x.to(runtime.device), eyes, look.layers))
            yield begins
        targets = {name: torch.stack([grams[name] for grams in seen]).mean(0) for name in seen[0]}
        with torch.no_grad():
            start = self._begun(style, painting, runtime)
        yield begins
        whose = f"{shared_name()} {name_of(SURROGATE)} {PACE} {BATCH} {CROP} {AIMS} {look}"
        at = resumed(checkpoint, start, whose, held, PACE.steps) or begin(start)
        half = runtime.half or computes_bfloat16(runtime.device)
        for found in descend_row(net, at, PACE, targets, eyes, look, practice, half, held):
            if found is not None:
                at = found[0]
                yield Checkpoint(kept(at, whose, held))
            yield Progress(at.step / PACE.steps, f"step {at.step} of {PACE.steps}")
        card = {
            "shared": shared_name(),
            "surrogate": name_of(SURROGATE),
            "steps": at.step,
            "seconds": round(time.monotonic() - began, 1),
        }
        yield Refined({"row": to_array(at.best)}, card | {"loss": [round(at.first, 4), round(at.least, 4)]})

    def _begun(self, style: Style, painting: Pixels, runtime: Runtime) -> Tensor:
        """The row a refinement begins with: a damaged one is no obstacle to making another."""
        try:
            return self.prepare(style, Options(), runtime).row.clone()
        except ScumbleError as e:
            if e.code != "weights-corrupt":
                raise
            return self._predicted(painting, runtime)

    def _predicted(self, painting: Pixels, runtime: Runtime) -> Tensor:
        """Grade 0 of a painting (H, W, 3): the mean over several looks at it."""
        looks = [look.to(runtime.device) for look in looks_at(painting, LOOKS)]
        with torch.inference_mode():
            return torch.stack([self._instant(x, runtime) for look in looks for x in (look, look.flip(3))]).mean(0)

    def _instant(self, picture: Tensor, runtime: Runtime) -> Tensor:
        """Grade 0 of (1, 3, H, W)."""
        return self._memory(runtime.device).rows(to_stride(picture), signature(self._compact(runtime.device), picture))

    def _memory(self, device: str) -> StyleMemory:
        return _on(device, self._shared, lambda: load_memory(NETWORKS))

    def _compact(self, device: str) -> VGG:
        return _on(device, self._eyes, lambda: load_perceptual("compact"))

    def _surrogate(self, device: str) -> Surrogate:
        return _on(device, self._surrogates, load_surrogate)


def _on(device: str, kept: dict[str, N], load: Callable[[], N]) -> N:
    """A network on a device, loaded once."""
    if device not in kept:
        with torch.inference_mode(False):  # what is loaded within it could never be descended through
            kept[device] = load().to(device).to(memory_format=torch.channels_last)
    return kept[device]


def load_memory(path: Path) -> StyleMemory:
    """The shared networks in eval mode. Raises ScumbleError "weights-corrupt"."""
    tensors, _ = load_weights(path)
    memory = StyleMemory()
    try:
        memory.load_state_dict(tensors)
    except RuntimeError as e:
        raise ScumbleError(
            "weights-corrupt",
            f"The weight file {path.name} holds no style memory, or one of another size.",
            "Install Scumble again.",
        ) from e
    return memory.to(memory_format=torch.channels_last).requires_grad_(False).eval()


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
            "Install Scumble again, or make its row anew: scumble train memory-row.",
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


def _shrunk(rgb: Pixels, side: int) -> Pixels:
    ratio = min(1.0, side / max(rgb.shape[:2]))
    return resize(rgb, *(max(1, round(n * ratio)) for n in rgb.shape[:2]))


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Memory())
