# SPDX-License-Identifier: Apache-2.0
"""Ghiasi et al. 2017: a network looks at a painting and tells another how to paint like it (arXiv 1705.06830).

Invariant: a painting is 100 numbers, the bottleneck of the style prediction network, and nothing is trained for it; a mixture
of paintings is the mixture of their numbers. README.md compares the paper with this file, networks and training.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.api.hookspecs import hookimpl
from scumble.api.method import Capabilities, Content, Cost, Event, Method, Progress, Runtime, Style, Weighted
from scumble.api.options import option
from scumble.library.places import SHIPPED, data_dir, shared_path
from scumble.library.weights import load_weights, name_of
from scumble.methods.ghiasi.network import BOTTLENECK, MARGIN, STRIDE, GhiasiNet
from scumble.methods.measured import Measured, measured
from scumble.nst.style_encoder import SIZES, Encoder, Sight, load_sight
from scumble.nst.style_statistics import resized
from scumble.nst.tensors import to_tensor
from scumble.painting import tiling

SIDES = (256, 362, 512, 724)
"""Long sides in pixels at which a painting is looked at, half an octave apart: those of the paintings of the training."""

OWN_SIDE = 512
"""Longest side at which the picture's own style is predicted, for strengths below 1."""


@dataclass(frozen=True)
class Options:
    """What can be chosen beside what every method offers."""

    style_scale: float = option(
        1.0,
        "Size of the painting relative to the picture when it is looked at; a larger one shows more of its brushwork.",
        minimum=0.25,
        maximum=2.0,
        step=0.05,
        unit="x",
    )
    encoder: Literal["compact", "inception"] = option(
        "compact",
        "What sees the painting. compact ships with Scumble; inception needs a predictor you trained for it "
        "(scumble train ghiasi --encoder inception) and the painting itself.",
    )


@dataclass(frozen=True)
class Shared:
    """What all styles share."""

    model: GhiasiNet
    see: Sight

    @torch.no_grad()
    def known(self, picture: Tensor) -> Tensor:
        """The bottleneck (1, 100) of (1, 3, H, W) in [0, 1]."""
        return self.model.predictor.bottleneck(self.see(picture))


class Ghiasi(Method):
    """One network for all styles, and one that predicts them."""

    id = "ghiasi"
    title = "Ghiasi (predicted from any painting)"
    paper = "Ghiasi, Lee, Kudlur, Dumoulin and Shlens 2017, arXiv 1705.06830"
    purpose = "Any painting at once, with Johnson's steady brush; styles mix, and weaken towards your picture's own."
    Options = Options
    capabilities = Capabilities(arbitrary=True, blend=True, regions=True, tiling=True, strength=True)
    cost = Cost(bytes_per_pixel=330)  # as Johnson's network, which it is but for the norms

    def __init__(self) -> None:
        self._shared: dict[tuple[Encoder, str], Shared] = {}
        self._states: dict[tuple[str, int, Encoder, str], Measured[Tensor]] = {}

    def available(self, style: Style) -> bool:
        return network_path("compact").is_file() and (style.has_picture or style.state(self.id) is not None)

    def prepare(self, style: Style, options: Any, runtime: Runtime) -> Measured[Tensor]:
        """The painting, or the numbers that ship in its place; kept for the next run."""
        key = (style.id, style.revision, options.encoder, runtime.device)
        if key not in self._states:

            def load(path: Path) -> dict[int, Tensor]:
                return {side: known.to(runtime.device) for side, known in load_ladder(path).items()}

            shared = self._networks(options.encoder, runtime.device)
            self._states[key] = measured(style, self.id, *key[2:], SIDES, shared.known, load)
        return self._states[key]

    def forget(self) -> None:
        """Let go of networks and styles; the next run loads them again."""
        self._shared.clear()
        self._states.clear()

    def run(self, content: Content, styles: Sequence[Weighted], options: Any, runtime: Runtime) -> Iterator[Event]:
        shared = self._networks(options.encoder, runtime.device)
        found = []
        for style in styles:
            yield Progress(0.0, "looking at the painting")
            found.append(style.state.at(options.style_scale * content.painting_side))
        if content.regions is None:
            known = torch.stack([style.weight * k for style, k in zip(styles, found, strict=True)]).sum(0)
        else:
            known = torch.cat(found)
        if content.strength < 1:
            yield Progress(0.0, "looking at the picture")
            picture = to_tensor(content.rgb if content.whole is None else content.whole).to(runtime.device)
            own = shared.known(resized(picture, min(OWN_SIDE, max(picture.shape[2:]))))
            known = own + content.strength * (known - own)
        with torch.no_grad():
            painter = tiling.Styled(shared.model.net, shared.model.predictor.style(known))
        yield from tiling.run_tiled(painter, content, runtime, stride=STRIDE, margin=MARGIN)

    def _networks(self, encoder: Encoder, device: str) -> Shared:
        if (encoder, device) not in self._shared:
            path = network_path(encoder)
            if not path.is_file():
                raise ScumbleError(
                    "weights-missing",
                    f"There is no style predictor for the encoder {encoder} on this machine ({path}).",
                    f"Use the compact encoder, or train one: scumble train ghiasi --encoder {encoder} --out {path.parent}",
                )
            self._shared[encoder, device] = load_shared(path, device)
        return self._shared[encoder, device]


def network_path(encoder: Encoder) -> Path:
    """Where the networks lie: with Scumble, or, for an encoder whose predictor does not ship, in the user's data."""
    return shared_path(SHIPPED, "ghiasi") if encoder == "compact" else data_dir() / "models" / f"ghiasi-{encoder}.safetensors"


def load_shared(path: Path, device: str = "cpu") -> Shared:
    """Both networks of a weight file and the encoder they were trained behind, frozen.

    Raises ScumbleError "weights-corrupt" and "weights-missing".
    """
    tensors, card = load_weights(path)
    try:
        found = card["architecture"]
        encoder: Encoder = found["encoder"]
        model = GhiasiNet(SIZES[encoder], found["width"], found["blocks"])
        model.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError) as e:
        raise ScumbleError(
            "weights-corrupt",
            f"The weight file {path.name} holds no networks of Ghiasi's ({e}).",
            "Install Scumble again, or train them anew: scumble train ghiasi.",
        ) from e
    model = model.to(device).to(memory_format=torch.channels_last).requires_grad_(False).eval()
    return Shared(model, load_sight(encoder).to(device))


def shared_name(path: Path | None = None) -> str:
    """What tells one set of networks from another: what one predicts says nothing to the other."""
    return name_of(path or network_path("compact"))


def load_ladder(path: Path) -> dict[int, Tensor]:
    """What a style file holds: the bottleneck (1, 100) by the painting's long side.

    Raises ScumbleError "weights-corrupt", also where it belongs to other networks than those that ship.
    """
    tensors, card = load_weights(path)
    try:
        ladder = {int(side): known.view(1, BOTTLENECK) for side, known in tensors.items()}
        if not ladder:
            raise ValueError("it is empty")
        if card.get("networks") != shared_name():
            raise ValueError("it was predicted by other networks")
    except (ValueError, RuntimeError) as e:
        raise ScumbleError(
            "weights-corrupt",
            f"The weight file {path.name} holds no predicted style ({e}).",
            "Install Scumble again, or make it anew: scumble train ghiasi-style.",
        ) from e
    return ladder


@hookimpl
def register_methods(register: Callable[[Method], None]) -> None:
    register(Ghiasi())
