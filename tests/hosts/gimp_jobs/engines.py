# SPDX-License-Identifier: Apache-2.0
"""Runs inside the real GIMP: one layer with each of the engines in ~/commands.json ({name: command or null}), into RECORD."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

from gi.repository import Gegl, Gimp, Gio
from tools import facts, new_image, new_layer, pixel, pixels, stylize

HOME = os.environ["HOME"]
RECORDED = Path(HOME, ".config/GIMP/3.0/plug-ins/scumble/engine-command.json")


def end_engine():
    """As a crash would."""
    with contextlib.suppress(OSError):
        with open(f"{os.environ['SCUMBLE_RUNTIME_DIR']}/engine.json") as f:
            os.kill(json.load(f)["pid"], signal.SIGKILL)
        time.sleep(0.2)


def record(command):
    if command is None:
        RECORDED.unlink()
    else:
        RECORDED.write_text(json.dumps({"command": command}))


def try_engine(command):
    end_engine()
    record(command)
    image = new_image(160, 120)
    layer = new_layer(image, size=(160, 120), colour=(90, 140, 60, 255))
    answer = {"error": stylize(image, layer, style="starry-night", strength=0.5), "source": pixel(layer)}
    answer["layers"] = [facts(item) for item in image.get_layers()]
    if not answer["error"]:
        barn = Gio.File.new_for_path(f"{HOME}/Red barn.png")
        Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, barn, None)
        answer["own"] = stylize(image, layer, style_file=barn)
        answer["halves"] = halves(image, layer)
    image.delete()
    return answer


def halves(image, layer):
    """Two styles by a selection, which is one half; how far each half is from its style's own picture, and from the other's."""
    noise = bytes(v for i in range(160 * 120) for v in (i % 251, i * 7 % 241, i // 160 * 2, 255))
    layer.get_buffer().set(Gegl.Rectangle.new(0, 0, 160, 120), "R'G'B'A u8", noise)
    errors = [stylize(image, layer, style="starry-night", others='[{"style": "great-wave"}]')]
    paintings = []
    for style in ("starry-night", "great-wave"):
        errors.append(stylize(image, layer, style=style))
        paintings.append(pixels(image.get_selected_layers()[0]))
    image.select_rectangle(Gimp.ChannelOps.REPLACE, 80, 0, 80, 120)
    errors.append(stylize(image, layer, style="starry-night", others='[{"style": "great-wave", "where": "selection"}]'))
    both = pixels(image.get_selected_layers()[0])
    far = [[apart(both, alone, columns) for alone in paintings] for columns in (range(72), range(88, 160))]
    return {"errors": errors, "far": far}


def apart(one, other, columns):
    """The mean difference of some columns."""
    places = [y * 640 + x * 4 + c for y in range(120) for x in columns for c in range(3)]
    return sum(abs(one[i] - other[i]) for i in places) / len(places)


with open(f"{HOME}/commands.json") as f:
    report = {name: try_engine(command) for name, command in json.load(f).items()}
end_engine()
with open(os.environ["RECORD"], "w") as f:
    json.dump(report, f)
