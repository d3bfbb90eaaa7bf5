# SPDX-License-Identifier: Apache-2.0
"""Runs inside the real GIMP (python-fu-eval): every scenario calls the plug-in's procedures and writes down what it sees.

Invariant: a scenario makes its own image and leaves none behind; one that raises is written down as such and the others
run. test_gimp.py judges what was written. Pixels are hexadecimal text of the layer's first bytes, or a list of them.
"""

import json
import os
import time
import traceback

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp, Gio  # noqa: E402

Gegl.init(None)
PDB = Gimp.get_pdb()
STYLIZE, AGAIN, LIST = "plug-in-scumble-stylize", "plug-in-scumble-again", "plug-in-scumble-list-styles"
FORMATS = {"u8": "R'G'B'A u8", "u16": "R'G'B'A u16", "float": "R'G'B'A float"}
PRECISIONS = (
    "U8_LINEAR",
    "U8_NON_LINEAR",
    "U8_PERCEPTUAL",
    "U16_LINEAR",
    "U16_NON_LINEAR",
    "U32_NON_LINEAR",
    "HALF_LINEAR",
    "FLOAT_LINEAR",
    "FLOAT_NON_LINEAR",
    "DOUBLE_LINEAR",
)
SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def new_image(width=64, height=48, kind=Gimp.ImageBaseType.RGB, precision=None):
    if precision is None:
        return Gimp.Image.new(width, height, kind)
    return Gimp.Image.new_with_precision(width, height, kind, precision)


def new_layer(image, name="Photo", size=(40, 30), at=(0, 0), colour=(10, 20, 30, 255), parent=None):
    gray = image.get_base_type() == Gimp.ImageBaseType.GRAY
    kind = Gimp.ImageType.GRAYA_IMAGE if gray else Gimp.ImageType.RGBA_IMAGE
    layer = Gimp.Layer.new(image, name, *size, kind, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, parent, 0)
    layer.set_offsets(*at)
    fill(layer, colour)
    return layer


def fill(layer, colour):
    width, height = layer.get_width(), layer.get_height()
    buffer = layer.get_buffer()
    buffer.set(Gegl.Rectangle.new(0, 0, width, height), FORMATS["u8"], bytes(colour) * (width * height))
    buffer.flush()
    layer.update(0, 0, width, height)


def pixel(drawable, x=0, y=0, format="R'G'B'A u8"):
    return bytes(drawable.get_buffer().get(Gegl.Rectangle.new(x, y, 1, 1), 1.0, format, Gegl.AbyssPolicy.NONE)).hex()


def pixels(drawable, format="R'G'B'A u8"):
    whole = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return bytes(drawable.get_buffer().get(whole, 1.0, format, Gegl.AbyssPolicy.NONE))


def call(name, image, drawables, run_mode=Gimp.RunMode.NONINTERACTIVE, **arguments):
    """ "" when it went well, else GIMP's error."""
    procedure = PDB.lookup_procedure(name)
    config = procedure.create_config()
    config.set_property("run-mode", run_mode)
    config.set_property("image", image)
    config.set_core_object_array("drawables", drawables)
    for key, value in arguments.items():
        config.set_property(key.replace("_", "-"), value)
    result = procedure.run(config)
    return "" if result.index(0) == Gimp.PDBStatusType.SUCCESS else PDB.get_last_error()


def stylize(image, *drawables, **arguments):
    return call(STYLIZE, image, list(drawables), **arguments)


def seen(layer):
    mask = layer.get_mask()
    _, x, y = layer.get_offsets()
    parasite = layer.get_parasite("scumble")
    return {
        "name": layer.get_name(),
        "at": [x, y],
        "size": [layer.get_width(), layer.get_height()],
        "pixel": pixel(layer),
        "mask": None if mask is None else pixels(mask, "Y u8").hex(),
        "parent": layer.get_parent().get_name() if layer.get_parent() else None,
        "made": json.loads(bytes(parasite.get_data())) if parasite else None,
    }


def stack(image):
    return [seen(layer) for layer in image.get_layers()]


@scenario
def styles():
    procedure = PDB.lookup_procedure(LIST)
    result = procedure.run(procedure.create_config())
    return [result.index(i) for i in (1, 2, 3)]


@scenario
def plain():
    image = new_image()
    layer = new_layer(image, at=(5, 6))
    other = new_layer(image, "Above")
    error = stylize(image, layer, style="test-style", strength=0.7)
    selected = [item.get_name() for item in image.get_selected_layers()]
    answer = {"error": error, "stack": stack(image), "selected": selected, "source": pixel(layer), "above": pixel(other)}
    image.delete()
    return answer


@scenario
def precisions():
    found = {}
    for name in PRECISIONS:
        image = new_image(precision=getattr(Gimp.Precision, name))
        layer = new_layer(image, colour=(200, 100, 50, 128))
        error = stylize(image, layer, style="test-style")
        found[name] = {"error": error, "layers": len(image.get_layers()), "pixel": pixel(image.get_layers()[0])}
        image.delete()
    return found


@scenario
def identity():
    """Strength 0 at each depth: the very samples come back."""
    found = {}
    for name, format in (("U8_NON_LINEAR", "u8"), ("U16_NON_LINEAR", "u16"), ("FLOAT_NON_LINEAR", "float")):
        image = new_image(precision=getattr(Gimp.Precision, name))
        layer = new_layer(image)
        size = layer.get_width() * layer.get_height() * {"u8": 4, "u16": 8, "float": 16}[format]
        noise = os.urandom(size) if format != "float" else pixels(layer, FORMATS["float"])
        layer.get_buffer().set(Gegl.Rectangle.new(0, 0, 40, 30), FORMATS[format], noise)
        before = pixels(layer, FORMATS[format])
        error = stylize(image, layer, style="test-style", strength=0.0)
        top = image.get_layers()[0]
        found[format] = {"error": error, "name": top.get_name(), "same": pixels(top, FORMATS[format]) == before}
        image.delete()
    return found


@scenario
def profile():
    image = new_image()
    layer = new_layer(image)
    image.set_color_profile(Gimp.ColorProfile.new_rgb_adobe())
    before = pixel(layer)
    error = stylize(image, layer, style="test-style")
    answer = {"error": error, "before": before, "after": pixel(image.get_layers()[0])}
    image.delete()
    return answer


@scenario
def gray():
    image = new_image(kind=Gimp.ImageBaseType.GRAY)
    layer = new_layer(image, colour=(60, 60, 60, 255))
    error = stylize(image, layer, style="test-style")
    top = image.get_layers()[0]
    answer = {"error": error, "gray": top.is_gray(), "pixel": pixel(top)}
    image.delete()
    return answer


@scenario
def sizes():
    found = {}
    for width, height in ((1, 1), (6000, 4000)):
        image = new_image(width, height)
        layer = new_layer(image, size=(width, height))
        began = time.monotonic()
        error = stylize(image, layer, style="test-style")
        top = image.get_layers()[0]
        last = pixel(top, width - 1, height - 1)
        found[f"{width}x{height}"] = {"error": error, "size": seen(top)["size"], "pixels": [pixel(top), last]}
        found[f"{width}x{height}"]["seconds"] = time.monotonic() - began
        image.delete()
    return found


@scenario
def rectangle():
    image = new_image()
    layer = new_layer(image, size=(64, 48))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 12, 20, 16)
    error = stylize(image, layer, style="test-style")
    answer = {"error": error, "stack": stack(image), "empty": Gimp.Selection.is_empty(image)}
    image.delete()
    return answer


@scenario
def soft():
    image = new_image()
    layer = new_layer(image, size=(50, 40), at=(3, 4))
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 10, 8, 40, 32)
    Gimp.Selection.feather(image, 6.0)
    error = stylize(image, layer, style="test-style")
    top = image.get_layers()[0]
    _, x, y = top.get_offsets()
    area = Gegl.Rectangle.new(x, y, top.get_width(), top.get_height())
    wanted = bytes(image.get_selection().get_buffer().get(area, 1.0, "Y u8", Gegl.AbyssPolicy.NONE)).hex()
    answer = {"error": error, "top": seen(top), "selection": wanted, "editing": top.get_edit_mask()}
    image.delete()
    return answer


@scenario
def masked():
    """The source's own mask shapes the result too."""
    image = new_image()
    layer = new_layer(image, size=(4, 2))
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    mask.get_buffer().set(Gegl.Rectangle.new(0, 0, 4, 2), "Y u8", bytes((0, 100, 200, 255) * 2))
    error = stylize(image, layer, style="test-style")
    answer = {"error": error, "mask": seen(image.get_layers()[0])["mask"]}
    image.delete()
    return answer


@scenario
def outside():
    image = new_image()
    layer = new_layer(image, size=(10, 10))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 30, 30, 10, 10)
    answer = {"error": stylize(image, layer, style="test-style"), "layers": len(image.get_layers())}
    image.delete()
    return answer


@scenario
def groups():
    image = new_image()
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    inner = new_layer(image, "Inner", at=(7, 8), parent=group)
    inside = stylize(image, inner, style="test-style")
    children = [seen(child) for child in group.get_children()]
    whole = stylize(image, group, style="test-style")
    empty = Gimp.GroupLayer.new(image, "Empty")
    image.insert_layer(empty, None, 0)
    nothing = stylize(image, empty, style="test-style")
    answer = {"errors": [inside, whole], "children": children, "stack": stack(image), "empty": nothing}
    image.delete()
    return answer


@scenario
def text():
    image = new_image(300, 200)
    layer = Gimp.TextLayer.new(image, "Abc", Gimp.context_get_font(), 40, Gimp.Unit.pixel())
    image.insert_layer(layer, None, 0)
    error = stylize(image, layer, style="test-style")
    answer = {"error": error, "kinds": [item.is_text_layer() for item in image.get_layers()]}
    image.delete()
    return answer


@scenario
def several():
    image = new_image()
    low, high = new_layer(image, "Low", colour=(1, 2, 3, 255)), new_layer(image, "High", colour=(4, 5, 6, 255))
    error = stylize(image, low, high, style="test-style")
    selected = [item.get_name() for item in image.get_selected_layers()]
    answer = {"error": error, "stack": stack(image), "selected": selected}
    image.delete()
    return answer


@scenario
def refused():
    found = {}
    image = new_image()
    layer = new_layer(image)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    channel = Gimp.Channel.new(image, "Channel", 64, 48, 50.0, Gegl.Color.new("red"))
    image.insert_channel(channel, None, 0)
    found["mask"], found["channel"], found["nothing"] = stylize(image, mask), stylize(image, channel), stylize(image)
    found["style"] = stylize(image, layer, style="no-such-style")
    found["method"] = stylize(image, layer, style="test-style", method="no-such-method")
    found["json"] = stylize(image, layer, style="test-style", options="seed=1")
    found["option"] = stylize(image, layer, style="test-style", options='{"bogus": 1}')
    torn = f"{os.environ['HOME']}/Torn.png"
    with open(torn, "wb") as f:
        f.write(b"no picture")
    found["file"] = stylize(image, layer, style_file=Gio.File.new_for_path(torn))
    found["again"] = call(AGAIN, image, [channel])
    layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 2, 2, 10, 10)
    Gimp.Selection.float(image, [layer], 0, 0)
    found["floating"] = stylize(image, layer, style="test-style")
    found["layers"] = len(image.get_layers())
    image.delete()
    image = new_image()
    layer = new_layer(image)
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 4, False, False, "")
    found["indexed"] = stylize(image, layer, style="test-style")
    image.delete()
    return found


@scenario
def again():
    """Replacing, adding, results that stand for their source, and duplicates, which do not."""
    image = new_image()
    layer = new_layer(image)
    errors = [stylize(image, layer, style="test-style", strength=0.5)]
    first = image.get_layers()[0]
    first.set_opacity(40.0)
    errors.append(stylize(image, first, style="test-style", strength=0.25, replace=True))
    replaced = stack(image)
    opacity = image.get_layers()[0].get_opacity()
    errors.append(call(AGAIN, image, [layer]))  # the last run replaced, so this one does
    repeated = [item.get_name() for item in image.get_layers()]
    errors.append(call(STYLIZE, image, [layer], style="test-style", strength=1.0))
    added = [item.get_name() for item in image.get_layers()]
    result = image.get_layers()[-2]
    copy = result.copy()
    image.insert_layer(copy, None, 0)
    before = pixel(copy)
    errors.append(stylize(image, copy, style="test-style", replace=True))
    answer = {"errors": errors, "replaced": replaced, "opacity": opacity, "repeated": repeated, "added": added}
    answer |= {"copy": [before, pixel(copy)], "of_copy": pixel(image.get_layers()[0]), "layers": len(image.get_layers())}
    image.delete()
    return answer


@scenario
def own_styles():
    """A file and a layer as the style: both are kept among the painter's own."""
    image = new_image()
    layer, swatch = new_layer(image), new_layer(image, "Harbour at dusk", colour=(250, 120, 10, 255))
    barn = Gio.File.new_for_path(f"{os.environ['HOME']}/Red barn.png")
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, barn, None)
    errors = [stylize(image, layer, style_file=barn), stylize(image, layer, style_layer=swatch)]
    answer = {"errors": errors, "names": [item.get_name() for item in image.get_layers()], "styles": styles()}
    image.delete()
    return answer


@scenario
def script_fu():
    """The way of a Script-Fu, called through its own interpreter."""
    image = new_image()
    layer = new_layer(image, colour=(7, 8, 9, 255))
    procedure = PDB.lookup_procedure("plug-in-script-fu-eval")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    call = f'(plug-in-scumble-stylize #:image {image.get_id()} #:drawables (vector {layer.get_id()}) #:style "test-style")'
    config.set_property("script", f"(script-fu-use-v3) {call}")
    done = procedure.run(config).index(0) == Gimp.PDBStatusType.SUCCESS
    answer = {"done": done, "names": [item.get_name() for item in image.get_layers()]}
    image.delete()
    return answer


@scenario
def method_options():
    image = new_image()
    layer = new_layer(image)
    error = stylize(image, layer, style="test-style@1", method="slow", brush_size=2.0, options='{"seconds": 0.2}')
    answer = {"error": error, "made": seen(image.get_layers()[0])["made"]}
    image.delete()
    return answer


def main():
    seen_so_far = {}
    for name in os.environ.get("SCENARIOS", "").split() or SCENARIOS:
        began = time.monotonic()
        try:
            seen_so_far[name] = {"saw": SCENARIOS[name]()}
        except Exception:
            seen_so_far[name] = {"raised": traceback.format_exc()}
        seen_so_far[name]["seconds"] = round(time.monotonic() - began, 2)
        with open(os.environ["RECORD"], "w") as f:
            json.dump(seen_so_far, f)


main()
