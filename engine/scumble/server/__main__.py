# SPDX-License-Identifier: Apache-2.0
"""`python -m scumble.server`: the bare engine, for tests and for looking inside; people use `scumble serve`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scumble.api.errors import ScumbleError
from scumble.server.engine import Options, serve


def main() -> int:
    default = Options()
    parser = argparse.ArgumentParser(prog="python -m scumble.server")
    parser.add_argument("--idle", type=float, default=default.idle)
    parser.add_argument("--device", default=default.device)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--listen")
    parser.add_argument("--curve-key", type=Path)
    parser.add_argument("--curve-clients", type=Path)
    parser.add_argument("--refine", action=argparse.BooleanOptionalAction, default=default.refine)
    parser.add_argument("--verbose", action="store_true")
    try:
        return serve(Options(**vars(parser.parse_args())))
    except ScumbleError as e:
        print(e, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
