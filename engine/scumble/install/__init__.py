# SPDX-License-Identifier: Apache-2.0
"""Puts the plug-ins into the host programs, each with its own copy of the client and the command that starts the engine.

`core.py` is what all hosts have in common; one module a host says where its plug-ins live and what else it needs.
"""
