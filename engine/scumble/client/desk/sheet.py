# SPDX-License-Identifier: Apache-2.0
"""What a contact sheet shows: the painter's picture in every style that can be painted quickly, small, to pick from.

Invariant: the same catalogue and choice give the same sheet in every host program.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TypeVar

from ..catalogue import Catalogue, Method
from ..errors import EngineError
from .blend import Blend
from .choosing import method_of, methods_for
from .shelf import shelf

B = TypeVar("B", bound=Blend)


def quick_method(catalogue: Catalogue, choice: Blend) -> Method:
    """The method that will paint, or the first of one pass. Raises EngineError "style-unavailable"."""
    chosen = method_of(catalogue, choice)
    if chosen is not None and not chosen.capabilities.get("iterative"):
        return chosen
    for method in methods_for(catalogue, choice):
        if not method.capabilities.get("iterative"):
            return method
    raise EngineError("style-unavailable", "No quick method can paint what is chosen.", "Choose another style.")


def mixes_pixels(catalogue: Catalogue, choice: Blend) -> bool:
    """Whether a weaker result of `quick_method` is a mix of pixels, so that another strength costs no job."""
    try:
        return not quick_method(catalogue, choice).capabilities.get("strength")
    except EngineError:
        return False


def sheet(catalogue: Catalogue, choice: B, favourites: Collection[str] = ()) -> list[tuple[B, Method]]:
    """The choice (a dataclass) with each style in its place, alone, in the gallery's order, and the method that paints it."""
    choices = []
    for style in shelf(catalogue, favourites):
        wanted: B = replace(choice, style=style.id, others=())  # type: ignore[type-var]
        try:
            choices.append((wanted, quick_method(catalogue, wanted)))
        except EngineError:
            continue
    return choices
