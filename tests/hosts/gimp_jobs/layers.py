# SPDX-License-Identifier: Apache-2.0
"""Which layers are painted: groups, text, several layers, all that is visible."""

from gi.repository import Gimp
from tools import WHAT_I_SEE, call, facts, new_image, new_layer, pixel, scenario, stack, stylize


@scenario
def groups():
    image = new_image()
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    inner = new_layer(image, "Inner", at=(7, 8), parent=group)
    inside = stylize(image, inner, style="test-style")
    children = [facts(child) for child in group.get_children()]
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
def one_is_empty():
    image = new_image()
    low = new_layer(image, "Low")
    empty = Gimp.GroupLayer.new(image, "Bare")
    image.insert_layer(empty, None, 0)
    high = new_layer(image, "High")
    error = stylize(image, low, empty, high, style="test-style")
    answer = {"error": error, "names": [layer.get_name() for layer in image.get_layers()]}
    image.delete()
    return answer


@scenario
def as_visible():
    """Two layers and a hidden one: all that is visible, in a group or not; the selected part of it; no layers at all."""
    image = new_image(60, 40)
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    new_layer(image, "Low", size=(60, 40), parent=group)
    high = new_layer(image, "High", size=(20, 40), at=(40, 0), colour=(100, 110, 120, 255))
    new_layer(image, "Hidden", size=(60, 40), colour=(1, 1, 1, 255)).set_visible(False)
    known = len(image.get_layers())
    answer = {"errors": [call(WHAT_I_SEE, image, [high], style="test-style")]}
    answer |= {"stack": stack(image), "pixels": [pixel(image.get_layers()[0], x, 5) for x in (5, 50)]}
    image.remove_layer(image.get_layers()[0])
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 30, 10, 20, 16)
    answer["errors"].append(call(WHAT_I_SEE, image, [], style="test-style"))
    top = image.get_layers()[0]
    answer |= {"part": facts(top), "part_pixels": [pixel(top, x, 3) for x in (3, 17)], "added": len(image.get_layers()) - known}
    image.delete()
    bare = new_image()
    answer["bare"] = call(WHAT_I_SEE, bare, [], style="test-style")
    bare.delete()
    return answer
