# SPDX-License-Identifier: Apache-2.0
"""How much sooner the style memory has painted 1024 x 1024 pixels than MicroAST, the quickest peer, and what bfloat16 costs it.

One run, turn about, both with their style at hand. The peer is the one of shared/peers/peers.py beside the clone, or of the
folder that SCUMBLE_PEERS names; without it only our own figures are printed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from skimage import data, transform

from benchmarks.figures import Figure, median
from scumble.api.method import Runtime
from scumble.evaluate.contenders import Contender, Painting, method_contender, peer_contenders
from scumble.library.styles import StyleStore

SIDE, RUNS = 1024, 15
SHARED = Path(__file__).resolve().parents[2] / "shared" / "peers"
PEER = "microast"

KINDS = {"float32": False, "bfloat16": True}
LIMITS = {"float32": 3.0, "bfloat16": 5.0}
"""How many times as quick as the peer, at least."""
AGREED = 40.0


def bench() -> Iterator[Figure]:
    photograph = np.ascontiguousarray(transform.resize(data.astronaut(), (SIDE, SIDE), order=3).astype(np.float32).clip(0, 1))
    painting = Painting("great-wave", "", photograph[::2, ::2], StyleStore().get("great-wave"))
    contenders = {kind: method_contender("memory", {}, Runtime(half=half)) for kind, half in KINDS.items()}
    peer, why = _peer()
    contenders |= {} if peer is None else {PEER: peer}
    first = {name: c.paint(photograph, painting).rgb for name, c in contenders.items()}  # which makes kernels for this size
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(RUNS):
        for name, contender in contenders.items():
            taken[name].append(contender.paint(photograph, painting).seconds)
    seconds = {name: median(runs) for name, runs in taken.items()}
    how = f"{SIDE} px, median of {RUNS}, {torch.get_num_threads()} threads"
    for name, usual in seconds.items():
        yield Figure(name if name == PEER else f"memory, {name}", usual, "s", note=how)
    for kind, limit in LIMITS.items():
        name = f"times as quick as {PEER}, {kind}"
        if peer is None:
            yield Figure(name, math.nan, "x", note=f"left out: {why}")
        else:
            yield Figure(name, seconds[PEER] / seconds[kind], "x", limit=limit, at_least=True)
    error = float(np.square(first["float32"] - first["bfloat16"]).mean())
    yield Figure("bfloat16 against float32", 10 * math.log10(1 / error), "dB", limit=AGREED, at_least=True)


def _peer() -> tuple[Contender | None, str]:
    """The peer, which computes in float32, or why there is none."""
    folder = Path(os.environ.get("SCUMBLE_PEERS", SHARED))
    if not (folder / "peers.py").is_file():
        return None, "there is no shared/peers/peers.py beside the clone; SCUMBLE_PEERS names another folder"
    missing: list[str] = []
    peer = next((c for c in peer_contenders(folder, missing.append) if c.name == PEER), None)
    return peer, "; ".join(missing)
