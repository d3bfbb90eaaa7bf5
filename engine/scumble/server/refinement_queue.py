# SPDX-License-Identifier: Apache-2.0
"""The queue of style refinements, which run in the worker's idle time (docs/protocol.md, section 6).

Invariants: the worker refines only while no picture is on its way to it; a refinement that has been asked for ends as done,
stopped or failed, if need be in a later engine, unless its style is removed; only the broker's thread calls what is here.
"""

from __future__ import annotations

import functools
import logging
import secrets
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any

from scumble.api.errors import ScumbleError
from scumble.library.refinements import Record, keep_refined, read_record, write_checkpoint, write_record
from scumble.library.styles import StoredStyle
from scumble.server import channel, limits
from scumble.server.catalogue import Catalogue
from scumble.server.clients import Clients
from scumble.server.clock import clock
from scumble.server.helper import Helper
from scumble.server.messages import error_fields
from scumble.server.refinement import Refinement, Stage
from scumble.server.workers import Death, Worker

log = logging.getLogger(__name__)


class RefinementQueue:
    """Decides which style is refined when, keeps what a refinement has reached, and tells clients how far it is."""

    def __init__(
        self, clients: Clients, catalogue: Catalogue, worker: Worker, helper: Helper, busy: Callable[[], bool], automatic: bool
    ) -> None:
        """`busy` says whether pictures are on their way to the worker; `automatic` is whether styles are refined unasked: new
        ones, and those that an earlier engine left unfinished."""
        self._clients, self._catalogue, self._worker, self._helper = clients, catalogue, worker, helper
        self._busy, self._automatic = busy, automatic
        self._all: dict[str, Refinement] = {}
        """By style, in the order of their turns; those that are done are forgotten."""
        self._put_early: list[tuple[str, str]] = []
        """Styles put before the worker has named its methods, with their clients' secrets."""
        self._run_id = ""
        """The id under which the worker runs a refinement, "" while it runs none."""
        self._running: Refinement | None = None
        """That refinement, which may have been stopped or dropped meanwhile."""
        self._saving: Future[Any] | None = None
        """The last write that the helper was given."""
        self._next_start = 0.0
        """When the next refinement may start: some time after the last picture."""
        self._attended_at = clock.now()
        """When a painter's program last sent a message."""
        self._resumed = False

    @property
    def current(self) -> str | None:
        """The style that is being refined now."""
        return f"{self._running.style}@{self._running.base}" if self._running is not None else None

    # What clients ask.

    def start(self, style_id: str, method: str | None, secret: str) -> dict[str, Any]:
        """Refine a style from its newest revision on. The fields of the answer, as of `stop` and `status`.

        Raises ScumbleError "style-unknown", "method-unknown", "not-refinable".
        """
        style = self._catalogue.store.get(style_id)
        chosen = self._method_for(style, method)
        refinement = self._all.pop(style.id, None)
        if refinement is None or refinement.method != chosen or refinement.base != style.revision:
            if refinement is not None:
                self._interrupt(refinement)
            refinement = Refinement(style.id, chosen, style.revision, watchers=refinement.watchers if refinement else set())
        self._all[style.id] = refinement
        refinement.watchers.add(secret)
        client = self._clients.by_secret(secret)
        refinement.unattended = refinement.unattended or (client is not None and not client.stays)
        if not refinement.wanted:
            refinement.stage, refinement.text, refinement.failure, refinement.deaths = Stage.WAITING, "", None, 0
            self._record(refinement, Record(chosen, refinement.base))
            self._start_next()
        return self._fields(refinement)

    def stop(self, style_id: str, method: str | None) -> dict[str, Any]:
        """Stop a refinement; `start` goes on from its last checkpoint. Raises as `start`."""
        refinement = self._of(style_id, method)
        if refinement.wanted:
            refinement.stage, refinement.text = Stage.IDLE, "stopped"
            self._interrupt(refinement)
            self._record(refinement, Record(refinement.method, refinement.base, "stopped", refinement.fraction))
            self._tell(refinement)
        return self._fields(refinement)

    def status(self, style_id: str, method: str | None, secret: str) -> dict[str, Any]:
        """The state of a refinement. The client that asks receives its events from now on. Raises as `start`."""
        refinement = self._of(style_id, method)
        refinement.watchers.add(secret)
        return self._fields(refinement)

    def begin(self, style: str, secret: str) -> None:
        """Refine a style ("id@revision") that has just been put, if any method can and refining unasked is on."""
        if not self._automatic:
            return
        if not self._catalogue.ready:
            self._put_early.append((style, secret))
            return
        try:
            stored = self._catalogue.store.get(style)
            if stored.id in self._all:  # the same picture once more
                self._all[stored.id].watchers.add(secret)
            elif self._method_for(stored, None) not in self._catalogue.refined(stored):
                self.start(stored.id, None, secret)
        except ScumbleError as e:
            log.info("%s is not refined: %s", style, e.message)

    def drop(self, style_id: str) -> None:
        """End the refinement of a style that has been removed, without an event to clients."""
        refinement = self._all.pop(style_id, None)
        if refinement is not None:
            refinement.stage = Stage.IDLE
            self._interrupt(refinement)

    # What happens to the worker.

    def resume(self) -> None:
        """Once the worker has named its methods: go on with refinements of an earlier engine, and begin those of styles put
        before, or refined by an older version of their method."""
        if self._resumed or not self._catalogue.ready:
            return
        self._resumed = True
        for style in self._catalogue.store.list():
            record = read_record(style) if style.own else None
            if record is None and self._automatic:
                record = next((Record(m, style.revision) for m in self._outdated(style)), None)
            if record is None or style.id in self._all or record.method not in self._methods():
                continue
            refinement = self._all[style.id] = Refinement(style.id, record.method, style.revision, fraction=record.fraction)
            if record.state == "failed":
                refinement.stage, refinement.failure = Stage.FAILED, ScumbleError(record.code, record.message, record.hint)
            elif record.state == "wanted" and self._automatic:
                refinement.stage = Stage.WAITING
        early, self._put_early = self._put_early, []
        for name, secret in early:
            self.begin(name, secret)

    def step(self) -> None:
        """Interrupt the refinement when a picture comes, or start the next one. Called whenever something has happened."""
        now = clock.now()
        if self._clients.any_stays():
            self._attended_at = now
        if self._busy():
            self._next_start = now + limits.REFINE_REST
            self._put_off("a picture goes first")
        elif self._running is not None and not self._may_run(self._running):
            self._put_off("the program that wants it is closed")
        else:
            self._start_next()

    def _put_off(self, why: str) -> None:
        """Interrupt the refinement that runs; it waits for its next turn."""
        refinement = self._running
        if refinement is not None and refinement.stage is Stage.RUNNING:
            refinement.stage, refinement.text = Stage.WAITING, why
            self._interrupt(refinement)
            self._tell(refinement)

    def _may_run(self, refinement: Refinement) -> bool:
        """Whether it may run now: one that a painter's program asked for waits while no such program is connected."""
        return refinement.unattended or clock.now() - self._attended_at < limits.REFINE_ALONE

    def on_worker_message(self, message: Any, payload: bytes) -> bool:
        """Handle a message of the worker; whether it was about a refinement."""
        if self._running is None or getattr(message, "job", None) != self._run_id:
            return False
        refinement = self._running
        if isinstance(message, channel.Refined | channel.Failed | channel.Cancelled):
            self._run_id, self._running = "", None
        match message:
            case channel.Progress() if refinement.stage is Stage.RUNNING:
                refinement.fraction, refinement.text = message.fraction, message.text
                self._tell(refinement)
            case channel.Checkpoint():
                data = (self._catalogue.store, refinement.style, refinement.base, refinement.method, payload)
                self._save(refinement, functools.partial(write_checkpoint, *data), lambda _: None)
            case channel.Refined():
                self._keep(refinement, payload, message.card)
            case channel.Failed():
                self._fail(refinement, ScumbleError(message.code, message.message, message.hint))
        return True

    def on_worker_death(self, death: Death) -> bool:
        """Handle a worker's death; whether it died during a refinement, which is tried once more."""
        if self._running is None or death.job != self._run_id:
            return False
        refinement, self._run_id, self._running = self._running, "", None
        refinement.deaths += 1
        if refinement.wanted and refinement.deaths < limits.ATTEMPTS:
            refinement.stage, refinement.text = Stage.WAITING, "once more: the worker died"
            self._tell(refinement)
        elif refinement.wanted:
            message = f"The worker {death.how} while it refined this style, and so did the one before it."
            code = "worker-hung" if death.code == "cancelled" else death.code
            self._fail(refinement, ScumbleError(code, message, "The style can be used as it is; the log says more."))
        return True

    def _outdated(self, style: StoredStyle) -> list[str]:
        """Methods whose refinement of the style is outdated."""
        refined = [m for m in self._methods() if style.own and style.state(m) is not None]
        return [m for m in refined if m not in self._catalogue.refined(style) and m in self._catalogue.methods_of(style)]

    def _start_next(self) -> None:
        """Give an idle worker the refinement whose turn it is."""
        saved = self._saving is None or self._saving.done()
        if self._running is not None or not saved or not self._worker.idle or self._busy():
            return
        refinement = next((r for r in self._all.values() if r.stage is Stage.WAITING and self._may_run(r)), None)
        if refinement is None or clock.now() < self._next_start:
            return
        refinement.stage = Stage.RUNNING
        self._run_id, self._running = secrets.token_hex(16), refinement
        self._worker.refine(channel.Refine(self._run_id, f"{refinement.style}@{refinement.base}", refinement.method))
        self._tell(refinement)

    def _interrupt(self, refinement: Refinement) -> None:
        """Ask the worker to stop this refinement, if it runs."""
        if refinement is self._running:
            self._worker.cancel(self._run_id, limits.REFINE_GRACE)

    # How refinements end, and what of them is kept.

    def _keep(self, refinement: Refinement, data: bytes, card: Mapping[str, Any]) -> None:
        """Write a finished refinement as the style's state, and announce the new revision."""

        def kept(style: StoredStyle) -> None:
            refinement.stage, refinement.fraction, refinement.text = Stage.DONE, 1.0, ""
            log.info("%s is refined", style.pinned)
            self._catalogue.changed()
            self._worker.tell(channel.StylesChanged())
            self._forget(refinement)
            refinement.base = style.revision
            self._tell(refinement)

        refinement.text = "saving"
        self._save(
            refinement,
            lambda: keep_refined(self._catalogue.store, refinement.style, refinement.base, refinement.method, data, card),
            kept,
        )

    def _save(self, refinement: Refinement, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Let the helper thread write something of a refinement; where that fails, the refinement fails."""

        def unsaved(e: ScumbleError) -> None:
            self._interrupt(refinement)
            self._fail(refinement, e)

        self._saving = self._helper.submit(work, then, unsaved)

    def _fail(self, refinement: Refinement, e: ScumbleError) -> None:
        if self._all.get(refinement.style) is not refinement:
            return  # its style has gone, or something else has taken its place
        if e.code == "style-unknown":
            self._forget(refinement)
            self._restart(refinement)
            return
        log.warning("%s@%d is not refined: %s", refinement.style, refinement.base, e)
        refinement.stage, refinement.failure, refinement.text = Stage.FAILED, e, ""
        self._record(
            refinement, Record(refinement.method, refinement.base, "failed", refinement.fraction, e.code, e.message, e.hint)
        )
        self._tell(refinement)

    def _restart(self, refinement: Refinement) -> None:
        """Start over from a revision that the style was given while it was refined, by `scumble styles attach`, say."""
        try:
            style = self._catalogue.store.get(refinement.style)
        except ScumbleError:
            return  # it has gone
        since = (style.state_path(refinement.method, revision) for revision in range(refinement.base + 1, style.revision + 1))
        if refinement.wanted and style.revision != refinement.base and not any(path.is_file() for path in since):
            newer = self._all[refinement.style] = Refinement(
                refinement.style, refinement.method, style.revision, Stage.WAITING, watchers=refinement.watchers
            )
            self._record(newer, Record(newer.method, newer.base))
            self._tell(newer)

    def _forget(self, refinement: Refinement) -> None:
        if self._all.get(refinement.style) is refinement:
            del self._all[refinement.style]

    def _record(self, refinement: Refinement, record: Record) -> None:
        """Write the refinement's state down for the next engine; a failure to write is only logged."""

        def unwritten(e: ScumbleError) -> None:
            log.warning("the refinement of %s goes unrecorded: %s", refinement.style, e)

        self._helper.submit(lambda: write_record(self._catalogue.store, refinement.style, record), lambda _: None, unwritten)

    # Messages to clients.

    def _methods(self) -> list[str]:
        return [m["id"] for m in self._catalogue.methods() if m["capabilities"].get("refine")]

    def _method_for(self, style: StoredStyle, wanted: str | None) -> str:
        """The method to refine with. Raises ScumbleError "method-unknown", "not-refinable"."""
        if wanted is not None:
            self._catalogue.method(wanted)
        can = [m for m in self._catalogue.methods_of(style) if m in self._methods()]
        if not style.own:
            raise ScumbleError("not-refinable", f"{style.title!r} comes with Scumble and stays as it is.", "Refine your own.")
        if not can or (wanted is not None and wanted not in can):
            raise ScumbleError("not-refinable", f"No such method can refine {style.title!r}.", "Use it as it is.")
        return wanted or can[0]

    def _of(self, style_id: str, method: str | None) -> Refinement:
        """A style's refinement, or one that says how things stand without one. Raises as `start`."""
        style = self._catalogue.store.get(style_id)
        refinement = self._all.get(style.id)
        if refinement is not None and refinement.base == style.revision and method in (None, refinement.method):
            return refinement
        chosen = self._method_for(style, method)
        done = chosen in self._catalogue.refined(style)
        return Refinement(style.id, chosen, style.revision, Stage.DONE if done else Stage.IDLE, float(done))

    def _fields(self, refinement: Refinement) -> dict[str, Any]:
        """The fields of a `refining` message."""
        fields = {
            "style": f"{refinement.style}@{refinement.base}",
            "method": refinement.method,
            "state": refinement.stage,
            "fraction": round(refinement.fraction, 4),
            "revision": refinement.base,
            "text": refinement.text,
            "catalogue": self._catalogue.revision,
        }
        failure = refinement.failure
        return fields | (error_fields(failure.code, failure.message, failure.hint) if failure is not None else {})

    def _tell(self, refinement: Refinement) -> None:
        """Send the state to the clients that asked for it; a new revision goes to all clients."""
        header = {"type": "refining", **self._fields(refinement)}
        for client in self._clients:
            if refinement.stage is Stage.DONE or client.secret in refinement.watchers:
                self._clients.post(client, header, droppable=refinement.stage is Stage.RUNNING)
