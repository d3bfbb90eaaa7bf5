# SPDX-License-Identifier: GPL-3.0-or-later
"""What is asked of the engine for a layer: the order, and the request when the layer has been read.

Invariant: the method is decided when the layer has been read, since the catalogue may come after the order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .painting import Order
from .ports import Layer
from .scumble_client.catalogue import Catalogue
from .scumble_client.desk.choosing import method_of, obstacle, options_for
from .scumble_client.desk.names import name_of
from .scumble_client.desk.quality import quality_of, seconds_of
from .scumble_client.desk.settings import Settings
from .scumble_client.errors import EngineError
from .scumble_client.events import Request
from .scumble_client.raster import Masks, Raster


def order(
    layer: Layer, settings: Settings, catalogue: Callable[[], Catalogue | None], alone: bool, steady: bool = True
) -> Order:
    """`alone`: the result takes the place of the layer's earlier ones. `steady`: frames of an animation do not flicker."""

    def request(raster: Raster, context: Any, masks: Masks | None) -> Request:
        asked = _request(catalogue(), settings, raster, context, masks)
        return replace(asked, sequence=layer.sequence) if layer.sequence and steady else asked

    return Order(layer, settings, title(catalogue(), settings), request, alone)


def title(catalogue: Catalogue | None, settings: Settings) -> str:
    """The name of the result; options of another method have no part in it."""
    method = method_of(catalogue, settings)
    options = options_for(method, settings.options) if method else settings.options
    return name_of(catalogue, settings, settings.strength, options, quality_of(method, settings.quality) or "")


def _request(catalogue: Catalogue | None, settings: Settings, raster: Raster, context: Any, masks: Masks | None) -> Request:
    """Raises EngineError "style-unavailable"."""
    method = method_of(catalogue, settings)
    if method is None:
        why = obstacle(catalogue, settings)
        if why:
            raise EngineError("style-unavailable", why)
        message = "No method can paint what is chosen." if settings.style else "No style is chosen."
        raise EngineError("style-unavailable", message, "Choose another style.")
    options = options_for(method, settings.options)
    how = (method.id, settings.strength, options)
    quality = quality_of(method, settings.quality)
    gradual = quality is not None or method.gradual(options)
    return Request(raster, settings.weights(), *how, context, gradual, masks, quality=quality, seconds=seconds_of(quality))
