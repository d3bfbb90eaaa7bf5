# SPDX-License-Identifier: GPL-3.0-or-later
"""Scumble for Krita: paints layers in the style of a painting, through the Scumble engine.

`studio` is the model, without Qt and Krita; `krita_host` alone knows Krita's layers; `panel` and `docker` are the widgets.
"""

from __future__ import annotations

from krita import DockWidgetFactory, DockWidgetFactoryBase, Krita

from .docker import NAME, ScumbleDocker
from .extension import ScumbleExtension

Krita.instance().addExtension(ScumbleExtension(Krita.instance()))
Krita.instance().addDockWidgetFactory(DockWidgetFactory(NAME, DockWidgetFactoryBase.DockRight, ScumbleDocker))
