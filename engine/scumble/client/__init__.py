# SPDX-License-Identifier: Apache-2.0
"""Talks to the Scumble engine (docs/protocol.md) from any Python: a host's own, from 3.9 on, with nothing installed.

Invariant: standard library and relative imports only, so that a plug-in can carry this folder as `scumble_client`.
`blocking.Engine` is for scripts, `session.Session` for user interfaces that pump it from a timer.
"""

from __future__ import annotations

VERSION = "0.1.0"
