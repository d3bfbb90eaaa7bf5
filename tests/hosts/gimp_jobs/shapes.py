# SPDX-License-Identifier: Apache-2.0
"""Where it goes: selections and masks."""

from gi.repository import Gegl, Gimp
from tools import facts, new_image, new_layer, pixel, scenario, stack, stylize


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
def rectangle():
    image = new_image()
    layer = new_layer(image, size=(64, 48))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 12, 20, 16)
    error = stylize(image, layer, style="test-style")
    answer = {"error": error, "stack": stack(image), "empty": Gimp.Selection.is_empty(image)}
    image.delete()
    return answer


@scenario
def around():
    """A selection 200 pixels from where the layer has another colour, with the palette of what is sent."""
    image = new_image(1000, 4)
    layer = new_layer(image, size=(1000, 4))
    layer.get_buffer().set(Gegl.Rectangle.new(320, 0, 100, 4), "R'G'B'A u8", bytes((200, 100, 50, 255)) * 400)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 100, 0, 20, 4)
    report = {}
    for size in (1.0, 2.0):
        error = stylize(image, layer, style="test-style", keep_colours="coral", brush_size=size)
        result = image.get_layers()[0]
        report[str(size)] = {"error": error, "result": facts(result)}
        image.remove_layer(result)
    image.delete()
    return report


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
    answer = {"error": error, "top": facts(top), "selection": wanted, "editing": top.get_edit_mask()}
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
    answer = {"error": error, "mask": facts(image.get_layers()[0])["mask"]}
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
