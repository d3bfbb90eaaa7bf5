# SPDX-License-Identifier: Apache-2.0
"""What several papers share: perceptual networks, losses, normalisation, layers, and what is measured of a painting."""
