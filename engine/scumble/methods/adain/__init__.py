# SPDX-License-Identifier: Apache-2.0
"""Huang and Belongie 2017: adaptive instance normalization (arXiv 1703.06868)."""
