# SPDX-License-Identifier: Apache-2.0
"""What comes back: every precision, profile and size, strength 0, gray."""

import os
import time

from gi.repository import Gegl, Gimp
from tools import FORMATS, facts, new_image, new_layer, pixel, pixels, scenario, stylize

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


@scenario
def precisions():
    report = {}
    for name in PRECISIONS:
        image = new_image(precision=getattr(Gimp.Precision, name))
        layer = new_layer(image, colour=(200, 100, 50, 128))
        error = stylize(image, layer, style="test-style")
        report[name] = {"error": error, "layers": len(image.get_layers()), "pixel": pixel(image.get_layers()[0])}
        image.delete()
    return report


@scenario
def identity():
    """Strength 0 at each depth: the very samples come back."""
    report = {}
    for name, format in (("U8_NON_LINEAR", "u8"), ("U16_NON_LINEAR", "u16"), ("FLOAT_NON_LINEAR", "float")):
        image = new_image(precision=getattr(Gimp.Precision, name))
        layer = new_layer(image)
        size = layer.get_width() * layer.get_height() * {"u8": 4, "u16": 8, "float": 16}[format]
        noise = os.urandom(size) if format != "float" else pixels(layer, FORMATS["float"])
        layer.get_buffer().set(Gegl.Rectangle.new(0, 0, 40, 30), FORMATS[format], noise)
        before = pixels(layer, FORMATS[format])
        error = stylize(image, layer, style="test-style", strength=0.0)
        top = image.get_layers()[0]
        report[format] = {"error": error, "name": top.get_name(), "same": pixels(top, FORMATS[format]) == before}
        image.delete()
    return report


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
    report = {}
    for width, height in ((1, 1), (6000, 4000)):
        image = new_image(width, height)
        layer = new_layer(image, size=(width, height))
        began = time.monotonic()
        error = stylize(image, layer, style="test-style")
        top = image.get_layers()[0]
        last = pixel(top, width - 1, height - 1)
        report[f"{width}x{height}"] = {"error": error, "size": facts(top)["size"], "pixels": [pixel(top), last]}
        report[f"{width}x{height}"]["seconds"] = time.monotonic() - began
        image.delete()
    return report
