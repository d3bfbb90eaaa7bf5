# SPDX-License-Identifier: Apache-2.0
"""The style memory, this project's own method: each style is one row that a shared network reads."""
