# SPDX-License-Identifier: Apache-2.0
"""Many clients in one process, each with many small jobs: `python crowd.py CLIENTS JOBS SEED` prints what became of them.

Standard-library clients alone. Every result is compared; a wrong one counts as "wrong".
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from scumble.client.events import Accepted, Cancelled, Done, Failed, Lost, Rejected, Request, State
from scumble.client.raster import Raster
from scumble.client.session import Session

AHEAD = 2
"""Jobs a client has in work at once."""
INVERT = bytes(255 - i for i in range(256))
WIDTH, HEIGHT = 16, 12


@dataclass
class Member:
    """One client. `asked` says when each of its present jobs was submitted, and which picture it was."""

    session: Session
    left: int
    rng: random.Random
    asked: dict[str, tuple[float, Raster]] = field(default_factory=dict)
    not_before: float = 0.0
    """What the engine last asked for with `retry_after`."""

    def submit(self) -> None:
        rgb = [self.rng.randbytes(3) + b"\xff" for _ in range(WIDTH * HEIGHT)]
        raster = Raster(WIDTH, HEIGHT, "u8", "rgba", b"".join(rgb))
        method, options = self.rng.choices(
            [("invert", {}), ("slow", {"seconds": 0.05, "step": 0.01}), ("crash", {"how": "raise"})], (6, 3, 1)
        )[0]
        job = self.session.submit(Request(raster, [("test-style", 1.0)], method, options=options))
        self.asked[job] = (time.monotonic(), raster)
        self.left -= 1

    def pump(self, tally: Counter[str], waits: list[float]) -> None:
        now = time.monotonic()
        while self.left and self.session.state is State.READY and len(self.asked) < AHEAD and now >= self.not_before:
            self.submit()
        for event in self.session.pump():
            if isinstance(event, Accepted):
                tally["accepted"] += 1
                if self.rng.random() < 0.1:
                    self.session.cancel(event.job)
            elif isinstance(event, Done):
                _, asked = self.asked.pop(event.job)
                tally["done" if same(event.raster, asked) else "wrong"] += 1
            elif isinstance(event, Rejected):
                now = time.monotonic()
                waits.append(now - self.asked.pop(event.job)[0])
                self.not_before = now + (event.retry_after or 0.0) * self.rng.uniform(1, 3)
                tally["rejected" if event.code == "busy" else "wrong"] += 1
            elif isinstance(event, (Failed, Cancelled)):
                del self.asked[event.job]
                tally[type(event).__name__.lower()] += 1
            elif isinstance(event, Lost):
                tally["lost"] += 1


def same(painted: Raster, asked: Raster) -> bool:
    wanted = bytearray(bytes(asked.data).translate(INVERT))
    wanted[3::4] = b"\xff" * (WIDTH * HEIGHT)
    return bytes(painted.data) == bytes(wanted)


def main() -> None:
    clients, jobs, seed = map(int, sys.argv[1:])
    members = [Member(Session(), jobs, random.Random(seed * 1000 + n)) for n in range(clients)]
    tally: Counter[str] = Counter()
    waits: list[float] = []
    while any(m.left or m.asked for m in members):
        for member in members:
            member.pump(tally, waits)
        time.sleep(0.02)
    for member in members:
        member.session.close()
    print(json.dumps({"tally": tally, "waits": waits}))


if __name__ == "__main__":
    main()
