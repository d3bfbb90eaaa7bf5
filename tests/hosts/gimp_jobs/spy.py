#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A plug-in for tests only, running as long as GIMP does: executes the Python in ~/spy/N.py with `image`, Gimp and Gegl in
sight, and writes what that sets as `answer` to ~/spy/N.json. Lets a test that drives GIMP's windows look at, and set up,
what no window shows, without a key or a click."""

import json
import os
import sys
import time
import traceback
from pathlib import Path

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp  # noqa: E402

FOLDER = Path(os.environ["HOME"], "spy")


class Spy(Gimp.PlugIn):
    def do_query_procedures(self):
        return ["plug-in-spy"]

    def do_set_i18n(self, name):
        return False

    def do_create_procedure(self, name):
        return Gimp.Procedure.new(self, name, Gimp.PDBProcType.PERSISTENT, run, None)


def run(procedure, config, data):
    procedure.persistent_ready()
    Gegl.init(None)
    number = 1
    while True:
        script = FOLDER / f"{number}.py"
        if script.exists():
            obey(script)
            number += 1
        time.sleep(0.01)


def obey(script):
    images = Gimp.get_images()
    names = {"Gimp": Gimp, "Gegl": Gegl, "image": images[0] if images else None, "answer": None}
    try:
        exec(script.read_text(), names)
        reply = {"answer": names["answer"]}
    except Exception:
        reply = {"raised": traceback.format_exc()}
    Gimp.displays_flush()
    draft = script.with_suffix(".draft")
    draft.write_text(json.dumps(reply))
    draft.rename(script.with_suffix(".json"))


if __name__ == "__main__":
    Gimp.main(Spy.__gtype__, sys.argv)
