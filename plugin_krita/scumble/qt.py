# SPDX-License-Identifier: GPL-3.0-or-later
"""Qt as the host brings it: PyQt5 in Krita 5, PyQt6 in Krita 6.

Invariant: nothing else imports PyQt by name, and enums are written in full (Qt.Orientation.Horizontal), as both accept.
"""

from __future__ import annotations

try:
    from PyQt5 import QtCore, QtGui, QtWidgets
except ImportError:
    from PyQt6 import QtCore, QtGui, QtWidgets

__all__ = ["QtCore", "QtGui", "QtWidgets"]
