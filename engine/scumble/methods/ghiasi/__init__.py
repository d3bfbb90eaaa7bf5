# SPDX-License-Identifier: Apache-2.0
"""Ghiasi, Lee, Kudlur, Dumoulin and Shlens 2017: a style is predicted from its painting (arXiv 1705.06830)."""
