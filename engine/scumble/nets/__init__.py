# SPDX-License-Identifier: Apache-2.0
"""Building blocks of the networks: norms whose statistics can be frozen, layers, the perceptual networks."""
