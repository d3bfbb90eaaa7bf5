# SPDX-License-Identifier: Apache-2.0
"""Scumble: neural style transfer for people who paint. This package is the engine, its client and its methods."""

__version__ = "0.1.0"
