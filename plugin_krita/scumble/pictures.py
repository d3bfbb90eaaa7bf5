# SPDX-License-Identifier: GPL-3.0-or-later
"""Between Qt's images and the wire's rasters, and the widget that shows one."""

from __future__ import annotations

from collections.abc import Callable

from .qt import QtCore, QtGui, QtWidgets
from .scumble_client.desk.sizes import STYLE_SIDE
from .scumble_client.errors import EngineError
from .scumble_client.raster import Raster


def image_of(raster: Raster) -> QtGui.QImage:
    """A u8 raster as an image of its own."""
    formats = {"bgra": QtGui.QImage.Format.Format_ARGB32, "rgba": QtGui.QImage.Format.Format_RGBA8888}
    data = bytes(raster.data)
    return QtGui.QImage(data, raster.width, raster.height, raster.stride, formats[raster.order]).copy()


def cut_out(image: QtGui.QImage, plane: bytes) -> QtGui.QImage:
    """The part of an image that a plane of its size shows: 0 hides, 255 shows."""
    mask = QtGui.QImage(plane, image.width(), image.height(), image.width(), QtGui.QImage.Format.Format_Alpha8)
    image = image.convertToFormat(QtGui.QImage.Format.Format_ARGB32_Premultiplied)
    painter = QtGui.QPainter(image)
    painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_DestinationIn)
    painter.drawImage(0, 0, mask)
    painter.end()
    return image


def mixed(original: QtGui.QImage, painted: QtGui.QImage, share: float) -> QtGui.QImage:
    """A share of a painted picture, the rest being the original, which has its size or is brought to it."""
    if share >= 1:
        return painted
    if original.size() != painted.size():
        keep, smooth = QtCore.Qt.AspectRatioMode.IgnoreAspectRatio, QtCore.Qt.TransformationMode.SmoothTransformation
        original = original.scaled(painted.size(), keep, smooth)
    image = original.convertToFormat(QtGui.QImage.Format.Format_ARGB32_Premultiplied)
    painter = QtGui.QPainter(image)
    painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_Source)
    painter.setOpacity(share)
    painter.drawImage(0, 0, painted)
    painter.end()
    return image


def as_large(raster: Raster, width: int, height: int, plane: bytes | None, original: Raster | None, share: float) -> bytes:
    """A share of a u8 raster over its original (None where that is all of it) brought to a size, in Krita's order; of it what
    the plane of that size shows, where there is one."""
    smooth = QtCore.Qt.TransformationMode.SmoothTransformation
    image = image_of(raster)
    if original is not None:
        image = mixed(image_of(original), image, share)
    if (raster.width, raster.height) != (width, height):
        image = image.scaled(width, height, QtCore.Qt.AspectRatioMode.IgnoreAspectRatio, smooth)
    if plane is not None:
        image = cut_out(image, plane)
    image = image.convertToFormat(QtGui.QImage.Format.Format_ARGB32)
    bits = image.constBits()
    bits.setsize(4 * width * height)
    return bytes(bits)


def raster_of_file(path: str) -> Raster:
    """A picture file as a u8 raster. Raises EngineError "bad-picture"."""
    reader = QtGui.QImageReader(path)
    reader.setAutoTransform(True)
    image = reader.read()
    if image.isNull():
        raise EngineError("bad-picture", f"This picture cannot be read: {reader.errorString()}.", "Choose another file.")
    side = max(image.width(), image.height())
    if side > STYLE_SIDE:
        keep, smooth = QtCore.Qt.AspectRatioMode.KeepAspectRatio, QtCore.Qt.TransformationMode.SmoothTransformation
        image = image.scaled(STYLE_SIDE, STYLE_SIDE, keep, smooth)
    image = image.convertToFormat(QtGui.QImage.Format.Format_RGBA8888)
    bits = image.constBits()
    bits.setsize(image.width() * image.height() * 4)
    return Raster(image.width(), image.height(), "u8", "rgba", bytes(bits))


class PictureView(QtWidgets.QWidget):
    """Shows a picture as large as fits; the other one while the mouse is held down."""

    def __init__(self, clicked: Callable[[], None]) -> None:
        super().__init__()
        self._clicked = clicked
        self._picture: QtGui.QImage | None = None
        self._original: QtGui.QImage | None = None
        self._share = 1.0
        self._pressed = False
        self.text = ""
        self.setMinimumHeight(80)
        self.setToolTip("Hold to see the layer; let go to paint the preview again")

    def show_raster(self, picture: Raster | None, original: Raster | None, share: float) -> None:
        """`share` of the picture, the rest being the original."""
        self._share = share
        self._picture = image_of(picture) if picture is not None and picture.format == "u8" else None
        self._original = image_of(original) if original is not None else None
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        painter = QtGui.QPainter(self)
        comparing = self._pressed and self._original is not None
        image = self._original if comparing else self._picture
        if image is None:
            painter.drawText(self.rect(), int(QtCore.Qt.AlignmentFlag.AlignCenter), self.text)
        else:
            keep, smooth = QtCore.Qt.AspectRatioMode.KeepAspectRatio, QtCore.Qt.TransformationMode.SmoothTransformation
            size = image.size().scaled(self.size(), keep)
            image = image.scaled(size * self.devicePixelRatioF(), keep, smooth)  # a painter's own hint skips pixels
            if not comparing and self._original is not None:
                image = mixed(self._original, image, self._share)
            place = QtCore.QRect(QtCore.QPoint(0, 0), size)
            place.moveCenter(self.rect().center())
            painter.drawImage(place, image)
        painter.end()

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        self._pressed = True
        self.update()

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802 (Qt's name)
        self._pressed = False
        self.update()
        self._clicked()
