# SPDX-License-Identifier: Apache-2.0
"""Runs inside GIMP for bench_gimp.py: how long the plug-in takes for a 12-megapixel layer of each depth, as JSON."""

import json
import os
import time

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp  # noqa: E402

SIZE = (4000, 3000)
DEPTHS = {"u8": (Gimp.Precision.U8_NON_LINEAR, 4), "u16": (Gimp.Precision.U16_NON_LINEAR, 8)}
ROUNDS = 3


def stylize(image, layer):
    procedure = Gimp.get_pdb().lookup_procedure("plug-in-scumble-stylize")
    config = procedure.create_config()
    config.set_property("run-mode", Gimp.RunMode.NONINTERACTIVE)
    config.set_property("image", image)
    config.set_core_object_array("drawables", [layer])
    config.set_property("style", "test-style")
    began = time.monotonic()
    result = procedure.run(config)
    taken = time.monotonic() - began
    if result.index(0) != Gimp.PDBStatusType.SUCCESS:
        raise RuntimeError(Gimp.get_pdb().get_last_error())
    return taken


def measure(precision, bytes_per_pixel, depth):
    image = Gimp.Image.new_with_precision(*SIZE, Gimp.ImageBaseType.RGB, precision)
    layer = Gimp.Layer.new(image, "Photo", *SIZE, Gimp.ImageType.RGBA_IMAGE, 100.0, Gimp.LayerMode.NORMAL)
    image.insert_layer(layer, None, 0)
    noise = os.urandom(SIZE[0] * SIZE[1] * bytes_per_pixel)
    layer.get_buffer().set(Gegl.Rectangle.new(0, 0, *SIZE), f"R'G'B'A {depth}", noise)
    taken = []
    for _ in range(ROUNDS):
        taken.append(stylize(image, layer))
        image.remove_layer(image.get_layers()[0])
    image.delete()
    return taken


Gegl.init(None)
measured = {depth: measure(precision, size, depth) for depth, (precision, size) in DEPTHS.items()}
with open(os.environ["RECORD"], "w") as f:
    json.dump(measured, f)
