# SPDX-License-Identifier: Apache-2.0
"""`python -m scumble` is the command line."""

import sys

from scumble.cli import main

if __name__ == "__main__":
    sys.exit(main())
