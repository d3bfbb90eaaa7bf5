# SPDX-License-Identifier: Apache-2.0
"""What a painter does to image and layers while the engine paints: runs inside the real GIMP, as batch.py does.

A thread of this script waits until the engine is at work, and then has the spy plug-in change the image, as the painter would.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path

from gi.repository import Gimp
from tools import call, facts, new_image, new_layer, pixel, scenario, stack, stylize

HOME = Path(os.environ["HOME"])
sys.path.insert(0, str(HOME / ".config/GIMP/3.0/plug-ins/scumble"))
SLOW = {"style": "test-style", "method": "slow", "options": '{"seconds": 2.5}'}
ASKED = [0]


def meanwhile(image, code):
    """Have the spy run `code` with this `image` once a job runs."""
    ASKED[0] += 1
    asked = HOME / "spy" / str(ASKED[0])
    code = f"image = Gimp.Image.get_by_id({image.get_id()})\n{code}"

    def work():
        from scumble_client.blocking import Engine

        with Engine.attach(start=False) as engine:
            while engine.status()["jobs"]["running"] != 1:
                time.sleep(0.05)
        asked.with_suffix(".part").write_text(code)
        asked.with_suffix(".part").rename(asked.with_suffix(".py"))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread, asked.with_suffix(".json")


def painted(image, layer, code, **arguments):
    """Run Scumble on a layer while the code is run; GIMP's error, and the spy's reply."""
    thread, answer = meanwhile(image, code)
    error = stylize(image, layer, **{**SLOW, **arguments})
    thread.join(60)
    until = time.monotonic() + 60
    while not answer.exists() and time.monotonic() < until:
        time.sleep(0.05)
    return error, json.loads(answer.read_text())


@scenario
def warm():
    """The engine is there, so that those after this one wait for their own job alone."""
    image = new_image()
    error = stylize(image, new_layer(image), style="test-style")
    image.delete()
    return error


@scenario
def closed():
    image = new_image()
    before = len(Gimp.get_images())
    error, reply = painted(image, new_layer(image), "answer = image.delete()")
    return {"error": error, "reply": reply, "gone": not image.is_valid(), "images": [before, len(Gimp.get_images())]}


@scenario
def deleted():
    image = new_image()
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    layer = new_layer(image, "Inner", at=(7, 8), parent=group)
    new_layer(image, "Above")
    code = 'image.remove_layer(image.get_layer_by_name("Inner"))'
    error, reply = painted(image, layer, code)
    answer = {"error": error, "reply": reply, "stack": stack(image)}
    image.delete()
    return answer


@scenario
def moved():
    """The layer is moved and the selection dropped: the result goes with the layer, in the shape that was selected."""
    image = new_image()
    layer = new_layer(image, "Photo", size=(40, 30))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 10, 12, 20, 16)
    error, reply = painted(image, layer, "Gimp.Selection.none(image); image.get_layers()[0].set_offsets(5, 3)")
    answer = {"error": error, "reply": reply, "stack": stack(image)}
    image.delete()
    return answer


@scenario
def locked():
    """Every lock there is, on the group, the layer and an earlier result, before and while it is painted."""
    image = new_image()
    group = Gimp.GroupLayer.new(image, "Group")
    image.insert_layer(group, None, 0)
    layer = new_layer(image, "Inner", parent=group)
    image.select_ellipse(Gimp.ChannelOps.REPLACE, 2, 2, 30, 20)
    for kind in ("content", "position", "visibility"):
        for item in (group, layer):
            getattr(item, f"set_lock_{kind}")(True)
    layer.set_lock_alpha(True)
    errors = [stylize(image, layer, style="test-style")]
    first = group.get_children()[0]
    for kind in ("content", "position", "visibility"):
        getattr(first, f"set_lock_{kind}")(True)
    errors.append(stylize(image, layer, style="test-style", strength=0.5, replace=True))
    answer = {"errors": errors, "children": [facts(child) for child in group.get_children()]}
    image.delete()
    return answer


@scenario
def indexed():
    """The image gets a palette, which takes no such layer: the result is an image of its own."""
    image = new_image()
    before = {one.get_id() for one in Gimp.get_images()}
    code = 'image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 4, False, False, "")'
    error, reply = painted(image, new_layer(image), code)
    new = [one for one in Gimp.get_images() if one.get_id() not in before]
    answer = {"error": error, "reply": reply, "layers": len(image.get_layers()), "new": [stack(one) for one in new]}
    for one in (image, *new):
        one.delete()
    return answer


@scenario
def grayed():
    image = new_image()
    error, reply = painted(image, new_layer(image), "image.convert_grayscale()")
    top = image.get_layers()[0]
    answer = {"error": error, "reply": reply, "gray": top.is_gray(), "pixel": pixel(top), "layers": len(image.get_layers())}
    image.delete()
    return answer


@scenario
def stacked():
    """Three results of one layer, and a fourth instead of them; another layer lies between, one was moved away."""
    image = new_image()
    layer = new_layer(image)
    errors = [stylize(image, layer, style="test-style", strength=strength) for strength in (0.1, 0.2)]
    new_layer(image, "Clouds")
    errors.append(stylize(image, layer, style="test-style", strength=0.3))
    before = [item.get_name() for item in image.get_layers()]
    image.reorder_item(image.get_layer_by_name("Test style 10 %"), None, 4)
    errors.append(stylize(image, layer, style="test-style", strength=0.4, replace=True))
    answer = {"errors": errors, "before": before, "after": [item.get_name() for item in image.get_layers()]}
    image.delete()
    return answer


@scenario
def first_of_two():
    """The second of two layers is deleted while the first is painted: the first has its result."""
    image = new_image()
    low, high = new_layer(image, "Low"), new_layer(image, "High")
    thread, _ = meanwhile(image, 'image.remove_layer(image.get_layer_by_name("High"))')
    error = call("plug-in-scumble-stylize", image, [low, high], **SLOW)
    thread.join(60)
    answer = {"error": error, "names": [item.get_name() for item in image.get_layers()]}
    image.delete()
    return answer
