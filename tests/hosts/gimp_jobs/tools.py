# SPDX-License-Identifier: Apache-2.0
"""For scenarios inside the real GIMP: images and layers to make, the plug-in's procedures to call, facts about layers.

Invariant: pixels are written down as hexadecimal text, RGBA, 8 bits, sRGB.
"""

import json

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp  # noqa: E402

Gegl.init(None)
PDB = Gimp.get_pdb()
STYLIZE, AGAIN, LIST = "plug-in-scumble-stylize", "plug-in-scumble-again", "plug-in-scumble-list-styles"
WHAT_I_SEE = "plug-in-scumble-what-i-see"
FORMATS = {"u8": "R'G'B'A u8", "u16": "R'G'B'A u16", "float": "R'G'B'A float"}
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


def facts(layer):
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
    return [facts(layer) for layer in image.get_layers()]
