# SPDX-License-Identifier: Apache-2.0
"""Weight files: safetensors beside a JSON card, never pickle.

Invariant: a file is complete or absent (temporary file, fsync, rename), and one whose bytes differ from its card's
sha256, or that holds a value that is not finite, is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as load_safetensors
from safetensors.torch import save as save_safetensors
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.library.atomic import write_atomic

MAX_BYTES = 256 << 20
"""A weight file larger than this is refused before it is read; the largest that ships has a hundredth of it."""

Card = dict[str, Any]


def card_path(path: Path) -> Path:
    """Where the card of a weight file lies: same name, `.json`."""
    return path.with_suffix(".json")


SCALE = "#scale"
"""Ends the name of what the rows of a matrix kept in 8 bits are multiplied by."""


def save_weights(
    path: Path, tensors: Mapping[str, Tensor], card: Card, dtype: torch.dtype = torch.float16, narrow: Collection[str] = ()
) -> None:
    """Write `tensors` (floating ones as `dtype`) and the card, to which sha256 and parameter count are added.

    Matrices named in `narrow` are kept in 8 bits, each row in steps of a 127th of its largest number. Raises ScumbleError
    "weights-corrupt" for what `load_weights` would refuse; what was there before then stays.
    """
    kept = {k: (v.to(dtype) if v.is_floating_point() else v).cpu().contiguous() for k, v in tensors.items()}
    for name in narrow:
        matrix = tensors[name].detach().float().cpu()
        scale = matrix.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
        kept |= {name: (matrix / scale).round().to(torch.int8), name + SCALE: scale}
    if not _all_finite(kept):
        raise ScumbleError(
            "weights-corrupt",
            f"{path.name} was not written: its weights hold values that are not finite.",
            "Where a training ran away, a lower --lr helps.",
        )
    data = save_safetensors(kept)
    parameters = sum(v.numel() for k, v in kept.items() if not k.endswith(SCALE))
    full = card | {"sha256": hashlib.sha256(data).hexdigest(), "parameters": parameters}
    write_atomic(card_path(path), (json.dumps(full, indent=2, ensure_ascii=False) + "\n").encode())
    write_atomic(path, data)  # last: weights are there as soon as this file is


def load_card(path: Path) -> Card:
    """The card of weight file `path`. Raises ScumbleError "weights-corrupt"."""
    try:
        card = json.loads(card_path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise _corrupt(path, f"its card cannot be read ({e})") from e
    if not isinstance(card, dict):
        raise _corrupt(path, "its card is not a JSON object")
    return card


def name_of(path: Path) -> str:
    """What tells the networks of one weight file from another's: a state made for the one says nothing to the other.

    Raises ScumbleError "weights-corrupt".
    """
    return str(load_card(path)["sha256"])[:16]


def load_weights(path: Path) -> tuple[dict[str, Tensor], Card]:
    """Tensors (floating ones as float32), sorted by name, and card of a weight file. Raises ScumbleError "weights-corrupt"."""
    card = load_card(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _corrupt(path, "it is larger than any weight file may be")
        data = path.read_bytes()
    except OSError as e:
        raise _corrupt(path, f"it cannot be read ({e})") from e
    if hashlib.sha256(data).hexdigest() != card.get("sha256"):
        raise _corrupt(path, "its bytes are not those its card names")
    try:
        tensors = {k: v.float() if v.is_floating_point() else v for k, v in sorted(load_safetensors(data).items())}
        for scale in [k for k in tensors if k.endswith(SCALE)]:
            tensors[scale.removesuffix(SCALE)] = tensors[scale.removesuffix(SCALE)] * tensors.pop(scale)
    except Exception as e:  # safetensors raises its own type from Rust
        raise _corrupt(path, f"it is no safetensors file ({e})") from e
    if not _all_finite(tensors):
        raise _corrupt(path, "it holds values that are not finite")
    return tensors, card


def _all_finite(tensors: Mapping[str, Tensor]) -> bool:
    return all(bool(torch.isfinite(v).all()) for v in tensors.values())


def _corrupt(path: Path, why: str) -> ScumbleError:
    return ScumbleError(
        "weights-corrupt",
        f"The weight file {path.name} cannot be used: {why}.",
        "Install Scumble again, or put the file back from a copy; every other style keeps working.",
    )
