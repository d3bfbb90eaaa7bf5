# SPDX-License-Identifier: Apache-2.0
"""How near Gatys through a narrow network comes to Gatys through the complete VGG-16: `python -m benchmarks.networks`.

Twelve photographs of the test split, each by one of its first twelve paintings, through each network at several style weights,
judged by the complete VGG-16. A network that pulls harder paints more and leaves less of the photograph, so style is compared
where LPIPS is equal: between the weights it is interpolated. Invariant: every network is descended by the method itself, with
its own preset and steps; what was painted lies in --out and is kept.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table as Shown

from scumble.api.method import Runtime
from scumble.evaluate.contenders import Contender, Painting, painter
from scumble.evaluate.contest import Photograph, Table, hold, read_paintings, read_photographs, resumed
from scumble.evaluate.judges import lpips_judge, vgg16_judge
from scumble.evaluate.panel import layers_of
from scumble.library.weights import load_weights, name_of
from scumble.methods.gatys.method import Gatys
from scumble.methods.gatys.presets import Options, chosen
from scumble.nst.perceptual_loss import STYLE_LAYERS
from scumble.nst.pretrained import Network, load_perceptual
from scumble.nst.vgg import VGG
from scumble.training.teachers import load_complete

ROOT = Path(__file__).resolve().parents[1]
SIZE = 256
"""Short side in pixels of photographs and paintings."""
EVERY, PAIRS = 2, 12
"""Every second photograph of the test split, and so many of them."""
STRIDE = 5
"""Photograph i is painted by painting STRIDE * i of PAIRS, so that no order of the files pairs like with like."""
COMPLETE = "vgg16"
NEAR = 0.02
"""Difference of LPIPS up to which two pictures count as equally far from the photograph."""
LIMITS: Mapping[str, float] = {"half": 1.2, "quarter": 1.6}
"""Style loss through a network in multiples of that through the complete one, at most."""


@dataclass(frozen=True)
class Compared:
    """A network to descend through: its name on the table, its kind, the style weights, in multiples of the preset's, and its
    file where that is not the one that ships."""

    name: str
    kind: Literal["half", "quarter", "vgg16"]
    weights: tuple[float, ...]
    file: Path | None = None


@dataclass(frozen=True)
class Point:
    """A network's figures at one style weight, as means over the pairs."""

    weight: float
    lpips: float
    style: float
    layers: tuple[float, ...]
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.networks", description=__doc__)
    parser.add_argument(
        "networks", nargs="*", default=["half", "quarter"], help="half, quarter, or half=FILE for weights of one's own"
    )
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="the folder of images/ and perceptual/")
    parser.add_argument("--teachers", type=Path, help="the folder with the complete VGG-16 (default: perceptual/ of --shared)")
    parser.add_argument("--weights", type=float, nargs="+", default=[0.8, 1.6, 3.2], help="style weights, of the preset's")
    parser.add_argument("--reference", type=float, nargs="+", default=[1.6], help="those of the complete VGG-16 (slow)")
    parser.add_argument("--steps", type=int, default=0, help="at each size; 0 takes the preset's")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="how many (default %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "networks", help="pictures and figures (%(default)s)")
    given = parser.parse_args(arguments)
    teachers = given.teachers or given.shared / "perceptual"
    images = given.shared / "images"
    if not images.is_dir():
        parser.error(f"there are no pictures in {given.shared}; --shared names another folder")
    lpips = lpips_judge(str(teachers)) if teachers.is_dir() else None
    if lpips is None:
        parser.error(f"{teachers} has no complete VGG-16, or the package lpips is missing; --teachers names another folder")
    steps = given.steps or chosen(Options()).steps
    compared = [
        Compared(COMPLETE, "vgg16", tuple(given.reference)),
        *(_compared(text, tuple(given.weights), parser) for text in given.networks),
    ]
    contenders = [c for network in compared for c in contenders_of(network, teachers, steps)]
    table, judges, chosen_pairs = _kept(given.out), [vgg16_judge(str(teachers))], pairs(images)[: given.pairs]
    for number, (photograph, painting) in enumerate(chosen_pairs, 1):
        hold(table, contenders, [photograph], [painting], judges, given.out, _quiet, lpips)
        print(f"{number} of {given.pairs} pairs", file=sys.stderr, flush=True)
    asked = [(photograph.id, painting.id) for photograph, painting in chosen_pairs]
    curves = {n.name: curve(table, n, steps, asked) for n in compared}
    wide = Console(width=None if sys.stdout.isatty() else 140)
    wide.print(f"Gatys, {given.pairs} pairs of the test split, {SIZE} px, preset scumble, {steps} steps a size")
    wide.print(shown(curves))
    held = [judged(curves, network, wide) for network in compared[1:]]
    return 0 if all(held) else 1


def pairs(images: Path) -> list[tuple[Photograph, Painting]]:
    """The photographs, each with its painting."""
    photographs = read_photographs(images / "photos", SIZE, "test", None)[::EVERY][:PAIRS]
    paintings = read_paintings(images / "paintings", SIZE, "test", PAIRS)
    return [(p, paintings[STRIDE * i % len(paintings)]) for i, p in enumerate(photographs)]


def contenders_of(network: Compared, teachers: Path, steps: int) -> list[Contender]:
    """Gatys through one network, at each style weight. Raises ScumbleError "weights-missing" and "weights-corrupt"."""

    def load(kind: Network, pooling: Literal["max", "average"]) -> VGG:
        if kind == "vgg16":
            return load_complete(str(teachers))
        net = load_perceptual(kind, pooling)
        if network.file is not None:
            net.convs.load_state_dict(load_weights(network.file)[0])
        return net

    method = Gatys(load)  # one for all weights, so that the network is read once
    return [
        Contender(_name(network, weight, steps), network.name, painter(method, options, Runtime()))
        for weight in network.weights
        for options in [{"network": network.kind, "style_weight": weight, "steps": steps}]
    ]


def curve(table: Table, network: Compared, steps: int, asked: Sequence[tuple[str, str]]) -> list[Point]:
    """A network's figures at each style weight."""
    points = []
    for weight in network.weights:
        rows = [r for r in table.rows if r.method == _name(network, weight, steps) and r.pair in asked]
        losses = [r.judged[COMPLETE] for r in rows]
        layers = layers_of(losses[0])
        points.append(
            Point(
                weight,
                _mean([r.lpips for r in rows if r.lpips is not None]),
                _mean([s["style"] for s in losses]),
                tuple(_mean([s[k] for s in losses]) for k in layers),
                _mean([r.seconds for r in rows]),
            )
        )
    return points


def style_at(points: Sequence[Point], lpips: float) -> float | None:
    """The style loss at that distance from the photograph, between two weights or within NEAR of the last; else None."""
    ordered = sorted(points, key=lambda p: p.lpips)
    for a, b in itertools.pairwise(ordered):
        if a.lpips <= lpips <= b.lpips:
            return a.style + (b.style - a.style) * (lpips - a.lpips) / max(b.lpips - a.lpips, 1e-9)
    nearest = min(ordered, key=lambda p: abs(p.lpips - lpips))
    return nearest.style if abs(nearest.lpips - lpips) <= NEAR else None


def shown(curves: Mapping[str, Sequence[Point]]) -> Shown:
    """Every point of every curve."""
    table = Shown("network", "style weight", "LPIPS", "style", *("relu1_2", "2_2", "3_3", "4_3", "5_1"), "seconds")
    for name, points in curves.items():
        for p in points:
            table.add_row(name, f"{p.weight:g}", *(f"{v:.3f}" for v in (p.lpips, p.style, *p.layers)), f"{p.seconds:.1f}")
    return table


def judged(curves: Mapping[str, Sequence[Point]], network: Compared, console: Console) -> bool:
    """Say what a network paints where the complete one's pictures are as far from the photograph. Whether the limit holds at
    the preset's weight."""
    holds = False
    for reference in curves[COMPLETE]:
        style = style_at(curves[network.name], reference.lpips)
        at = f"{network.name} at LPIPS {reference.lpips:.3f}, where {COMPLETE} has weight {reference.weight:g}"
        if style is None:
            console.print(f"{at}: not reached by these weights")
            continue
        ratio, limit = style / reference.style, LIMITS[network.kind]
        console.print(f"{at}: style {style:.3f} of {reference.style:.3f}, {ratio:.2f} x (at most {limit:g})")
        holds |= reference.weight == 1.0 and ratio <= limit
    return holds


def _kept(out: Path) -> Table:
    """The table of an earlier run, as far as it went."""
    return resumed(out, {"size": SIZE, "teachers": COMPLETE, "layers": list(STYLE_LAYERS)})


def _name(network: Compared, weight: float, steps: int) -> str:
    """The name of a folder of pictures."""
    return f"{network.name}-{weight:g}-{steps}"


def _compared(text: str, weights: tuple[float, ...], parser: argparse.ArgumentParser) -> Compared:
    kind, _, path = text.partition("=")
    if kind == "half" or kind == "quarter":
        if not path:
            return Compared(kind, kind, weights)
        if Path(path).is_file():
            return Compared(f"{kind}-{name_of(Path(path))[:6]}", kind, weights, Path(path))
        parser.error(f"there is no file {path}")
    parser.error(f"{text!r} is none of half, quarter, half=FILE, quarter=FILE")


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _quiet(line: str) -> None:
    """Says nothing of a single picture: progress is reported once a pair."""


if __name__ == "__main__":
    sys.exit(main())
