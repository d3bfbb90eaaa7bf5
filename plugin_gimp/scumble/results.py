# SPDX-License-Identifier: GPL-3.0-or-later
"""From a layer that was read to its result in the layer stack.

Invariant: a result is complete before it is put into the image, in one call that either works or leaves the image alone; what
the image does not take opens as an image of its own. Nothing that was painted is lost, whatever became of its layer.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
import history  # noqa: E402
import host  # noqa: E402
import parasites  # noqa: E402
from gi.repository import Gegl, Gimp  # noqa: E402
from scumble_client.desk.history import Entry  # noqa: E402
from scumble_client.desk.stacking import topmost  # noqa: E402
from scumble_client.raster import Raster  # noqa: E402
from settings import Settings  # noqa: E402

_PRECISIONS = {"u8": Gimp.Precision.U8_NON_LINEAR, "u16": Gimp.Precision.U16_NON_LINEAR, "f32": Gimp.Precision.FLOAT_NON_LINEAR}


@dataclass(frozen=True)
class Taken:
    """A layer as it was when its pixels were read: all that its result needs, should the layer be gone by then."""

    target: host.Target
    raster: Raster
    name: str
    tattoo: int
    gray: bool
    size: tuple[int, int]
    """Of the layer."""
    at: tuple[int, int]
    """Of the layer in the image."""
    shape: bytes | None
    """How much of each pixel of the area is the result's; None is all of it."""


@dataclass(frozen=True)
class Painted:
    """A picture that the engine has painted, and its layer."""

    taken: Taken
    raster: Raster
    title: str
    settings: Settings
    seconds: float


def take(target: host.Target, image: Gimp.Image) -> Taken:
    """Read a layer, with the selection and its own mask as they are now."""
    source = target.source
    _, x, y = source.get_offsets()
    size = (source.get_width(), source.get_height())
    who = (source.get_name(), source.get_tattoo(), bool(source.is_gray()))
    return Taken(target, host.read(target, image), *who, size, (x, y), host.shape(target, image))


def put(image: Gimp.Image, painted: Sequence[Painted]) -> str:
    """Put the results into the image, in one undo step, and select them; what there is to say about them."""
    layers, remarks = [], []
    image.undo_group_start()
    try:
        for one in painted:
            try:
                layers.append((one, _insert(image, one)))
            except Exception as e:  # whatever it is: minutes of computing are in this picture
                if not isinstance(e, Refused):
                    traceback.print_exc()
                remarks.append(_offer(one))
        if layers:
            image.set_selected_layers([layer for _, layer in layers])
            _note(image, layers)
    finally:
        image.undo_group_end()
    return " ".join(remarks)


def _note(image: Gimp.Image, layers: Sequence[tuple[Painted, Gimp.Layer]]) -> None:
    """Put the results on top of the image's history."""
    try:
        history.note(
            image,
            [Entry(one.title, one.taken.name, one.settings, one.seconds, history.thumbnail(layer)) for one, layer in layers],
        )
    except Exception:  # a history without them is no reason to take them back
        traceback.print_exc()


class Refused(Exception):
    """The image does not take a layer."""


def _insert(image: Gimp.Image, painted: Painted) -> Gimp.Layer:
    """Insert one result into the image. Raises Refused, and whatever GIMP's calls raise, with the image as it was."""
    taken = painted.taken
    source = _source_of(image, taken)
    earlier = [] if source is None else parasites.results_of(image, source)
    replaced = _replaced(taken.target, earlier)
    model = replaced[-1] if replaced else None
    layer = _filled(image, painted, model)
    x, y = taken.at if source is None or _size(source) != taken.size else source.get_offsets()[1:]
    layer.set_offsets(x + taken.target.area.x, y + taken.target.area.y)
    parasites.mark(layer, painted.settings, taken.tattoo)
    above = model if model is not None or source is None else topmost(source, earlier)
    parent, position = (None, 0) if above is None else (above.get_parent(), image.get_item_position(above))
    if not image.insert_layer(layer, parent, position):
        raise Refused(Gimp.get_pdb().get_last_error())
    for old in replaced:
        image.remove_layer(old)
    layer.set_name(painted.title)  # last, since GIMP would number it while the replaced one has the same name
    return layer


def _source_of(image: Gimp.Image, taken: Taken) -> Gimp.Layer | None:
    """The layer, wherever it has gone in the image; None where it is not: the visible image never was a layer."""
    return image.get_layer_by_tattoo(taken.tattoo)


def _replaced(target: host.Target, earlier: list[Gimp.Layer]) -> list[Gimp.Layer]:
    """The results that the new one takes the place of, except for those that the painter has locked."""
    if not target.replacing:
        return []
    meant = earlier if target.edited is None else [target.edited] if target.edited.is_valid() else []
    return [layer for layer in meant if not layer.get_lock_content()]


def _filled(image: Gimp.Image, painted: Painted, model: Gimp.Layer | None = None) -> Gimp.Layer:
    """The result as a layer that is not in the image yet, with the looks of the one it replaces. Raises Refused."""
    taken, area = painted.taken, painted.taken.target.area
    base = image.get_base_type()
    if base == Gimp.ImageBaseType.INDEXED:
        raise Refused("The image has a fixed palette now.")
    kind = Gimp.ImageType.GRAYA_IMAGE if base == Gimp.ImageBaseType.GRAY else Gimp.ImageType.RGBA_IMAGE
    mode = image.get_default_new_layer_mode() if model is None else model.get_mode()
    layer = Gimp.Layer.new(image, painted.title, area.width, area.height, kind, model.get_opacity() if model else 100.0, mode)
    _fill(layer, host.BABL[painted.raster.format], host.cropped(painted.raster, taken.target))
    if taken.shape is not None:
        mask = layer.create_mask(Gimp.AddMaskType.WHITE)
        layer.add_mask(mask)
        _fill(mask, host.MASK, taken.shape)
        layer.set_edit_mask(False)
    if model is not None:
        layer.set_visible(model.get_visible())
        layer.set_color_tag(model.get_color_tag())
    return layer


def _fill(drawable: Gimp.Drawable, format: str, data: bytes) -> None:
    width, height = drawable.get_width(), drawable.get_height()
    buffer = drawable.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, width, height), format, data)
    buffer.flush()
    drawable.update(0, 0, width, height)


def _offer(painted: Painted) -> str:
    """The result as an image of its own; what there is to say about it."""
    taken, area = painted.taken, painted.taken.target.area
    base = Gimp.ImageBaseType.GRAY if taken.gray else Gimp.ImageBaseType.RGB
    image = Gimp.Image.new_with_precision(area.width, area.height, base, _PRECISIONS[painted.raster.format])
    layer = _filled(image, painted)
    image.insert_layer(layer, None, 0)
    with contextlib.suppress(Exception):  # without a screen there is no display, and the image is there all the same
        Gimp.Display.new(image)
    return f"The image takes no layer for “{taken.name}” any more: the result is an image of its own, “{painted.title}”."


def _size(layer: Gimp.Layer) -> tuple[int, int]:
    return layer.get_width(), layer.get_height()
