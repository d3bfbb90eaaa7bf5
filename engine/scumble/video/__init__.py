# SPDX-License-Identifier: Apache-2.0
"""Pictures that move: animations and films as files, and a steady look from frame to frame."""
