# SPDX-License-Identifier: Apache-2.0
"""Decisions that all plug-ins share: methods, sizes, margins, masks, settings, names and the words for progress.

Invariant: knows no host program and no widgets, and asks nothing of the engine; standard library and relative imports only.
"""

from __future__ import annotations
