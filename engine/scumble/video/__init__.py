# SPDX-License-Identifier: Apache-2.0
"""Moving pictures: animations and films as files, and painting that does not flicker from frame to frame."""
