# SPDX-License-Identifier: Apache-2.0
"""Johnson, Alahi and Fei-Fei 2016: one feed-forward network a style (arXiv 1603.08155)."""
