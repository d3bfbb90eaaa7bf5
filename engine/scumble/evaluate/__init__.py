# SPDX-License-Identifier: Apache-2.0
"""How good is it: every method over every photograph and painting, judged by several networks, as figures and as one page."""
