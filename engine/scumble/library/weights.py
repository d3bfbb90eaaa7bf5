# SPDX-License-Identifier: Apache-2.0
"""Weight files: safetensors beside a JSON card, never pickle. Networks, trained styles and refined styles share this format.

Invariant: a file is complete or absent (temporary file, fsync, rename), and one whose bytes do not match the sha256 in its
card, or that holds NaN or infinity, is refused.

`save_weights` and `load_weights` handle torch tensors. `pack_state` to `read_state` handle the small state of a user's style
as numpy arrays, without importing torch, which the broker must not load.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from scumble.api.errors import ScumbleError
from scumble.library.atomic import write_atomic
from scumble.library.json_files import read_object, to_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MAX_WEIGHTS = 256 << 20
"""Bytes of a weight file; a larger one is refused before it is read. The largest that ships has a fiftieth of it."""
MAX_STATE = 16 << 20
"""Bytes of a style's state: a row of the style memory has 64 KiB, a whole network of Johnson's 3.4 MB."""
MAX_CARD = 64 << 10
"""Bytes of a card that a method gives with a refined state."""

SCALE = "#scale"
"""Ends the name of the row scales (rows, 1) of a matrix that is kept as int8."""

Arrays = dict[str, NDArray[Any]]


class Card(TypedDict, total=False):
    """The JSON file beside a weight file, which describes it. Every card has `sha256`; the rest depends on what the file
    holds."""

    sha256: str
    """Of the weight file; its first 16 digits are the networks' name (`name_of`)."""
    parameters: int
    """Numbers in the file, without row scales."""
    method: str
    """Id of the method; perceptual networks have `network` instead."""
    style: dict[str, str] | str
    """A style that ships: id, title, artist, year, licence. A refined style of the user's: its id."""
    architecture: dict[str, Any]
    licence: str
    credit: str
    network: str | dict[str, str]
    """Name of the perceptual network that this was made with, or of this one itself; `shared`, `networks` and `encoder` name
    what a style's state was made for, and it fits no other."""
    shared: str
    networks: str
    encoder: str
    layers: list[str]
    long_sides: list[int]
    """Sizes in pixels at which a painting was measured."""
    training: dict[str, Any]
    """How it was made (training/cards.py)."""
    steps: int
    """Of a refinement; likewise `seconds`, what it took."""
    seconds: float


def card_path(path: Path) -> Path:
    """The path of a weight file's card: same name, `.json`."""
    return path.with_suffix(".json")


def load_card(path: Path) -> Card:
    """The card of weight file `path`. Raises ScumbleError "weights-corrupt"."""
    try:
        return _read_card(path)
    except ValueError as e:
        raise _corrupt(path, e) from e


def name_of(path: Path) -> str:
    """The first 16 digits of a weight file's sha256, by which a style's state names the networks it was made for.

    Raises ScumbleError "weights-corrupt".
    """
    return load_card(path)["sha256"][:16]


def save_weights(
    path: Path,
    tensors: Mapping[str, Tensor],
    card: Mapping[str, object],
    dtype: torch.dtype | None = None,
    narrow: Collection[str] = (),
) -> None:
    """Write `tensors` (floating-point ones as `dtype`, float16 by default) and the card, with sha256 and parameter count added.

    Matrices named in `narrow` are kept as int8 with one scale a row, the row's largest magnitude over 127. Raises OSError, and
    ScumbleError "weights-corrupt" for NaN or infinity; the old file then stays.
    """
    import torch
    from safetensors.torch import save

    dtype = dtype or torch.float16
    kept = {k: (v.to(dtype) if v.is_floating_point() else v).cpu().contiguous() for k, v in tensors.items()}
    for name in narrow:
        matrix = tensors[name].detach().float().cpu()
        scale = matrix.abs().amax(1, keepdim=True).clamp_min(1e-12) / 127
        kept |= {name: (matrix / scale).round().to(torch.int8), name + SCALE: scale}

    if not _all_finite(kept):
        raise ScumbleError(
            "weights-corrupt",
            f"{path.name} was not written: its weights hold values that are not finite.",
            "The training diverged; train with a lower --lr.",
        )
    parameters = sum(v.numel() for k, v in kept.items() if not k.endswith(SCALE))
    _write(path, save(kept), {**card, "parameters": parameters})


def load_weights(path: Path) -> tuple[dict[str, Tensor], Card]:
    """Tensors (floating-point ones as float32), sorted by name, and card. Raises ScumbleError "weights-corrupt"."""
    from safetensors.torch import load

    try:
        data, card = _read(path, MAX_WEIGHTS)
    except ValueError as e:
        raise _corrupt(path, e) from e
    try:
        tensors = {k: v.float() if v.is_floating_point() else v for k, v in sorted(load(data).items())}
        for name in [k for k in tensors if k.endswith(SCALE)]:
            matrix = name.removesuffix(SCALE)
            tensors[matrix] = tensors[matrix] * tensors.pop(name)
    except Exception as e:  # safetensors and torch raise many types
        raise _corrupt(path, f"it is not a safetensors file ({e})") from e
    if not _all_finite(tensors):
        raise _corrupt(path, "it holds values that are not finite")
    return tensors, card


def pack_state(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The arrays as a safetensors file. Raises ValueError for text, NaN, infinity, and more than MAX_STATE bytes."""
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            raise ValueError(f"{name} holds {array.dtype}, which is not a number")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite")
    if sum(array.nbytes for array in arrays.values()) > MAX_STATE:
        raise ValueError(f"it is larger than {MAX_STATE >> 20} MiB")
    return bytes(save_arrays({name: np.asarray(array, order="C") for name, array in arrays.items()}))


def unpack_state(data: bytes) -> Arrays:
    """The arrays of a safetensors file, with the types they were saved in. Raises ValueError where it is damaged."""
    try:
        arrays: Arrays = load_arrays(data)
    except (SafetensorError, KeyError, ValueError) as e:
        raise ValueError(f"it is not a safetensors file ({e})") from e
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds values that are not finite")
    return arrays


def write_state(path: Path, data: bytes, card: Mapping[str, object]) -> None:
    """Write what `pack_state` returned, and its card with the sha256 added. Raises OSError; there is then no state."""
    _write(path, data, card)


def read_state(path: Path) -> tuple[Arrays, Card]:
    """Arrays and card of a style's state, as they were saved. Raises ScumbleError "weights-corrupt"."""
    try:
        data, card = _read(path, 2 * MAX_STATE)
        return unpack_state(data), card
    except ValueError as e:
        raise ScumbleError(
            "weights-corrupt",
            f"What was learnt of the style {path.parent.name!r} ({path.name}) is damaged: {e}.",
            "Refine the style again, or use an earlier revision of it.",
        ) from e


def _write(path: Path, data: bytes, card: Mapping[str, object]) -> None:
    """Write the card, then the weights: a file of weights is never there without its card. Raises OSError."""
    write_atomic(card_path(path), to_bytes({**card, "sha256": hashlib.sha256(data).hexdigest()}))
    write_atomic(path, data)


def _read(path: Path, most: int) -> tuple[bytes, Card]:
    """Bytes, `most` of them or fewer, and card of a weight file. Raises ValueError that says what is wrong with it."""
    card = _read_card(path)
    try:
        if path.stat().st_size > most:
            raise ValueError(f"it is larger than {most >> 20} MiB")
        data = path.read_bytes()
    except OSError as e:
        raise ValueError(f"it cannot be read ({e})") from e
    if hashlib.sha256(data).hexdigest() != card["sha256"]:
        raise ValueError("its bytes do not match the sha256 in its card")
    return data, card


def _read_card(path: Path) -> Card:
    """Raises ValueError."""
    try:
        card = read_object(card_path(path))
    except (OSError, ValueError) as e:
        raise ValueError(f"its card cannot be read ({e})") from e
    if not isinstance(card.get("sha256"), str):
        raise ValueError("its card names no sha256")
    return cast(Card, card)


def _all_finite(tensors: Mapping[str, Tensor]) -> bool:
    import torch

    return all(bool(torch.isfinite(v).all()) for v in tensors.values())


def _corrupt(path: Path, why: object) -> ScumbleError:
    return ScumbleError(
        "weights-corrupt",
        f"The weight file {path.name} cannot be used: {why}.",
        "Install Scumble again, or restore the file from a copy; every other style keeps working.",
    )
