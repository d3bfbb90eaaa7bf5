# SPDX-License-Identifier: Apache-2.0
"""The command line. Invariant: it knows the engine only as any other client does, over the wire; it never computes itself.

Some commands are exceptions by their nature: `serve` is the engine, and `train`, `evaluate` and `doctor` look inside the
package.
"""

from scumble.cli.app import main

__all__ = ["main"]
