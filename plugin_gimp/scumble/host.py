# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a GIMP image: which layers are meant, and their pixels.

Invariant: changes nothing. Pixels leave and enter as plain sRGB (R'G'B'A); GEGL converts from and to the image's precision and
profile.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp  # noqa: E402
from parasites import made_of  # noqa: E402
from scumble_client.desk.margins import margin  # noqa: E402
from scumble_client.desk.settings import unpinned  # noqa: E402
from scumble_client.events import Context  # noqa: E402
from scumble_client.raster import Raster  # noqa: E402
from settings import Mistake, Settings, further_options, others_from_text, others_to_text, quality_from  # noqa: E402

BABL = {"u8": "R'G'B'A u8", "u16": "R'G'B'A u16", "f32": "R'G'B'A float"}
MASK = "Y u8"


@dataclass(frozen=True)
class Area:
    """A rectangle of a layer, in the layer's own pixels."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Target:
    """A layer to stylize, and the part of it."""

    source: Gimp.Layer
    area: Area
    sent: Area
    """That part and as much around it as counts, which is sent and painted as well."""
    limited: bool
    """The selection limits the result."""
    replacing: bool
    """The result takes the place of the layer's earlier ones."""
    edited: Gimp.Layer | None
    """The only one of those that it takes the place of, if there is one."""


def name() -> str:
    return f"GIMP {Gimp.version()}"


def settings_of(config: Gimp.ProcedureConfig) -> Settings:
    """The choices in a procedure's arguments. Raises Mistake.

    An empty text is None from GIMP's second start on, when it knows the arguments from its cache.
    """
    return Settings(
        style=config.get_property("style") or "",
        method=config.get_property("method") or "",
        strength=config.get_property("strength"),
        brush_size=config.get_property("brush-size"),
        keep_colours=config.get_property("keep-colours") or "",
        replace=config.get_property("replace"),
        others=others_from_text(config.get_property("others") or ""),
        more=further_options(config.get_property("options") or ""),
        quality=quality_from(config.get_property("quality") or ""),
    )


def settings_into(config: Gimp.ProcedureConfig, settings: Settings) -> None:
    """The other way round."""
    settings = unpinned(settings)
    config.set_property("style", settings.style)
    config.set_property("method", settings.method)
    config.set_property("strength", settings.strength)
    config.set_property("brush-size", settings.brush_size)
    config.set_property("keep-colours", settings.keep_colours)
    config.set_property("replace", settings.replace)
    config.set_property("options", json.dumps(settings.more) if settings.more else "")
    config.set_property("others", others_to_text(settings.others))
    config.set_property("quality", settings.quality)


def check(image: Gimp.Image, drawables: list[Gimp.Drawable]) -> None:
    """Raises Mistake for what cannot be stylized, with the way out."""
    if image.get_base_type() == Gimp.ImageBaseType.INDEXED:
        raise Mistake("This image has a fixed palette. Turn it into RGB first: Image > Mode > RGB.")
    if image.get_floating_sel() is not None:
        raise Mistake(
            "There is a floating selection. Anchor it or make it a layer first: Layer > Anchor Layer, or To New Layer."
        )
    if not drawables:
        raise Mistake("Select a layer first.")
    for drawable in drawables:
        if drawable.is_layer_mask():
            raise Mistake("A layer mask is selected. Click the layer itself, not its mask, then try again.")
        if not drawable.is_layer():
            raise Mistake("A channel is selected. Select a layer instead.")


def targets(
    image: Gimp.Image, drawables: list[Gimp.Drawable], replacing: bool, whole: bool = False, brush_size: float = 1.0
) -> tuple[list[Target], list[str]]:
    """The layers that a run paints, and why others are left out; a selected result stands for the layer it was made from.

    With `replacing`, each new result takes the place of the earlier ones of the same layer, or of the one that is selected.
    `whole` layers are painted whatever is selected; what counts around a selection grows with the brush size. Raises
    Mistake where nothing is left.
    """
    check(image, drawables)
    outcomes: dict[int, Target | Mistake] = {}
    for drawable in drawables:
        made = made_of(drawable)
        origin = None if made is None else image.get_layer_by_tattoo(made.source)
        source = drawable if origin is None else origin
        if source.get_id() in outcomes:
            continue
        edited = None if origin is None else drawable
        try:
            area = _area(image, source, whole)
            outcomes[source.get_id()] = Target(source, area, _sent(source, area, brush_size), not whole, replacing, edited)
        except Mistake as e:
            outcomes[source.get_id()] = e
    able = [target for target in outcomes.values() if isinstance(target, Target)]
    mistakes = [mistake for mistake in outcomes.values() if isinstance(mistake, Mistake)]
    if not able:
        raise mistakes[0]
    return able, [str(mistake) for mistake in mistakes]


def visible(image: Gimp.Image) -> Gimp.Layer:
    """A layer that shows the whole visible image, outside its stack, to be deleted in the end. Raises Mistake."""
    if not image.get_layers():
        raise Mistake("There is nothing to see: this image has no layers.")
    return Gimp.Layer.new_from_visible(image, image, "What I see")


def read(target: Target, image: Gimp.Image) -> Raster:
    """The pixels at the image's own depth: u8, u16, or f32 for all other precisions."""
    nick = image.get_precision().value_nick.split("-")[0]
    format = nick if nick in ("u8", "u16") else "f32"
    sent = target.sent
    rectangle = Gegl.Rectangle.new(sent.x, sent.y, sent.width, sent.height)
    data = target.source.get_buffer().get(rectangle, 1.0, BABL[format], Gegl.AbyssPolicy.CLAMP)
    return Raster(sent.width, sent.height, format, "rgba", data)


def small(drawable: Gimp.Drawable, side: int) -> Raster:
    """The whole drawable as u8, its longest side at most `side`."""
    width, height = drawable.get_width(), drawable.get_height()
    scale = min(1.0, side / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    data = drawable.get_buffer().get(Gegl.Rectangle.new(0, 0, *size), scale, BABL["u8"], Gegl.AbyssPolicy.CLAMP)
    return Raster(*size, "u8", "rgba", data)


def selected_small(image: Gimp.Image, source: Gimp.Layer, scale: float, size: tuple[int, int]) -> bytes | None:
    """How much each pixel of the small layer is selected; None where nothing is."""
    if Gimp.Selection.is_empty(image):
        return None
    _, x, y = source.get_offsets()
    at = Gegl.Rectangle.new(round(x * scale), round(y * scale), *size)
    return image.get_selection().get_buffer().get(at, scale, MASK, Gegl.AbyssPolicy.NONE)


def context(target: Target, side: int, descends: bool) -> Context | None:
    """A small copy of the whole layer, where only a part of it is stylized, or where a method that `descends` is to go on from
    what the preview was of."""
    source, sent = target.source, target.sent
    full = (source.get_width(), source.get_height())
    if full == (sent.width, sent.height) and not (descends and max(full) > side):
        return None
    return Context(small(source, side), sent.x, sent.y, *full)


def picture(file: object, side: int) -> tuple[str, Raster]:
    """Any file that GIMP can open, as (name, pixels). Raises Mistake."""
    label = file.get_basename() or "picture"
    try:
        image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    except Exception:  # the kind of error depends on the file's plug-in
        image = None
    if image is None:
        raise Mistake(f"“{label}” cannot be opened as a picture.")
    try:
        return label.rpartition(".")[0] or label, small(image.flatten(), side)
    finally:
        image.delete()


def other_layers(image: Gimp.Image) -> list[Gimp.Layer]:
    """All layers, groups among them, top to bottom."""
    return list(_layers(image.get_layers()))


def cropped(raster: Raster, target: Target) -> bytes:
    """The pixels of the area, of a picture of all that was sent."""
    area, sent = target.area, target.sent
    if area == sent:
        return bytes(raster.data)
    pixel = raster.stride // raster.width
    left, width = (area.x - sent.x) * pixel, area.width * pixel
    starts = (row * raster.stride + left for row in range(area.y - sent.y, area.y - sent.y + area.height))
    data = memoryview(raster.data)
    return b"".join(data[start : start + width] for start in starts)


def shape(target: Target, image: Gimp.Image) -> bytes | None:
    """How much of each pixel of the area the selection, and the source's own mask, leave; None where they leave all."""
    selected = _selected(image, target) if target.limited else None
    planes = [plane for plane in (selected, _masked(target)) if plane is not None and plane.strip(b"\xff")]
    if not planes:
        return None
    return planes[0] if len(planes) == 1 else bytes(map(min, *planes))


def _area(image: Gimp.Image, source: Gimp.Layer, whole: bool) -> Area:
    if source.is_group() and not source.get_children():
        raise Mistake(f"The group “{source.get_name()}” is empty.")
    width, height = source.get_width(), source.get_height()
    if whole or Gimp.Selection.is_empty(image):
        return Area(0, 0, width, height)
    _, _, *bounds = Gimp.Selection.bounds(image)  # GIMP's mask_intersect knows no layers outside the stack
    _, x, y = source.get_offsets()
    left, top = max(0, bounds[0] - x), max(0, bounds[1] - y)
    right, bottom = min(width, bounds[2] - x), min(height, bounds[3] - y)
    if right <= left or bottom <= top:
        raise Mistake(f"The selection does not touch the layer “{source.get_name()}”. Select > None stylizes all of it.")
    return Area(left, top, right - left, bottom - top)


def _sent(source: Gimp.Layer, area: Area, brush_size: float) -> Area:
    width, height = source.get_width(), source.get_height()
    around = margin(width, height, brush_size)
    x, y = max(0, area.x - around), max(0, area.y - around)
    right, bottom = min(width, area.x + area.width + around), min(height, area.y + area.height + around)
    return Area(x, y, right - x, bottom - y)


def _selected(image: Gimp.Image, target: Target) -> bytes | None:
    """How much each pixel of the area is selected; None where nothing is."""
    if Gimp.Selection.is_empty(image):
        return None
    area = target.area
    _, x, y = target.source.get_offsets()
    rectangle = Gegl.Rectangle.new(x + area.x, y + area.y, area.width, area.height)
    return image.get_selection().get_buffer().get(rectangle, 1.0, MASK, Gegl.AbyssPolicy.NONE)


def _masked(target: Target) -> bytes | None:
    mask, area = target.source.get_mask(), target.area
    if mask is None or not target.source.get_apply_mask():
        return None
    rectangle = Gegl.Rectangle.new(area.x, area.y, area.width, area.height)
    return mask.get_buffer().get(rectangle, 1.0, MASK, Gegl.AbyssPolicy.NONE)


def _layers(layers: list[Gimp.Layer]) -> Iterator[Gimp.Layer]:
    for layer in layers:
        yield layer
        if layer.is_group():
            yield from _layers(layer.get_children())
