# SPDX-License-Identifier: Apache-2.0
"""Requests that can be answered only once the worker has reported which methods there are: the catalogue, and refinements.

Invariant: each request gets one answer; those that come while the worker starts wait for it, or for its failure.
"""

from __future__ import annotations

import logging

from scumble.api.errors import ScumbleError
from scumble.server import limits, messages
from scumble.server.catalogue import Catalogue
from scumble.server.clients import Client, Clients
from scumble.server.jobs import internal_error
from scumble.server.messages import refusal
from scumble.server.style_service import StyleService
from scumble.server.workers import Worker

log = logging.getLogger(__name__)

Request = messages.Catalogue | messages.StyleRefine


class Lookups:
    """Answers such requests, or keeps them until `worker_started`."""

    def __init__(self, clients: Clients, catalogue: Catalogue, worker: Worker, styles: StyleService) -> None:
        self._clients, self._catalogue, self._worker, self._styles = clients, catalogue, worker, styles
        self._waiting: list[tuple[Client, Request]] = []

    def answer(self, client: Client, request: Request) -> None:
        """Answer a request now, or once the worker has started."""
        problem = self._worker.problem
        if problem is not None:
            self._clients.post(client, refusal(problem, request.id))
        elif self._catalogue.ready:
            try:
                self._answer_now(client, request)
            except ScumbleError as e:
                self._clients.post(client, refusal(e, request.id))
            except Exception:
                log.exception("a request about methods or styles could not be answered")
                self._clients.post(client, refusal(internal_error(), request.id))
        elif len(self._waiting) >= limits.CLIENTS:
            busy = ScumbleError("busy", "Too many programs wait for the engine to start.", "Try again in a minute.")
            self._clients.post(client, refusal(busy, request.id))
        else:
            self._waiting.append((client, request))

    def worker_started(self) -> None:
        """The worker has started, or cannot be started: answer the requests that wait."""
        waiting, self._waiting = self._waiting, []
        for client, request in waiting:
            self.answer(client, request)

    def _answer_now(self, client: Client, request: Request) -> None:
        if isinstance(request, messages.StyleRefine):
            self._clients.post(client, self._styles.refine(client, request))
            return
        page, thumbnails = self._catalogue.page(request.page)
        self._clients.post(client, {"type": "catalogue", "re": request.id, **page}, *thumbnails)
