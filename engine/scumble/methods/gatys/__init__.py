# SPDX-License-Identifier: Apache-2.0
"""Gatys, Ecker and Bethge 2015: the picture itself is optimised (arXiv 1508.06576)."""
