# SPDX-License-Identifier: Apache-2.0
"""Runs inside the real GIMP: one layer with each of the engines in ~/commands.json ({name: command or null}), into RECORD."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

from gi.repository import Gimp, Gio
from tools import new_image, new_layer, pixel, seen, stylize

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
    answer["layers"] = [seen(item) for item in image.get_layers()]
    if not answer["error"]:
        barn = Gio.File.new_for_path(f"{HOME}/Red barn.png")
        Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, barn, None)
        answer["own"] = stylize(image, layer, style_file=barn)
    image.delete()
    return answer


with open(f"{HOME}/commands.json") as f:
    found = {name: try_engine(command) for name, command in json.load(f).items()}
end_engine()
with open(os.environ["RECORD"], "w") as f:
    json.dump(found, f)
