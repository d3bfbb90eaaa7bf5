# SPDX-License-Identifier: Apache-2.0
"""All judges of the answers to one photograph and painting, and their figures for a picture.

Invariant: photograph and painting are measured once, however many answers there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from scumble.evaluate.judges import Expected, Judge, Lpips

SUMS = ("content", "style", "total")
"""Figures of a judge that are not of a single layer."""


def layers_of(figures: Mapping[str, float]) -> list[str]:
    """The layers among a judge's figures."""
    return [key for key in figures if key not in SUMS]


@dataclass(frozen=True)
class Panel:
    """The judges of one pair with their expected features, and LPIPS, if it is measured. Make it with `panel`.

    Pictures are (1, 3, H, W) in [0, 1], of the photograph's size."""

    judges: Sequence[tuple[Judge, Expected]]
    lpips: tuple[Lpips, list[Tensor]] | None

    def distance(self, picture: Tensor) -> float | None:
        """LPIPS from the photograph; None where it is not measured."""
        return None if self.lpips is None else round(self.lpips[0](picture, self.lpips[1]), 5)

    def judged(self, picture: Tensor) -> dict[str, dict[str, float]]:
        """By judge: content, style, total, and the style of each layer by its name."""
        by_judge = {}
        for judge, pair in self.judges:
            losses = judge(picture, pair)
            figures = {k: getattr(losses, k) for k in SUMS} | dict(losses.layers)
            by_judge[judge.name] = {k: round(v, 5) for k, v in figures.items()}
        return by_judge

    def point(self, picture: Tensor, strength: float) -> dict[str, float]:
        """A picture's distance from the photograph (LPIPS, or else the first judge's content) and from the style (by the first
        judge)."""
        judge, pair = self.judges[0]
        losses, distance = judge(picture, pair), self.distance(picture)
        away = round(losses.content, 5) if distance is None else distance
        return {"strength": strength, "distance": away, "style": round(losses.style, 5)}


def panel(judges: Sequence[Judge], lpips: Lpips | None, photograph: Tensor, painting: Tensor) -> Panel:
    """The judges of a pair, the painting at the size whose strokes are wanted."""
    left = None if lpips is None else (lpips, lpips.expect(photograph))
    return Panel([(judge, judge.expect(photograph, painting)) for judge in judges], left)
