# SPDX-License-Identifier: Apache-2.0
"""What a method has learnt of one style, as numpy arrays: safetensors with a card, as weights.py has them, without torch.

Invariant: a file is complete or absent, and one that is damaged, too large or not finite is refused, when it is written
as when it is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from scumble.api.errors import ScumbleError
from scumble.library.atomic import write_atomic

MAX_STATE = 16 << 20
"""Bytes of a state: a row of M has 64 KiB at most, a whole network of Johnson's in half precision 3.4 MB."""
MAX_CARD = 64 << 10
"""Bytes of a card that a method gives."""

Arrays = dict[str, NDArray[Any]]
Card = dict[str, Any]


def pack_state(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays as a safetensors file. Raises ValueError for what no state may hold."""
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{name} holds {array.dtype}, which is no number")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite")
    if sum(array.nbytes for array in arrays.values()) > MAX_STATE:
        raise ValueError(f"it is larger than {MAX_STATE >> 20} MiB")
    return bytes(save_safetensors({name: np.asarray(array, order="C") for name, array in arrays.items()}))


def unpack_state(data: bytes) -> Arrays:
    """The arrays of a safetensors file. Raises ValueError for what no state may hold."""
    try:
        arrays: Arrays = load_safetensors(data)
    except (SafetensorError, KeyError, ValueError) as e:
        raise ValueError(f"it is no safetensors file ({e})") from e
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite")
    return arrays


def write_state(path: Path, data: bytes, card: Mapping[str, Any]) -> None:
    """Write what `pack_state` gave, with its card, to which the sha256 is added. Raises OSError; there is then no state."""
    full = {**card, "sha256": hashlib.sha256(data).hexdigest()}
    write_atomic(path.with_suffix(".json"), (json.dumps(full, indent=2, ensure_ascii=False) + "\n").encode())
    write_atomic(path, data)


def read_state(path: Path) -> tuple[Arrays, Card]:
    """Arrays, as they were, and card of a style's state. Raises ScumbleError "weights-corrupt"."""
    try:
        with open(path.with_suffix(".json"), "rb") as f:
            card = json.loads(f.read(2 * MAX_CARD))
        with open(path, "rb") as f:
            data = f.read(2 * MAX_STATE)
        if not isinstance(card, dict) or card.get("sha256") != hashlib.sha256(data).hexdigest():
            raise ValueError("its bytes are not those its card names")
        return unpack_state(data), card
    except (OSError, ValueError, RecursionError) as e:
        raise ScumbleError(
            "weights-corrupt",
            f"What was learnt of the style {path.parent.name!r} ({path.name}) is damaged: {e}.",
            "Refine the style again, or use an earlier revision of it.",
        ) from e
