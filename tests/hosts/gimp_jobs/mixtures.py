# SPDX-License-Identifier: Apache-2.0
"""Several styles in one picture: blended, and where selections, layers, masks and channels say. The method paints a style's
mean colour, so that a pixel tells whose it is."""

import json

from gi.repository import Gegl, Gimp
from tools import AGAIN, call, facts, fill, new_image, new_layer, pixel, pixels, scenario, stylize


def ways(*others):
    return {"style": "violet", "method": "average", "others": json.dumps(others)}


@scenario
def blended():
    image = new_image()
    layer = new_layer(image)
    errors = [stylize(image, layer, style="violet", method="average")]
    errors += [stylize(image, layer, **ways({"style": "yellow", "share": share})) for share in (0.0, 0.25)]
    answer = {"errors": errors, "results": [facts(item) for item in image.get_layers()[-2::-1]]}
    image.delete()
    return answer


@scenario
def places():
    """One style by five kinds of place, each 5 pixels wide; what holds them is hidden or not, and lies anywhere."""
    image = new_image()
    layer = new_layer(image, size=(60, 30), at=(3, 6))
    grey, strokes = new_layer(image, "Grey", size=(64, 48), colour=(0, 0, 0, 255)), new_layer(image, "Strokes", size=(64, 48))
    masked, small = new_layer(image, "Masked", size=(64, 48)), new_layer(image, "Small", size=(5, 48), at=(49, 0))
    fill(strokes, (9, 9, 9, 0))
    fill(small, (255, 255, 255, 255))
    masked.add_mask(masked.create_mask(Gimp.AddMaskType.BLACK))
    for held, format, value, x in (
        (grey, "R'G'B'A u8", (255, 255, 255, 255), 9),
        (strokes, "R'G'B'A u8", (9, 9, 9, 255), 19),
        (masked.get_mask(), "Y u8", (255,), 29),
    ):
        held.get_buffer().set(Gegl.Rectangle.new(x, 0, 5, 48), format, bytes(value) * (5 * 48))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 39, 0, 5, 48)
    Gimp.Selection.save(image).set_name("Saved")
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 58, 0, 5, 48)
    grey.set_visible(False)
    strokes.set_visible(False)
    names = ("layer:Grey", "layer:Strokes", "mask:Masked", "channel:Saved", "layer:Small", "selection")
    error = stylize(image, layer, **ways(*({"style": "yellow", "where": where} for where in names)))
    top = image.get_selected_layers()[0]
    answer = {"error": error, "top": facts(top), "row": [pixel(top, x, 20) for x in range(60)], "names": names}
    image.delete()
    return answer


@scenario
def limited():
    """A selection limits the result where it is not the place itself."""
    image = new_image()
    layer = new_layer(image, size=(40, 30))
    grey = new_layer(image, "Grey", size=(20, 48), colour=(255, 255, 255, 255))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 0, 20, 30)
    error = stylize(image, layer, **ways({"style": "yellow", "where": "layer:Grey", "share": 0.5}))
    top = image.get_selected_layers()[0]
    answer = {"error": error, "top": facts(top), "ends": [pixel(top), pixel(top, 19)], "grey": pixel(grey)}
    image.delete()
    return answer


@scenario
def deep():
    """A ramp of 16 bits as the place: how many levels come back."""
    image = new_image(1024, 4, precision=Gimp.Precision.U16_NON_LINEAR)
    layer, ramp = new_layer(image, size=(1024, 4)), new_layer(image, "Ramp", size=(1024, 4))
    values = b"".join(v.to_bytes(2, "little") * 3 + b"\xff\xff" for v in (20000 + 8 * x for x in range(1024)))
    ramp.get_buffer().set(Gegl.Rectangle.new(0, 0, 1024, 4), "R'G'B'A u16", values * 4)
    error = stylize(image, layer, **ways({"style": "yellow", "where": "layer:Ramp"}))
    top = pixels(image.get_selected_layers()[0], "R'G'B'A u16")
    answer = {"error": error, "levels": len({top[i : i + 2] for i in range(0, 8 * 1024, 8)})}
    image.delete()
    return answer


@scenario
def gone():
    """Places that are not there, and the same again after they have gone."""
    image = new_image()
    layer, sky = new_layer(image), new_layer(image, "Sky", colour=(255, 255, 255, 255))
    report = {"selection": stylize(image, layer, **ways({"style": "yellow", "where": "selection"}))}
    report["before"] = stylize(image, layer, replace=True, **ways({"style": "yellow", "where": "layer:Sky"}))
    result = image.get_selected_layers()[0]
    report["again"] = call(AGAIN, image, [layer])
    again = image.get_selected_layers()[0]
    report["made"] = facts(again)["made"]
    report["replaced"] = [item.get_name() for item in image.get_layers()]
    image.remove_layer(sky)
    report["layer"] = call(AGAIN, image, [layer])
    report["left"] = [item.get_id() for item in image.get_layers()] == [again.get_id(), layer.get_id()]
    report["first"] = result.is_valid()
    report["word"] = stylize(image, layer, style="violet", others='[{"stile": "yellow"}]')
    report["layers"] = len(image.get_layers())
    image.delete()
    return report
