# SPDX-License-Identifier: Apache-2.0
"""Runs inside the real GIMP (python-fu-eval): every scenario of the modules in JOBS, or those named in SCENARIOS, into the
JSON file RECORD.

Invariant: a scenario makes its own image and leaves none behind; one that raises is written down as such and the others
run. tests judge what was written.
"""

import importlib
import json
import os
import time
import traceback

from tools import SCENARIOS


def main():
    for module in os.environ["JOBS"].split():
        importlib.import_module(module)
    reports = {}
    for name in os.environ.get("SCENARIOS", "").split() or SCENARIOS:
        began = time.monotonic()
        try:
            reports[name] = {"report": SCENARIOS[name]()}
        except Exception:
            reports[name] = {"raised": traceback.format_exc()}
        reports[name]["seconds"] = round(time.monotonic() - began, 2)
        with open(os.environ["RECORD"], "w") as f:
            json.dump(reports, f)


main()
