# SPDX-License-Identifier: Apache-2.0
"""The user's own styles over the wire: add, refine, rename and remove them (docs/protocol.md, section 6).

Invariant: a client hears about a style only what is on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scumble.api.errors import ScumbleError
from scumble.image.pixels import rgb8
from scumble.library.styles import StoredStyle, StyleStore
from scumble.server import channel
from scumble.server.catalogue import Catalogue
from scumble.server.clients import Client, Clients
from scumble.server.helper import Helper
from scumble.server.jobs import Job, State, failed
from scumble.server.messages import StylePut, StyleRefine, StyleRemove, StyleRename, refusal
from scumble.server.refinement_queue import RefinementQueue
from scumble.server.scheduler import Scheduler
from scumble.server.spool import as_array


class StyleService:
    """Answers requests about styles; the helper thread does what takes long."""

    def __init__(
        self, clients: Clients, catalogue: Catalogue, scheduler: Scheduler, refinements: RefinementQueue, helper: Helper
    ) -> None:
        self._clients, self._catalogue, self._scheduler = clients, catalogue, scheduler
        self._refinements, self._helper = refinements, helper

    def keep(self, job: Job) -> None:
        """Store a style whose picture has come."""
        request = job.request
        assert isinstance(request, StylePut)
        job.state = State.RUNNING

        def stored(style: str) -> None:
            self._scheduler.worker.tell(channel.StylesChanged())
            header = {"type": "style", "job": job.id, "style": style, "catalogue": self._catalogue.changed()}
            self._scheduler.end(job, header, "finished")
            if request.refine:
                self._refinements.begin(style, job.secret)

        def refused(e: ScumbleError) -> None:
            self._scheduler.end(job, failed(job.id, e), "failed")

        job.storing = self._helper.submit(keep_picture(job, self._catalogue.store), stored, refused)

    def remove(self, client: Client, request: StyleRemove) -> None:
        def removed(_: None) -> None:
            self._refinements.drop(request.style)
            self._scheduler.worker.tell(channel.StylesChanged())
            header = {"type": "removed", "re": request.id, "style": request.style, "catalogue": self._catalogue.changed()}
            self._clients.post(client, header)

        self._helper.submit(lambda: self._catalogue.store.remove(request.style), removed, self._refuser(client, request.id))

    def rename(self, client: Client, request: StyleRename) -> None:
        def renamed(style: StoredStyle) -> None:
            about = {"style": style.id, "title": style.title, "catalogue": self._catalogue.changed()}
            self._clients.post(client, {"type": "renamed", "re": request.id, **about})

        self._helper.submit(
            lambda: self._catalogue.store.rename(request.style, request.name), renamed, self._refuser(client, request.id)
        )

    def refine(self, client: Client, request: StyleRefine) -> dict[str, Any]:
        """The answer. Raises ScumbleError."""
        style, method = request.style.partition("@")[0], request.method
        match request.action:
            case "start":
                fields = self._refinements.start(style, method, client.secret)
            case "stop":
                fields = self._refinements.stop(style, method)
            case "status":
                fields = self._refinements.status(style, method, client.secret)
        return {"type": "refining", "re": request.id, **fields}

    def _refuser(self, client: Client, number: int | None) -> Callable[[ScumbleError], None]:
        """A function that answers a request of that number with an error."""
        return lambda e: self._clients.post(client, refusal(e, number))


def keep_picture(job: Job, store: StyleStore) -> Callable[[], str]:
    """Work for another thread: store the picture that came with `job` as a style. Gives "id@revision", raises ScumbleError."""
    request = job.request
    assert isinstance(request, StylePut)
    raster = request.raster
    data = job.input.read(0, raster.nbytes)

    def work() -> str:
        rgb = rgb8(as_array(data, raster), raster.order, raster.transfer)
        return store.put(request.name, rgb, request.style).pinned

    return work
