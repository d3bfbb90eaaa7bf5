# SPDX-License-Identifier: Apache-2.0
"""A style as methods see it, made in a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from scumble.api.method import Pixels


@dataclass(frozen=True)
class Painted:
    """With its painting, (H, W, 3) in [0, 1], or with a method's state file in its place, or with both."""

    id: str = "noise"
    rgb: Pixels | None = None
    states: dict[str, Path] = field(default_factory=dict)
    revision: int = 1

    @property
    def has_picture(self) -> bool:
        return self.rgb is not None

    def picture(self) -> Pixels | None:
        return self.rgb

    def state(self, method: str) -> Path | None:
        return self.states.get(method)
