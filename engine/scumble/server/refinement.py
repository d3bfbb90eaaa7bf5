# SPDX-License-Identifier: Apache-2.0
"""The state of one style's refinement, as the queue keeps it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from scumble.api.errors import ScumbleError


class Stage(enum.StrEnum):
    IDLE = "idle"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(eq=False)
class Refinement:
    """The refinement of one style by one method, from one revision."""

    style: str
    method: str
    base: int
    stage: Stage = Stage.IDLE
    fraction: float = 0.0
    text: str = ""
    failure: ScumbleError | None = None
    deaths: int = 0
    """Workers it has cost."""
    unattended: bool = False
    """Whether a command asked for it, so that it goes on while no painter's program is there."""
    watchers: set[str] = field(default_factory=set)
    """The secrets of the clients that asked for it."""

    @property
    def wanted(self) -> bool:
        return self.stage in (Stage.WAITING, Stage.RUNNING)
