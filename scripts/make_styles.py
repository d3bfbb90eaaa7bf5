# SPDX-License-Identifier: Apache-2.0
"""Make what ships of every style in styles.csv from a folder of the paintings: its card and its state for each method that
measures or refines one. Run scripts/thumbnails.py afterwards.

    python scripts/make_styles.py PAINTINGS [--photographs FOLDER --teachers SOURCE --steps 160] [--only ID ...]
        [--methods gatys adain ghiasi memory]

Without photographs the rows of the style memory are those predicted from the paintings. What is there and still fits the
shared networks is kept, so a run that was broken off goes on.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from scumble.library.places import SHIPPED, shared_path, state_path
from scumble.library.weights import load_card, name_of
from scumble.methods.adain import train_style as adain_style
from scumble.methods.gatys import train_style as gatys
from scumble.methods.ghiasi import train_style as ghiasi_style
from scumble.methods.style_memory import train_row as memory_row
from scumble.methods.style_memory.method import PACE
from scumble.training.cards import read_table

TABLE = Path(__file__).with_name("styles.csv")

METHODS = ("gatys", "adain", "ghiasi", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paintings", type=Path)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--teachers", default="half")
    parser.add_argument("--steps", type=int, default=PACE.steps)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=METHODS)
    asked = parser.parse_args()
    for rank, style in enumerate(read_table(TABLE, asked.paintings), 1):
        if asked.only is not None and style.style_id not in asked.only:
            continue
        print(style.style_id, flush=True)
        settings = asdict(style)
        card = SHIPPED / "styles" / f"{style.style_id}.json"
        if not card.exists():
            about = style.described | {"licence": "Public domain", "revision": 1, "rank": rank}
            card.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")
        if "gatys" in asked.methods and not gatys.current(state_path(SHIPPED, "gatys", style.style_id)):
            gatys.train(gatys.Recipe(**settings), SHIPPED)
        if "adain" in asked.methods and (shared_path(SHIPPED, "adain")).exists():
            adain_style.train(adain_style.Recipe(**settings), SHIPPED)
        if "ghiasi" in asked.methods and (shared_path(SHIPPED, "ghiasi")).exists():
            ghiasi_style.train(ghiasi_style.Recipe(**settings), SHIPPED)
        wanted = "memory" in asked.methods and (shared_path(SHIPPED, "memory")).exists()
        if wanted and not made(style.style_id, bool(asked.photographs)):
            steps = asked.steps if asked.photographs else 0
            recipe = memory_row.Recipe(**settings, photographs=asked.photographs, teachers=asked.teachers, steps=steps)
            memory_row.train(recipe, SHIPPED)


def made(style: str, refined: bool) -> bool:
    """Whether the style has a row of the present shared networks, refined if that is wanted."""
    path = state_path(SHIPPED, "memory", style)
    if not path.exists():
        return False
    card = load_card(path)
    present = card["shared"] == name_of(shared_path(SHIPPED, "memory"))
    return bool(present and (not refined or "steps" in card["training"]))  # without, it was trained with the networks alone


if __name__ == "__main__":
    main()
