# SPDX-License-Identifier: GPL-3.0-or-later
"""The styles as thumbnails with a filter box; the painter's own can be added, renamed, refined and removed here."""

from __future__ import annotations

from .pictures import raster_of_file
from .qt import QtCore, QtGui, QtWidgets
from .scumble_client.catalogue import Style
from .scumble_client.desk.choosing import find_style, plain_id
from .scumble_client.desk.labels import (
    ADD,
    ADD_BUTTON,
    BLEND_WITH_THIS,
    FAVOURITE,
    FAVOURITES,
    FIND,
    FROM_FILES,
    REMOVE,
    RENAME,
)
from .scumble_client.desk.names import LONGEST, new_name, style_name
from .scumble_client.desk.shelf import WHICH, matching
from .scumble_client.errors import EngineError
from .scumble_client.events import Refining
from .studio import Studio, Topic
from .widgets import Choice, Thumbnails

ID = QtCore.Qt.ItemDataRole.UserRole
PICTURES = "Pictures (*.png *.jpg *.jpeg *.webp *.tif *.tiff *.bmp)"


class Gallery(QtWidgets.QWidget):
    """The gallery, in which one style is chosen at a time."""

    def __init__(self, studio: Studio) -> None:
        super().__init__()
        self._studio = studio
        self.filter = QtWidgets.QLineEdit()
        self.filter.setPlaceholderText(FIND)
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._fill)
        self.add = QtWidgets.QToolButton()
        self.add.setText(ADD_BUTTON)
        self.add.setToolTip(ADD)
        self.add.setPopupMode(QtWidgets.QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QtWidgets.QMenu(self.add)
        menu.addAction(FROM_FILES).triggered.connect(self._add_files)
        menu.addAction("From the active layer").triggered.connect(studio.add_layer_as_style)
        self.add.setMenu(menu)
        self.list = Thumbnails(lambda item: studio.choose(style=item.data(ID)))
        self.list.setObjectName("scumble_gallery")
        self.list.setContextMenuPolicy(QtCore.Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._menu)
        self.by = QtWidgets.QLabel()
        self.by.setWordWrap(True)
        self.progress = QtWidgets.QLabel()
        self.progress.setVisible(False)
        self.which = Choice(lambda _: self._fill())
        self.which.setObjectName("scumble_which")
        self.which.setMinimumContentsLength(len(FAVOURITES))
        self.which.offer(list(WHICH), "")
        self.setAcceptDrops(True)
        top = QtWidgets.QHBoxLayout()
        top.addWidget(self.which)
        top.addWidget(self.filter, 1)
        top.addWidget(self.add)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.list)
        layout.addWidget(self.by)
        layout.addWidget(self.progress)
        self._fill()

    def handle(self, topic: Topic) -> None:
        if topic is Topic.CATALOGUE or (topic is Topic.SHELVES and self.which.currentData() != "recent"):
            self._fill()
        elif topic is Topic.STYLES:
            self._show_refining()
        elif topic is Topic.SETTINGS:
            self._mark()

    def _fill(self) -> None:
        self.list.clear()
        catalogue = self._studio.catalogue
        shelves, which = self._studio.shelves, self.which.currentData()
        for style in matching(shelves.styles(catalogue, which), self.filter.text()):
            self.list.addItem(_item(style, style.id in shelves.favourites))
        self._mark()
        self._show_refining()

    def _show_refining(self) -> None:
        refining = self._studio.stylebook.refining
        self.progress.setText("\n".join(self._standing(style, now) for style, now in refining.items()))
        self.progress.setVisible(bool(refining))

    def _standing(self, style: str, now: Refining) -> str:
        title = find_style(self._studio.catalogue, style)
        doing = "waits to be refined" if now.state == "waiting" else "is being refined"
        return f"{title.title if title else style} {doing}: {round(now.fraction * 100)} %"

    def _mark(self) -> None:
        chosen = plain_id(self._studio.settings.style)
        style = find_style(self._studio.catalogue, chosen)
        self.by.setText(", ".join(str(part) for part in (style.title, style.artist, style.year) if part) if style else "")
        self.by.setVisible(style is not None)
        for row in range(self.list.count()):
            if self.list.item(row).data(ID) == chosen:
                self.list.setCurrentRow(row)
                return
        self.list.setCurrentRow(-1)

    def _menu(self, point: QtCore.QPoint) -> None:
        item = self.list.itemAt(point)
        style = find_style(self._studio.catalogue, item.data(ID)) if item is not None else None
        if style is not None:
            self.menu_of(style).exec(self.list.mapToGlobal(point))

    def menu_of(self, style: Style) -> QtWidgets.QMenu:
        """The menu of a style, beside painting with it."""
        studio = self._studio
        menu = QtWidgets.QMenu(self)
        liked = style.id in studio.shelves.favourites
        like = menu.addAction(FAVOURITE)
        like.setCheckable(True)
        like.setChecked(liked)
        like.triggered.connect(lambda: studio.shelves.like(style.id, not liked))
        menu.addAction(BLEND_WITH_THIS).triggered.connect(lambda: studio.blend_with(style.id))
        if style.own:
            running = style.id in studio.stylebook.refining
            if running or any(m.capabilities.get("refine") for m in studio.catalogue.methods):
                refine = menu.addAction("Stop refining" if running else "Refine")
                refine.triggered.connect(lambda: studio.stylebook.refine(style.id, not running))
            menu.addAction(RENAME).triggered.connect(lambda: self._rename(style))
            menu.addAction(REMOVE).triggered.connect(lambda: studio.stylebook.remove(style.id))
        return menu

    def dragEnterEvent(self, event: QtGui.QDragEnterEvent) -> None:  # noqa: N802 (Qt's name)
        if _files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QtGui.QDropEvent) -> None:  # noqa: N802 (Qt's name)
        event.acceptProposedAction()
        self.add_files(_files(event.mimeData()))

    def _add_files(self) -> None:
        paths, _ = QtWidgets.QFileDialog.getOpenFileNames(self, "Pictures to paint like", "", PICTURES)
        if len(paths) == 1:
            name, wanted = self._ask_name(style_name(paths[0]))
            if wanted:
                self.add_files(paths, name.strip()[:LONGEST])
        else:
            self.add_files(paths)

    def _rename(self, style: Style) -> None:
        typed, wanted = self._ask_name(style.title)
        name = new_name(typed, style.title)
        if wanted and name:
            self._studio.stylebook.rename(style.id, name)

    def _ask_name(self, now: str) -> tuple[str, bool]:
        """Ask for a name: what the painter has typed, and whether it was confirmed."""
        normal = QtWidgets.QLineEdit.EchoMode.Normal
        typed, wanted = QtWidgets.QInputDialog.getText(self, "A style of your own", "Its name:", normal, now)
        return typed, wanted

    def add_files(self, paths: list[str], name: str = "") -> None:
        """Each as a style, under the name or the file's own; one that cannot be read does not stop the others."""
        for path in paths:
            try:
                self._studio.add_style(name or style_name(path), raster_of_file(path))
            except EngineError as e:
                self._studio.complain(e)


def _files(mime: QtCore.QMimeData) -> list[str]:
    """The pictures among what is dragged."""
    paths = [url.toLocalFile() for url in mime.urls() if url.isLocalFile()]
    return [path for path in paths if f"*.{path.rpartition('.')[2].lower()}" in PICTURES]


def _item(style: Style, liked: bool) -> QtWidgets.QListWidgetItem:
    pixmap = QtGui.QPixmap()
    if style.thumbnail is None or not pixmap.loadFromData(style.thumbnail):
        pixmap = QtGui.QPixmap(Thumbnails.SIDE, Thumbnails.SIDE)
        pixmap.fill(QtGui.QColor("#667"))
    item = QtWidgets.QListWidgetItem(QtGui.QIcon(pixmap), f"★ {style.title}" if liked else style.title)
    item.setData(ID, style.id)
    if not style.methods:
        item.setFlags(QtCore.Qt.ItemFlag.NoItemFlags)
    by = ", ".join(str(part) for part in (style.artist, style.year, style.licence) if part)
    item.setToolTip(f"{style.title}\n{by}" if by else style.title)
    return item
