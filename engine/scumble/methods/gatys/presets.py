# SPDX-License-Identifier: Apache-2.0
"""Three presets, and the options that change them. README.md compares the presets.

Invariant: every weight in the options is a multiple of the preset's own, so 1 is always what the preset says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from scumble.api.options import option
from scumble.methods.gatys.objective import Terms


@dataclass(frozen=True)
class Preset:
    """Published or chosen values that belong together."""

    terms: Terms
    steps: int
    start: Literal["content", "noise", "fast"]
    pooling: Literal["max", "average"] = "max"
    levels: int = 1
    exponent: float = 0.0
    """Of the change of variables (optimize.Spectrum); 0 optimises plain pixels."""
    delta: float = 0.0
    """Of the pseudo-Huber form that style terms descend in (objective.Objective); 0 descends them as they are."""
    half: bool = False
    """Descend through the network in bfloat16 wherever the machine computes in it; targets are always taken in float32."""
    history: int = 100
    """Pairs that L-BFGS remembers; 100 is the default of the authors' library."""


PUBLISHED = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
WIDTHS = (64, 128, 256, 512, 512)
"""VGG-19's, which the code's weights are divided by, squared, in any network."""

PAPER_CELLS = 64 * 64 * 512
"""Values of relu4_2 for a picture of 512 x 512: the paper's content loss is a sum, so its weight depends on the size."""

PRESETS: Mapping[str, Preset] = {
    # Section 2 of the paper: alpha/beta 1e-3; content 1/2 sum (F - P)^2; style 1/5 sum (G - A)^2 / (4 N^2 M^2) a layer.
    "paper": Preset(
        Terms(
            content={"relu4_2": 0.5 * PAPER_CELLS},
            style=dict.fromkeys(PUBLISHED, 1 / 5 / 4),
            content_weight=1e-3,
            relative=False,
        ),
        steps=500,
        start="noise",
        pooling="average",
    ),
    # The authors' PyTorch code: style weights 1e3/n^2, content weight 1, means, 500 steps from the content.
    "code": Preset(
        Terms(
            content={"relu4_2": 1.0},
            style={layer: 1e3 / n**2 for layer, n in zip(PUBLISHED, WIDTHS, strict=True)},
            relative=False,
        ),
        steps=500,
        start="content",
    ),
    "scumble": Preset(
        Terms(
            content={"relu3_3": 0.5, "relu4_2": 0.5},
            style={"relu1_2": 0.25, "relu2_2": 0.25, "relu3_3": 0.25, "relu4_3": 0.17, "relu5_1": 0.08},
            content_weight=1.2,
            style_weight=4.4,
            tv_weight=0.5,
            salient=True,
        ),
        steps=40,
        start="content",
        levels=4,
        exponent=0.25,
        delta=0.05,
        half=True,
        history=20,
    ),
}

COMPACT = replace(
    PRESETS["scumble"],
    terms=Terms(
        content={"relu3_3": 0.5, "relu4_2": 0.5},
        style={"relu1_1": 1/13, "relu1_2": 1/13, "relu2_1": 1/13, "relu2_2": 1/13,
               "relu3_1": 2/13, "relu3_3": 2/13, "relu4_1": 3/13, "relu5_1": 3/13},
        style_weight=10.0,
        colour_weight=0.5,
        tv_weight=0.5,
        scales=(1, 2),
    ),
)  # fmt: skip
"""What the preset scumble is through the compact network, which sees neither strokes nor hues as exactly as VGG-16 does."""


@dataclass(frozen=True)
class Options:
    """What can be chosen. Weights are multiples of the preset's, so 1 is always the preset's own."""

    preset: Literal["scumble", "paper", "code"] = option(
        "scumble",
        "scumble is fast and made for the networks that ship; paper and code follow the paper and its authors' later code.",
    )
    network: Literal["half", "quarter", "compact", "vgg19", "vgg16"] = option(
        "half",
        "What the picture is compared through. half and quarter ship with Scumble and are VGG-16 at half and a quarter of its "
        "width; quarter is about three times as quick, and coarser. compact is an older network that ships too. The VGG "
        "networks are downloaded once (550 MB), take four times as long as half, and need the painting itself.",
        preview="quarter",
    )
    style_scale: float = option(
        1.0,
        "Size of the painting relative to the picture; smaller gives finer strokes.",
        minimum=0.25,
        maximum=2.0,
        step=0.05,
        unit="x",
    )
    style_weight: float = option(
        1.0, "How much the painting counts, in multiples of the preset's weight.", minimum=0, maximum=100, step=0.1, unit="x"
    )
    content_weight: float = option(
        1.0, "How much the picture counts, in multiples of the preset's weight.", minimum=0, maximum=100, step=0.1, unit="x"
    )
    tv_weight: float = option(
        1.0,
        "How smooth the result is (total variation), in multiples of the preset's weight; paper and code have none.",
        title="Smoothness",
        minimum=0,
        maximum=100,
        step=0.1,
        unit="x",
    )
    steps: int = option(0, "Steps at each size; 0 takes the preset's number.", minimum=0, maximum=5000, step=10)
    levels: int = option(
        0, "Sizes to work at, each half the next; 0 takes the preset's number, 1 only the full size.", minimum=0, maximum=6
    )
    start: Literal["preset", "content", "noise", "fast"] = option(
        "preset",
        "What to begin with: your picture, noise, or the answer of a fast method that knows the style.",
        title="Begin with",
    )
    optimiser: Literal["lbfgs", "adam"] = option("lbfgs", "adam takes more steps; up to 2 megapixels it takes less memory.")
    pooling: Literal["preset", "max", "average"] = option(
        "preset", "How VGG reduces its maps; the networks that ship always take the maximum, which they were made with."
    )
    seed: int = option(0, "Another number, another noise.", minimum=0, maximum=2**31 - 1)


def chosen(options: Options) -> Preset:
    """The preset with what the options change."""
    older = options.preset == "scumble" and options.network == "compact"
    preset = COMPACT if older else PRESETS[options.preset]
    terms = replace(
        preset.terms,
        colour_weight=preset.terms.colour_weight * options.style_weight,
        content_weight=preset.terms.content_weight * options.content_weight,
        style_weight=preset.terms.style_weight * options.style_weight,
        tv_weight=preset.terms.tv_weight * options.tv_weight,
    )
    pooling = preset.pooling if options.pooling == "preset" else options.pooling
    return replace(
        preset,
        terms=terms,
        steps=options.steps or preset.steps,
        levels=options.levels or preset.levels,
        start=preset.start if options.start == "preset" else options.start,
        pooling=pooling if options.network.startswith("vgg") else "max",
    )
