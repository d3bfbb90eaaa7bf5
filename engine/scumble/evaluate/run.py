# SPDX-License-Identifier: Apache-2.0
"""An evaluation from what is asked to what is left behind: results.json, index.html and the pictures, in one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from scumble.api.method import Pixels, Runtime
from scumble.evaluate import digests
from scumble.evaluate.contenders import (
    PEERS_FILE,
    Contender,
    Painting,
    Variant,
    method_contender,
    peer_contenders,
    unchanged,
    variant_contender,
)
from scumble.evaluate.contest import (
    MANIFEST,
    PICTURES,
    RESULTS,
    Photograph,
    Split,
    Table,
    hold,
    keep,
    listed,
    read_paintings,
    read_photographs,
    resumed,
)
from scumble.evaluate.judges import Judge, Lpips, compact_judge, lpips_judge, squeezenet_judge, vgg16_judge
from scumble.evaluate.page import page
from scumble.library.atomic import write_atomic
from scumble.library.identity import refuse_inside, refuse_replacing
from scumble.library.styles import StyleStore
from scumble.methods import registry
from scumble.training.loop import machine

PAGE = "index.html"


@dataclass(frozen=True)
class Plan:
    """What to compare, on what, and where the answer goes. `size` is the short side in pixels."""

    contents: Path
    styles: Path
    out: Path
    methods: Sequence[str] = ()
    """Ids; none takes all there are."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By method."""
    also: Sequence[Variant] = ()
    size: int = 256
    photographs: int | None = None
    """No more than so many; likewise paintings."""
    paintings: int | None = None
    split: Split = "test"
    peers: Path | None = None
    teachers: str | None = None
    judge: Path | None = None
    strengths: Sequence[float] = (0.25, 0.5, 0.75, 1.0)
    """Of each method's line of style against distance from the photograph."""
    half: bool = False
    resume: bool = False


def evaluate(plan: Plan, note: Callable[[str], None]) -> Table:
    """Hold the contest and write what came of it. `note` gets progress and those that are left out.

    Raises ScumbleError "bad-picture", "method-unknown", "bad-options", "weights-missing", "weights-corrupt".
    """
    _refuse_replacing(plan)
    runtime = Runtime("cuda" if torch.cuda.is_available() else "cpu", plan.half)
    judges = _judges(plan)
    lpips = _lpips(plan)
    photographs = read_photographs(plan.contents, plan.size, plan.split, plan.photographs)
    contenders = _contenders(plan, runtime, [photograph.rgb for photograph in photographs], note)
    paintings = read_paintings(plan.styles, plan.size, plan.split, plan.paintings, StyleStore().list())
    conditions = {
        "size": plan.size,
        "split": plan.split,
        "photographs": len(photographs),
        "paintings": len(paintings),
        "judges": [judge.name for judge in judges],
        "lpips": lpips is not None,
        "strengths": list(plan.strengths),
        "options": {name: dict(options) for name, options in plan.options.items()},
        "half": plan.half,
        "device": runtime.device,
        "threads": torch.get_num_threads(),
        "machine": machine(),
        "made_of": _made_of(plan, photographs, paintings),
    }
    table = resumed(plan.out, conditions) if plan.resume else Table(conditions)
    hold(table, contenders, photographs, paintings, judges, plan.out, note, lpips, plan.strengths)
    keep(table, plan.out)
    write_atomic(plan.out / PAGE, page(table, photographs, paintings, plan.out).encode())
    return table


def _refuse_replacing(plan: Plan) -> None:
    """Refuse results among the pictures that are read, or in place of one. Raises ScumbleError "bad-options"."""
    hint = "Name another folder with --out."
    read: dict[Path, str] = {}
    for folder, role in ((plan.contents, "the photographs"), (plan.styles, "the paintings")):
        read |= dict.fromkeys(listed(folder, plan.split), f"one of {role}")
        if not (folder / MANIFEST).is_file():
            refuse_inside(plan.out, folder, role, hint)
        else:
            read[folder / MANIFEST] = f"the table of {role}"
    teachers = Path(plan.teachers or "")
    weights = teachers.iterdir() if plan.teachers and teachers.is_dir() else ()
    read |= dict.fromkeys(weights, "one of the teachers")
    read |= {
        path: role for path, role in ((plan.judge, "a judge"), (plan.peers and plan.peers / PEERS_FILE, "the peers")) if path
    }
    refuse_replacing([plan.out / name for name in (RESULTS, PAGE)], read, hint)
    refuse_replacing((plan.out / PICTURES).rglob("*.png"), read, hint)


def _made_of(plan: Plan, photographs: Sequence[Photograph], paintings: Sequence[Painting]) -> dict[str, str | None]:
    """Digests of what answers and judgements come from. The weights of all methods are in it, so that methods can be added."""
    trained = [f"{p.trained.id}@{p.trained.revision}" if p.trained else "" for p in paintings]
    return {
        "photographs": digests.of_pixels(photograph.rgb for photograph in photographs),
        "paintings": digests.of_texts(digests.of_pixels(painting.pixels for painting in paintings), *trained),
        "weights": digests.of_all_weights(),
        "teachers": None if plan.teachers is None else digests.of_teachers(plan.teachers),
        "judge": None if plan.judge is None else digests.of_files([plan.judge]),
        "peers": None if plan.peers is None else digests.of_files([plan.peers / PEERS_FILE]),
    }


def _judges(plan: Plan) -> list[Judge]:
    """The best judge first: it judges the lines and the pictures' captions."""
    judges = [] if plan.teachers is None else [vgg16_judge(plan.teachers)]
    if plan.judge is not None:
        judges.append(squeezenet_judge(plan.judge))
    return [*judges, compact_judge()]


def _lpips(plan: Plan) -> Lpips | None:
    return None if plan.teachers is None else lpips_judge(plan.teachers)


def _contenders(plan: Plan, runtime: Runtime, photographs: Sequence[Pixels], note: Callable[[str], None]) -> list[Contender]:
    names = list(plan.methods or registry.methods())
    contenders = [unchanged(), *(method_contender(name, plan.options.get(name, {}), runtime) for name in names)]
    for variant in plan.also:
        given = plan.options.get(variant.method, {})
        contenders.append(variant_contender(variant, given, runtime, photographs, plan.out / variant.refined, note))
    return contenders + (peer_contenders(plan.peers, note) if plan.peers is not None else [])
