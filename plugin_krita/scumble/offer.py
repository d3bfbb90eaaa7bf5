# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine offers: its catalogue of styles and methods, and the device it computes on.

Invariant: the catalogue is asked for once at a time, and again whenever a session is ready again.
"""

from __future__ import annotations

from collections.abc import Callable

from .scumble_client.catalogue import Catalogue
from .scumble_client.desk.remembered import remember, remembered
from .scumble_client.errors import EngineError
from .scumble_client.events import Answer, Event, Listed, Lost, Ready, Recovered, RequestFailed, Welcome
from .scumble_client.session import Session
from .standing import device_name


class Offer:
    """`changed` is called with every catalogue that comes, `trouble` with why one does not."""

    def __init__(self, changed: Callable[[Catalogue], None], trouble: Callable[[EngineError], None]) -> None:
        self.catalogue: Catalogue | None = remembered()
        self.listed = False
        """Whether the engine has sent its catalogue; until then the catalogue is the one of last time, only to be shown."""
        self.device = ""
        self._changed, self._trouble = changed, trouble
        self._asked: int | None = None  # for the catalogue
        self._status: int | None = None  # asked for, once the engine knows its devices

    @property
    def awaited(self) -> bool:
        """Whether a catalogue has been asked for and has not come."""
        return self._asked is not None

    @property
    def known(self) -> Catalogue | None:
        """The catalogue as far as the engine has sent it."""
        return self.catalogue if self.listed else None

    def ask(self, session: Session) -> None:
        """For the catalogue, unless it is being awaited."""
        if self._asked is None:
            self.ask_again(session)

    def ask_again(self, session: Session) -> None:
        """For the catalogue, which has changed since it was asked for."""
        self._asked = session.catalogue()

    def forget(self) -> None:
        """Another session: what the old one was asked will not be answered."""
        self._asked = None

    def handle(self, event: Event, session: Session) -> None:
        if isinstance(event, Listed):
            if event.catalogue != self.catalogue:
                remember(event.catalogue)
            self._asked, self.listed, self.catalogue = None, True, event.catalogue
            self._status = session.status()
            self._changed(event.catalogue)
        elif isinstance(event, (Welcome, Ready, Recovered)):
            self.listed = self.listed and not isinstance(event, Welcome)  # another engine may have other methods
            self.ask(session)
        elif isinstance(event, Lost):
            self._asked = None
        elif isinstance(event, Answer) and event.request == self._status:
            self.device = device_name(event.header)
        elif isinstance(event, RequestFailed) and event.request == self._asked:
            self._asked = None
            self._trouble(event.error())
