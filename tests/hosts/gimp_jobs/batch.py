# SPDX-License-Identifier: Apache-2.0
"""Runs inside the real GIMP (python-fu-eval): every scenario, or those named in SCENARIOS, into the JSON file RECORD.

Invariant: a scenario makes its own image and leaves none behind; one that raises is written down as such and the others
run. test_gimp.py judges what was written.
"""

import json
import os
import time
import traceback

import calls  # noqa: F401
import mixtures  # noqa: F401
import pixels  # noqa: F401
import shapes  # noqa: F401
from tools import SCENARIOS


def main():
    seen_so_far = {}
    for name in os.environ.get("SCENARIOS", "").split() or SCENARIOS:
        began = time.monotonic()
        try:
            seen_so_far[name] = {"saw": SCENARIOS[name]()}
        except Exception:
            seen_so_far[name] = {"raised": traceback.format_exc()}
        seen_so_far[name]["seconds"] = round(time.monotonic() - began, 2)
        with open(os.environ["RECORD"], "w") as f:
            json.dump(seen_so_far, f)


main()
