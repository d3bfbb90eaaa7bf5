# SPDX-License-Identifier: Apache-2.0
"""How it is called: styles, again and again, scripts, and all that is refused."""

import json
import os

from gi.repository import Gegl, Gimp, Gio
from tools import AGAIN, LIST, PDB, STYLIZE, call, facts, new_image, new_layer, pixel, scenario, stack, stylize


@scenario
def styles():
    procedure = PDB.lookup_procedure(LIST)
    result = procedure.run(procedure.create_config())
    return [result.index(i) for i in (1, 2, 3)]


@scenario
def refused():
    report = {}
    image = new_image()
    layer = new_layer(image)
    mask = layer.create_mask(Gimp.AddMaskType.WHITE)
    layer.add_mask(mask)
    channel = Gimp.Channel.new(image, "Channel", 64, 48, 50.0, Gegl.Color.new("red"))
    image.insert_channel(channel, None, 0)
    report["mask"], report["channel"], report["nothing"] = stylize(image, mask), stylize(image, channel), stylize(image)
    report["style"] = stylize(image, layer, style="no-such-style")
    report["method"] = stylize(image, layer, style="test-style", method="no-such-method")
    report["json"] = stylize(image, layer, style="test-style", options="seed=1")
    report["quality"] = stylize(image, layer, style="test-style", quality="superb")
    report["option"] = stylize(image, layer, style="test-style", options='{"bogus": 1}')
    torn = f"{os.environ['HOME']}/Torn.png"
    with open(torn, "wb") as f:
        f.write(b"no picture")
    report["file"] = stylize(image, layer, style_file=Gio.File.new_for_path(torn))
    report["again"] = call(AGAIN, image, [channel])
    layer.remove_mask(Gimp.MaskApplyMode.DISCARD)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 2, 2, 10, 10)
    Gimp.Selection.float(image, [layer], 0, 0)
    report["floating"] = stylize(image, layer, style="test-style")
    report["layers"] = len(image.get_layers())
    image.delete()
    image = new_image()
    layer = new_layer(image)
    image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 4, False, False, "")
    report["indexed"] = stylize(image, layer, style="test-style")
    image.delete()
    return report


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
    result = image.get_layers()[0]
    copy = result.copy()
    image.insert_layer(copy, None, 0)
    before = pixel(copy)
    errors.append(stylize(image, copy, style="test-style", replace=True))
    answer = {"errors": errors, "replaced": replaced, "opacity": opacity, "repeated": repeated, "added": added}
    answer |= {"copy": [before, pixel(copy)], "of_copy": pixel(image.get_layers()[0]), "layers": len(image.get_layers())}
    image.delete()
    return answer


@scenario
def saved():
    """A result from a file that was saved and opened again is still one."""
    image = new_image()
    stylize(image, new_layer(image), style="test-style", strength=0.5)
    file = Gio.File.new_for_path(f"{os.environ['HOME']}/saved.xcf")
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, file, None)
    image.delete()
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, file)
    error = stylize(image, image.get_layers()[0], style="test-style", strength=0.25, replace=True)
    answer = {"error": error, "names": [layer.get_name() for layer in image.get_layers()]}
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
def kept_colours():
    """A quarter of the layer has one colour, the rest another; each way to keep them, and one that there is not."""
    image = new_image()
    layer = new_layer(image)
    rest = bytes((200, 100, 50, 255)) * 900
    layer.get_buffer().set(Gegl.Rectangle.new(10, 0, 30, 30), "R'G'B'A u8", rest)
    errors, report, made = {}, {}, {}
    for way in ("", "off", "luminance", "coral", "histogram", "sorcery"):
        errors[way] = stylize(image, layer, style="test-style", keep_colours=way, replace=True)
        result = image.get_layers()[0]
        report[way], made[way] = pixel(result), facts(result)["made"]["keep_colours"]
    image.delete()
    return {"errors": errors, "pixels": report, "made": made}


@scenario
def method_options():
    image = new_image()
    layer = new_layer(image)
    error = stylize(image, layer, style="test-style@1", method="slow", brush_size=2.0, options='{"seconds": 0.2}')
    answer = {"error": error, "made": facts(image.get_layers()[0])["made"]}
    answer["draft"] = stylize(image, layer, style="test-style", method="slow", quality="draft", options='{"seconds": 0.2}')
    text = bytes(image.get_parasite("scumble-history").get_data()).decode()
    answer["history"] = [[entry["title"], entry["settings"]["quality"]] for entry in json.loads(text)["entries"]]
    image.delete()
    return answer
