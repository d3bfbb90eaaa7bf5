# SPDX-License-Identifier: Apache-2.0
"""The broker: the engine's main loop, which owns the work socket and decides everything that happens to a job.

Invariants: it waits in one place, for its socket, its worker and its inbox together; no message of a client makes it wait
elsewhere; it never runs torch. No message of a client, event or worker ends it: one whose handling fails is answered as an
internal error.
"""

from __future__ import annotations

import logging
import math
from typing import Any

import zmq

from scumble.api.errors import ScumbleError
from scumble.server import limits, messages
from scumble.server.catalogue import Catalogue
from scumble.server.clients import Client, Clients, Frame, Sent
from scumble.server.clock import clock
from scumble.server.delivery import forget_sent
from scumble.server.handshake import Handshake, is_remote
from scumble.server.helper import Helper
from scumble.server.installation import Installation
from scumble.server.intake import Intake
from scumble.server.jobs import Jobs, State, failed, internal_error
from scumble.server.lookups import Lookups
from scumble.server.messages import BadMessage, error, refusal
from scumble.server.refinement_queue import RefinementQueue
from scumble.server.scheduler import Scheduler
from scumble.server.shared import CancelAsked, Event, Facts, Inbox, KeepAsked, Returned, SharedStatus, StopAsked
from scumble.server.style_service import StyleService
from scumble.server.workers import Worker

log = logging.getLogger(__name__)

COMMANDS = ("", "command line")
"""Host names (in `hello`) of commands and scripts, which end by themselves; any other host is a painter's program."""


class Broker:
    """Waits for messages, events and the worker, and hands each to the part that answers it.

    All of it runs on one thread, the process's main one.
    """

    def __init__(
        self,
        sock: zmq.Socket[bytes],
        handshake: Handshake,
        jobs: Jobs,
        catalogue: Catalogue,
        worker: Worker,
        shared: SharedStatus,
        inbox: Inbox,
        idle_exit: float,
        refine: bool = True,
    ) -> None:
        self._socket, self._handshake, self._jobs, self._catalogue = sock, handshake, jobs, catalogue
        self._shared, self._inbox, self._idle_exit = shared, inbox, idle_exit
        self._clients = Clients(self._send)
        self._worker = worker
        self._helper = Helper(inbox)
        self._refinements = RefinementQueue(self._clients, catalogue, worker, self._helper, jobs.painting, refine)
        self._scheduler = Scheduler(jobs, self._clients, catalogue, worker, self._refinements, self._worker_started)
        self._styles = StyleService(self._clients, catalogue, self._scheduler, self._refinements, self._helper)
        self._lookups = Lookups(self._clients, catalogue, worker, self._styles)
        self._intake = Intake(self._clients, jobs, catalogue, worker, self._scheduler, self._styles)
        self._stopping = ""
        self._installation = Installation()
        self._replaced = False
        self._wait_until = self._ticked = self._last_client_at = clock.now()

    def serve(self) -> str:
        """Serve until asked to stop, or idle for long enough. Returns why it stopped."""
        self._worker.launch()
        try:
            while not self._stopping:
                self._round()
            log.info("stopping: %s", self._stopping)
            self._publish()
            self._say_goodbye()
        finally:
            self._worker.close()
            self._helper.close(wait=False)
            self._jobs.close()
            self._socket.close()
        return self._stopping

    def _round(self) -> None:
        """Wait until something happens, and handle all that has."""
        poller = zmq.Poller()
        poller.register(self._socket, zmq.POLLIN)
        poller.register(self._inbox.fileno(), zmq.POLLIN)
        worker = self._worker.fileno()
        if worker is not None:
            poller.register(worker, zmq.POLLIN)
        pause = max(0.0, self._wait_until - clock.now())
        clock.expect(pause)
        poller.poll(math.ceil(pause * 1000))
        self._read_clients()
        for event in self._inbox.take():
            self._read_event(event)
        self._scheduler.step()
        now = clock.now()
        if now - self._ticked >= limits.TICK:
            self._ticked = now
            self._tick(now)
        congested = self._clients.flush()
        self._wait_until = min(
            self._ticked + limits.TICK, self._worker.deadline(), now + limits.CONGESTED if congested else now + limits.TICK
        )
        self._publish()

    # From clients.

    def _read_clients(self) -> None:
        for _ in range(limits.BATCH):
            try:
                route, *frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            try:
                self._on_message(route.bytes, frames)
            except BadMessage as e:
                self._answer(route.bytes, error(e.code, e.message, e.hint, e.re))
            except Exception:
                log.exception("a message could not be handled")
                number = messages.number(frames[0].buffer) if frames else None
                self._answer(route.bytes, refusal(internal_error(), number))

    def _on_message(self, route: bytes, frames: list[zmq.Frame]) -> None:
        client = self._clients.by_route(route)
        if client is None:
            hello, welcome = self._handshake.first(frames, self._shared.facts)
            self._greet(route, hello, welcome, frames[0])
            return
        client.last_message = clock.now()
        message = messages.decode_work(frames[0].buffer if frames else b"", len(frames) - 1)
        match message:
            case messages.PixelStrip():
                self._intake.strip(client, message, frames[1].buffer)
            case messages.Submit() | messages.StylePut():
                self._intake.submit(client, message)
            case messages.Received() | messages.Release():
                self._intake.advance(client, message)
            case messages.Hello():
                self._greet(route, message, self._handshake.welcome(message, frames[0], self._shared.facts), frames[0])
            case messages.Catalogue() | messages.StyleRefine():
                self._lookups.answer(client, message)
            case messages.StyleRemove():
                self._styles.remove(client, message)
            case messages.StyleRename():
                self._styles.rename(client, message)

    def _greet(self, route: bytes, hello: messages.Hello, welcome: dict[str, Any], frame: zmq.Frame) -> None:
        name = f"{hello.client} ({hello.host})"
        stays = hello.host not in COMMANDS
        client, is_new = self._clients.greet(hello.secret, name, route, is_remote(frame), stays)
        if client is None:
            for known in self._clients:
                self._probe(known)
            client, is_new = self._clients.greet(hello.secret, name, route, is_remote(frame), stays)
        if client is None:
            self._answer(route, error("busy", "Too many programs use this engine.", "Close some.", hello.id))
            return
        if is_new:
            log.info("%r is here", client.name)
            forget_sent(self._jobs, client.secret)
        self._clients.post(client, welcome)

    def _answer(self, route: bytes, header: dict[str, Any]) -> None:
        client = self._clients.by_route(route)
        if client is not None:
            self._clients.post(client, header)
        else:
            self._send(route, [messages.encode(header)])

    def _worker_started(self) -> None:
        """Answer what waited for the worker: it has started, or cannot."""
        self._publish()
        self._lookups.worker_started()

    # Ticks and events.

    def _tick(self, now: float) -> None:
        for job in self._jobs.live():
            self._scheduler.report(job)
            if job.state is State.RECEIVING and now - job.touched > limits.SILENT:
                e = ScumbleError("bad-strip", "The picture stopped coming half-way.", "Try again.")
                self._scheduler.end(job, failed(job.id, e), "failed")
        for client in self._clients:
            self._look_after(client, now)
        self._jobs.expire(now)
        idle_exit = self._idle_exit if self._worker.problem is None else min(self._idle_exit, limits.BROKEN_EXIT)
        if self._clients.connected() or self._jobs.live():
            self._last_client_at = now
        elif now - self._last_client_at > idle_exit:
            self._stopping = f"nobody has been here for {idle_exit:g} s"
        changed = self._installation.changed()
        if changed and not (self._worker.ready and self._worker.job):
            self._replaced = True
            self._stopping = f"the engine's files {changed}"
        self._scheduler.free_memory_when_idle(now)

    def _look_after(self, client: Client, now: float) -> None:
        """Give a client its sign of life; cancel the jobs of one that has gone or says nothing."""
        live = self._jobs.live(client.secret)
        if now - client.signed > limits.QUIET_TICK:
            client.signed = now
            self._probe(client)
        gone = client.lost is not None and now - client.lost > limits.UNREACHABLE
        if gone or (live and now - client.last_message > limits.SILENT):
            for job in live:
                log.info("%r has %s; its job %s is cancelled", client.name, "gone" if gone else "fallen silent", job.id)
                self._scheduler.cancel(job, why="silent")
                self._jobs.drop(job)  # so that a client which comes back may submit it once more
        if gone:
            self._clients.forget(client)

    def _probe(self, client: Client) -> None:
        """Find out whether a client is there, and forget one that has gone and has nothing in work."""
        self._clients.post(client, {"type": "alive"}, droppable=True)
        if client.is_away() and not self._jobs.live(client.secret):
            self._clients.forget(client)

    def _read_event(self, event: Event) -> None:
        try:
            self._handle(event)
        except Exception:
            log.exception("an event could not be handled")

    def _handle(self, event: Event) -> None:
        match event:
            case CancelAsked():
                job = self._jobs.get(event.job)
                if job is not None:
                    self._scheduler.cancel(job)
            case KeepAsked():
                job = self._jobs.get(event.job)
                if job is not None:
                    self._scheduler.keep(job)
            case StopAsked():
                self._stopping = event.why
            case Returned() if not event.work.cancelled():
                try:
                    event.then(event.work.result())
                except ScumbleError as e:
                    event.otherwise(e)
                except Exception:
                    log.exception("the helper thread's work failed")
                    event.otherwise(internal_error())

    def _say_goodbye(self) -> None:
        """Tell clients that their jobs are cancelled; a style that is being stored is stored first.

        An engine whose files have been replaced tells nothing: its clients take their jobs to the next one.
        """
        for job in () if self._replaced else self._jobs.live():
            self._scheduler.cancel(job)
        self._helper.close(wait=True)
        for event in self._inbox.take():
            self._read_event(event)
        self._clients.flush()

    def _publish(self) -> None:
        """Update what other threads see."""
        self._shared.facts = Facts(
            state=self._state(),
            problem=self._worker.problem,
            revision=self._catalogue.revision,
            devices=self._scheduler.devices,
            clients=self._clients.connected(),
            worker=self._worker.pid,
            restarts=self._worker.restarts,
            refining=self._refinements.current,
        )

    def _state(self) -> str:
        if self._stopping:
            return "stopping"
        if self._worker.problem is not None:
            return "broken"
        return "ready" if self._catalogue.ready else "starting"

    def _send(self, route: bytes, frames: list[Frame]) -> Sent:
        try:
            self._socket.send_multipart([route, *frames], zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return Sent.FULL
        except zmq.ZMQError as e:
            if e.errno != zmq.EHOSTUNREACH:
                raise
            return Sent.GONE
        return Sent.YES
