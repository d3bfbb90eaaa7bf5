# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a further style goes: the selection, a layer, a layer's mask or a channel, looked up by its name and read as a mask.

Invariant: changes nothing. A place that has gone is an error, never left out. A layer with transparent parts counts by
its alpha, one without by how light it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
import host  # noqa: E402
from gi.repository import Gegl, Gimp  # noqa: E402
from scumble_client.desk.sizes import ALPHA_SIDE  # noqa: E402
from settings import SELECTION, Mistake, Other, Settings  # noqa: E402

WORDS = {"layer": "layer", "mask": "layer with a mask", "channel": "channel"}


def listed(image: Gimp.Image) -> list[tuple[str, str]]:
    """(where, what to call it) of all that a style can go by, everywhere first."""
    places = [("", "Everywhere"), (SELECTION, "The selection")]
    for layer in host.other_layers(image):
        name = layer.get_name()
        places.append((f"layer:{name}", f"Layer “{name}”"))
        if layer.get_mask() is not None:
            places.append((f"mask:{name}", f"Mask of “{name}”"))
    return places + [(f"channel:{c.get_name()}", f"Channel “{c.get_name()}”") for c in image.get_channels()]


def check(image: Gimp.Image, settings: Settings) -> None:
    """Raises Mistake for a place that is not there."""
    for other in settings.parts:
        if other.where:
            _drawable(image, other)


def there(image: Gimp.Image, others: Sequence[Other]) -> tuple[Other, ...]:
    """The further styles whose place is in this image."""
    empty = Gimp.Selection.is_empty(image)
    return tuple(o for o in others if not o.where or (not empty if o.where == SELECTION else _item(image, o) is not None))


def noted(image: Gimp.Image, others: Sequence[Other]) -> tuple[Other, ...]:
    """With the tattoos of their places, for a result of this image to remember."""
    items = [_item(image, other) if other.place[1] else None for other in others]
    return tuple(o if item is None else replace(o, tattoo=item.get_tattoo()) for o, item in zip(others, items))  # noqa: B905


def with_current_names(image: Gimp.Image, others: Sequence[Other]) -> tuple[Other, ...]:
    """Further styles of a result with the names that their places have now in this image."""
    by_tattoo = {"layer": image.get_layer_by_tattoo, "mask": image.get_layer_by_tattoo, "channel": image.get_channel_by_tattoo}
    renamed = []
    for other in others:
        kind, _ = other.place
        item = by_tattoo[kind](other.tattoo) if other.tattoo else None
        renamed.append(replace(other, where=other.where if item is None else f"{kind}:{item.get_name()}", tattoo=0))
    return tuple(renamed)


def planes(
    image: Gimp.Image, settings: Settings, area: host.Area, scale: float, size: tuple[int, int], format: str
) -> list[bytes | None]:
    """How much of each pixel is each part's place, in `format` "u8" or "u16"; None is everywhere. `area` is of the image, and
    at `scale` it has the `size` of the picture. Raises Mistake."""
    return [_plane(image, other, area, scale, size, format) if other.where else None for other in settings.parts]


def _plane(image: Gimp.Image, other: Other, area: host.Area, scale: float, size: tuple[int, int], format: str) -> bytes:
    drawable = _drawable(image, other)
    _, x, y = (True, 0, 0) if other.where == SELECTION else drawable.get_offsets()
    at = Gegl.Rectangle.new(round((area.x - x) * scale), round((area.y - y) * scale), *size)
    if other.place[0] != "layer":
        return drawable.get_buffer().get(at, scale, f"Y {format}", Gegl.AbyssPolicy.NONE)
    pairs = drawable.get_buffer().get(at, scale, f"Y'A {format}", Gegl.AbyssPolicy.NONE)
    return memoryview(pairs).cast("B" if format == "u8" else "H")[0 if _opaque(drawable) else 1 :: 2].tobytes()


def _opaque(layer: Gimp.Layer) -> bool:
    if not layer.has_alpha():
        return True
    alpha = host.small(layer, ALPHA_SIDE).data[3::4]
    return alpha.count(255) == len(alpha)


def _drawable(image: Gimp.Image, other: Other) -> Gimp.Drawable:
    """The drawable that holds the place's pixels. Raises Mistake."""
    style = other.style.partition("@")[0]
    if other.where == SELECTION:
        if Gimp.Selection.is_empty(image):
            raise Mistake(f"Nothing is selected: select where the style “{style}” goes, or choose another place for it.")
        return image.get_selection()
    item = _item(image, other)
    if item is None:
        kind, name = other.place
        raise Mistake(
            f"There is no {WORDS[kind]} called “{name}” in this image any more, which says where the style “{style}” goes. "
            "Choose another place for it."
        )
    return item.get_mask() if other.place[0] == "mask" else item


def _item(image: Gimp.Image, other: Other) -> Gimp.Drawable | None:
    """The layer or channel by its name, which no other in the image has."""
    kind, name = other.place
    if kind == "channel":
        return image.get_channel_by_name(name)
    layer = image.get_layer_by_name(name)
    return None if layer is None or (kind == "mask" and layer.get_mask() is None) else layer
