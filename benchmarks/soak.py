# SPDX-License-Identifier: Apache-2.0
"""`make soak`: fuzz, faults, overload and endurance of a real engine, and the figures of docs/reliability.md.

Four parts share the time (--minutes, a few by default, hours on request). Each counts what it did and what went wrong; the
exit code is 1 where anything did. The engine has the test methods, which need no torch, so that its own work is
measured. Invariant: the user's own folders and engine are never touched.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- figures of `make soak`: begin -->", "<!-- end -->"
MINUTES = 4.0
GROWTH = 8 << 20
"""Bytes that a process may grow by, whatever it has been through."""
STEPS = 20
CROWD = 64, 20
"""Clients at once, and jobs of each, in one round of the overload."""


@dataclass(frozen=True)
class Row:
    """One line of the table; `wrong` counts failures."""

    part: str
    did: str
    outcome: str
    wrong: int = 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="time for all parts together (%(default)g)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of all that is random (the time)")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page whose figures are replaced (%(default)s)")
    given = parser.parse_args()
    seconds = 60 * given.minutes / len(PARTS)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="sc-") as folder:
        private_folders(Path(folder))
        for part in PARTS:
            for row in part(seconds, random.Random(given.seed)):
                print(f"{row.part}: {row.did}: {row.outcome}{f' ({row.wrong} WRONG)' if row.wrong else ''}", flush=True)
                rows.append(row)
    write(given.page, rows, given.minutes, given.seed)
    return 1 if any(row.wrong for row in rows) else 0


def private_folders(folder: Path) -> None:
    for name in ("runtime", "data", "cache"):
        (folder / name).mkdir(mode=0o700)
        os.environ[f"SCUMBLE_{name.upper()}_DIR"] = str(folder / name)
    os.environ["SCUMBLE_REFINE"] = "0"


def fuzz(seconds: float, rng: random.Random) -> Iterator[Row]:
    """Spoiled multiparts from clients that know the password, while an honest client paints."""
    from support.bystander import Bystander, memory
    from support.engine import running, wait_for
    from support.mutations import control_messages, spoiled, work_messages

    with running() as engine, Bystander(engine) as honest:
        peers = [(engine.peer(), work_messages), (engine.peer(), work_messages), (engine.control(), control_messages)]
        codes: Counter[str] = Counter()
        sent, before, warm = 0, 0, 1000
        until = time.monotonic() + seconds
        while time.monotonic() < until or sent < 2 * warm:
            peer, messages = peers[sent % len(peers)]
            job = f"{rng.randrange(8):032x}"
            peer.socket.send_multipart(spoiled(rng.choice(messages(job)), rng))
            sent += 1
            if sent % 16 == 0:
                codes += error_codes(each for each, _ in peers)
            if sent % 250 == 0:
                for each, _ in peers:
                    each.hello()
            if sent == warm:
                before = memory(engine)
        for each, _ in peers:
            each.hello()
            each.close()
        honest.serve_more(60)
        wait_for(lambda: engine.status()["jobs"]["receiving"] == 0, 90)
        grown, restarts = memory(engine) - before, engine.status()["worker"]["restarts"]
        wrong = codes["internal"] + restarts + (grown > GROWTH) + ("Traceback" in engine.log())
        outcome = (
            f"{codes['bad-message']:,} bad-message, {codes['internal']} internal, engine {mb(grown)}, {restarts} worker deaths"
        )
        yield Row(
            "fuzz",
            f"{sent:,} spoiled multiparts on both sockets; an honest client served {honest.served:,} times",
            outcome,
            wrong,
        )


def error_codes(peers: Iterator[Any]) -> Counter[str]:
    codes: Counter[str] = Counter()
    for peer in peers:
        while peer.socket.poll(0):
            header = json.loads(peer.socket.recv_multipart()[0])
            codes[header.get("code") or header["type"]] += 1
    return codes


def faults(seconds: float, rng: random.Random) -> Iterator[Row]:
    """Workers that die of a job at a random point, once (then the job is done) or always (then it fails, by name)."""
    from support.engine import running
    from support.pictures import picture

    pixels, wrong = picture(40, 30), 0
    ends: Counter[str] = Counter()
    slowest = 0.0
    with running() as engine, engine.peer() as peer, tempfile.TemporaryDirectory() as folder:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            how, once = rng.choice(("kill", "segv", "exit", "abort")), rng.random() < 0.75
            marker = {"times": 1, "marker": f"{folder}/{sum(ends.values())}"} if once else {}
            job = peer.submit(pixels, "crash", options={"how": how, "point": rng.randrange(STEPS + 1), **marker})
            began = time.monotonic()
            end, result = peer.finish(job, 120)
            slowest = max(slowest, time.monotonic() - began)
            ends[end.get("code") or end["type"]] += 1
            wrong += (end["type"] == "done") != once or (once and not inverted(result, pixels))
        deaths = engine.status()["worker"]["restarts"]
    outcome = (
        f"{ends['done']} painted by the next worker, {ends['worker-died']} failed after their second; slowest {slowest:.1f} s"
    )
    yield Row("worker deaths", f"{deaths} by SIGKILL, SIGSEGV, SIGABRT and exit at random points", outcome, wrong)


def inverted(result: bytes, pixels: Any) -> bool:
    import numpy as np

    painted = np.frombuffer(result, np.uint8).reshape(pixels.shape)
    return bool((painted[..., :3] == 255 - pixels[..., :3]).all())


def overload(seconds: float, rng: random.Random) -> Iterator[Row]:
    """More clients than the engine has room for; jobs that work, fail, and are cancelled. Every result is compared."""
    from support.engine import SUPPORT, running

    counts: Counter[str] = Counter()
    waits: list[float] = []
    clients, jobs = CROWD
    rounds = 0
    until = time.monotonic() + seconds
    with running() as engine:
        while rounds == 0 or time.monotonic() < until:
            command = [sys.executable, str(SUPPORT / "crowd.py"), str(clients // 4), str(jobs)]
            seeds = [rng.randrange(1 << 20) for _ in range(4)]
            crowds = [subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE) for seed in seeds]
            for crowd in crowds:
                counted = json.loads(crowd.communicate()[0])
                counts.update(counted["tally"])
                waits += counted["waits"]
            rounds += 1
        grown = psutil.Process(engine.process.pid).memory_info().rss
    asked = rounds * clients * jobs
    lost = asked - sum(counts[end] for end in ("done", "failed", "cancelled", "rejected", "wrong"))
    median = sorted(waits)[len(waits) // 2] if waits else 0.0
    outcome = (
        f"{counts['done']:,} done, {counts['failed']} failed on purpose, {counts['cancelled']} cancelled, {counts['rejected']} "
        f"refused as busy (median {1000 * median:.0f} ms); {counts['wrong']} wrong, {lost} lost; engine {grown >> 20} MB in all"
    )
    wrong = counts["wrong"] + abs(lost)
    yield Row("overload", f"{asked:,} jobs of {clients} clients at once, rounds: {rounds}", outcome, wrong)


def soak(seconds: float, rng: random.Random) -> Iterator[Row]:
    """Pictures of random sizes, depths and masks one after the other: what the processes grow by."""
    import numpy as np

    from support.engine import running
    from support.pictures import picture

    depths = (np.uint8, np.uint16, np.float16, np.float32)
    painted = wrong = 0
    with running() as engine, engine.peer() as peer:
        first: list[int] = []
        until = time.monotonic() + seconds
        while time.monotonic() < until or painted < 60:
            pixels = picture(rng.randrange(1, 400), rng.randrange(1, 400), rng.choice(depths), painted)
            job = peer.submit(pixels, options={"scale": rng.choice(["working", "full"])})
            wrong += peer.finish(job, 120)[0]["type"] != "done"
            peer.send(type="release", job=job)
            painted += 1
            if painted == 50:
                first = memories(engine)
        grown = [after - before for after, before in zip(memories(engine), first, strict=True)]
        held = engine.status()["bytes"]
    wrong += sum(g > GROWTH for g in grown[:1]) + (held != 0)
    outcome = f"engine {mb(grown[0])}, worker {mb(grown[1])} after the first 50; {held} bytes of pictures held at the end"
    yield Row("endurance", f"{painted:,} pictures of random sizes and depths, one after the other", outcome, wrong)


def memories(engine: Any) -> list[int]:
    """Resident bytes of the engine and of its worker."""
    return [psutil.Process(pid).memory_info().rss for pid in (engine.process.pid, engine.status()["worker"]["pid"])]


def mb(size: int) -> str:
    return f"{size / 2**20:+.1f} MB"


def write(page: Path, rows: list[Row], minutes: float, seed: int) -> None:
    """Put the figures into the page, between its two marks."""
    text = page.read_text(encoding="utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    load = f", load {os.getloadavg()[0]:.0f}" if hasattr(os, "getloadavg") else ""
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores{load}, Python {platform.python_version()}"
    lines = [
        "",
        f"{minutes:g} minutes in all, seed {seed}; {where}.",
        "",
        "| part | what was done | what came of it | wrong |",
    ]
    lines += ["|---|---|---|---|", *(f"| {r.part} | {r.did} | {r.outcome} | {r.wrong} |" for r in rows), ""]
    page.write_text(head + BEGIN + "\n".join(lines) + END + tail, encoding="utf-8")


PARTS: tuple[Callable[[float, random.Random], Iterator[Row]], ...] = (fuzz, faults, overload, soak)

if __name__ == "__main__":
    sys.exit(main())
