# SPDX-License-Identifier: Apache-2.0
"""The engine: sockets and queue in one process that never runs torch, methods in a worker process that may die.

`engine.serve` puts it together; nothing but the command line imports this package.
"""
