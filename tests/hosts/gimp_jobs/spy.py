#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A plug-in for tests only: runs the Python in ~/spy.py with `image` and Gimp in sight, writes what it sets as `answer` to
~/spy.json. Lets a test that drives GIMP's windows look at, and set up, what no window shows."""

import json
import os
import sys
import traceback

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")
from gi.repository import Gegl, Gimp  # noqa: E402


class Spy(Gimp.PlugIn):
    def do_query_procedures(self):
        return ["plug-in-spy"]

    def do_set_i18n(self, name):
        return False

    def do_create_procedure(self, name):
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, run, None)
        procedure.set_image_types("*")
        mask = Gimp.ProcedureSensitivityMask
        procedure.set_sensitivity_mask(mask.DRAWABLE | mask.DRAWABLES | mask.NO_DRAWABLES)
        procedure.set_menu_label("Spy")
        procedure.add_menu_path("<Image>/Filters/Development")
        return procedure


def run(procedure, run_mode, image, drawables, config, data):
    home = os.environ["HOME"]
    Gegl.init(None)
    names = {"Gimp": Gimp, "Gegl": Gegl, "image": image, "answer": None}
    try:
        with open(f"{home}/spy.py") as f:
            exec(f.read(), names)
        said = {"answer": names["answer"]}
    except Exception:
        said = {"raised": traceback.format_exc()}
    Gimp.displays_flush()
    with open(f"{home}/spy.part", "w") as f:
        json.dump(said, f)
    os.replace(f"{home}/spy.part", f"{home}/spy.json")  # noqa: PTH105
    return procedure.new_return_values(Gimp.PDBStatusType.SUCCESS, None)


if __name__ == "__main__":
    Gimp.main(Spy.__gtype__, sys.argv)
