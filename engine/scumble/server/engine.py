# SPDX-License-Identifier: Apache-2.0
"""`serve`: puts the engine together, runs it in the foreground, and clears up after it.

Invariant: whatever way `serve` returns or raises, this process's connection file is gone and its worker with it.
"""

from __future__ import annotations

import ipaddress
import logging
import logging.handlers
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zmq
from zmq.auth import load_certificate

import scumble
from scumble.api.errors import ScumbleError
from scumble.client.folders import runtime_dir
from scumble.client.locate import CONNECTION_FILE, LOST_RACE
from scumble.library.styles import StyleStore
from scumble.server import auth, limits, presence
from scumble.server.broker import Broker
from scumble.server.catalogue import Catalogue
from scumble.server.control import About, ControlThread
from scumble.server.handshake import Handshake
from scumble.server.jobs import Jobs
from scumble.server.shared import Inbox, SharedStatus, StopAsked
from scumble.server.spool import sweep
from scumble.server.workers import Worker

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """The settings of an engine, as `scumble serve` takes them."""

    idle: float = limits.IDLE_EXIT
    """Seconds without a client after which the engine ends."""
    device: str = "auto"
    """A torch device; auto is the first CUDA device, else the CPU."""
    threads: int | None = None
    """Threads torch may use; None leaves it to torch."""
    listen: str | None = None
    """A TCP address, `tcp://host:port`; control listens one port higher. Without keys it must be a loopback address, which
    takes the Unix sockets' place (its port may be *); with keys it is served besides them, over CURVE alone."""
    curve_key: Path | None = None
    """The engine's own secret certificate (as zmq.auth writes it)."""
    curve_clients: Path | None = None
    """Folder of the public certificates (*.key) of clients that may connect."""
    verbose: bool = False
    """Log to stderr as well."""
    refine: bool = field(
        default_factory=lambda: os.environ.get("SCUMBLE_REFINE", "1").lower() not in ("0", "no", "off", "false")
    )
    """Refine new styles unasked, in idle time."""


@dataclass(frozen=True)
class Listening:
    """The addresses to bind, each a pair (work, control), and the keys that remote ones need."""

    local: tuple[str, str]
    remote: tuple[str, str] | None = None
    secret_key: bytes = b""
    clients: frozenset[bytes] = field(default_factory=frozenset)


def serve(options: Options | None = None) -> int:
    """Run the engine until it is asked to stop or nobody has needed it for a while. The exit code: 0, or 75 where another
    engine runs in this runtime folder. Raises ScumbleError "engine-refused" for an address it must not listen on, or a
    folder that is not its own.

    Must be called on the main thread.
    """
    options = options or Options()
    os.umask(0o077)
    _allow_open_files()
    own_folders = "Set SCUMBLE_RUNTIME_DIR and SCUMBLE_CACHE_DIR to folders of your own; `scumble doctor` says more."
    try:
        runtime = presence.private_folder(Path(runtime_dir()))
        cache = presence.private_folder(presence.cache_dir(), link=True)
        for folder in presence.cache_folders(cache):
            presence.private_folder(folder, link=True)
        held = presence.lock(runtime)
    except presence.AlreadyRunning:
        return LOST_RACE
    except OSError as e:
        raise _refused(f"The engine has no folder to work in: {e}.", own_folders) from e
    with held:
        log_file = _log_to(cache / "log", options.verbose)
        try:
            return _serve(options, runtime, cache, log_file)
        except ScumbleError as e:
            log.error("%s", e)
            raise
        except Exception:
            log.exception("the engine broke")
            raise


def _serve(options: Options, runtime: Path, cache: Path, log_file: Path) -> int:
    """Bind the sockets, say where they are, and serve until the broker has ended. The caller holds the engine's lock."""
    began = time.monotonic()
    (runtime / CONNECTION_FILE).unlink(missing_ok=True)  # of an engine that was killed; we hold the lock
    listening = _listening(options, runtime)
    token = auth.new_token()

    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context(io_threads=2)
    authenticator = auth.Authenticator(context, token, listening.clients)
    authenticator.start()
    work, control = _router(context), _router(context)
    control.sndhwm = limits.CONTROL_WATER_MARK

    connection = None
    try:
        addresses = [_bind(s, a) for s, a in zip((work, control), listening.local, strict=True)]
        _bind_remote((work, control), listening)
        broker, control_thread = _parts(options, cache / "spool", log_file, token, work, control)
        control_thread.start()
        connection = presence.describe(addresses[0], addresses[1], token, scumble.__version__)
        _publish(runtime, connection)
        log.info("listening after %.2f s, pid %d", time.monotonic() - began, os.getpid())
        broker.serve()
        return 0
    finally:
        if connection is not None:
            presence.withdraw(connection, runtime)
        work.close(0)
        if connection is None:
            control.close(0)  # else its thread does that when the context ends
        context.term()
        log.info("ended")


def _parts(
    options: Options, spool: Path, log_file: Path, token: str, work: zmq.Socket[bytes], control: zmq.Socket[bytes]
) -> tuple[Broker, ControlThread]:
    """The broker and the control thread, with all that they share. Signals that end a process stop the broker."""
    inbox = Inbox()
    for number in (signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGTERM)):
        signal.signal(number, lambda n, _: inbox.put(StopAsked(f"{signal.Signals(n).name} came")))

    sweep(spool)
    jobs = Jobs(spool, limits.byte_budget())
    shared = SharedStatus(jobs.owner, jobs.figures)
    handshake = Handshake(token, scumble.__version__)
    worker = Worker(options.device, options.threads, log_file.with_name("worker.log"))
    broker = Broker(work, handshake, jobs, Catalogue(StyleStore()), worker, shared, inbox, options.idle, options.refine)

    about = About(scumble.__version__, os.getpid(), str(log_file))
    return broker, ControlThread(control, handshake, about, shared, inbox)


def _publish(runtime: Path, connection: presence.Connection) -> None:
    """Write the connection file. Raises ScumbleError "engine-refused" where that cannot be."""
    try:
        presence.publish(runtime, connection)
    except OSError as e:
        message = f"The engine cannot say where it listens: {e}."
        raise _refused(message, f"Make room at {runtime}, or set SCUMBLE_RUNTIME_DIR to another folder.") from e


def _listening(options: Options, runtime: Path) -> Listening:
    """The addresses to bind. Raises ScumbleError "engine-refused" for one that must not be listened on."""
    if options.listen is None:
        return Listening(presence.endpoints(runtime))
    scheme, _, address = options.listen.partition("://")
    host, _, port = address.rpartition(":")
    if scheme != "tcp" or not host or not (port == "*" or (port.isdecimal() and int(port) < limits.SIDE)):
        raise _refused(f"{options.listen!r} is no address to listen on.", "It looks like tcp://127.0.0.1:5570.")
    pair = options.listen, f"tcp://{host}:{port if port == '*' else int(port) + 1}"
    if _is_loopback(host) and options.curve_key is None and options.curve_clients is None:
        return Listening(pair)
    if options.curve_key is None or options.curve_clients is None:
        raise _refused(
            f"The engine listens on {host} only with a key of its own and a list of those it lets in.",
            "Give both --curve-key and --curve-clients, or listen on 127.0.0.1 without them and use `ssh -L`.",
        )
    if port == "*":
        raise _refused("A remote address needs a port that clients can know.", "It looks like tcp://0.0.0.0:5570.")
    try:
        _, secret = load_certificate(options.curve_key)
        if secret is None:
            raise ValueError("it holds no secret key")
        clients = auth.allowed_keys(options.curve_clients)
    except (OSError, ValueError) as e:
        raise _refused(f"The keys cannot be used: {e}.", "Make them with zmq.auth.create_certificates.") from e
    return Listening(presence.endpoints(runtime), pair, secret, clients)


def _refused(message: str, hint: str) -> ScumbleError:
    return ScumbleError("engine-refused", message, hint)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False  # a name may mean another address tomorrow


def _router(context: zmq.Context[zmq.Socket[bytes]]) -> zmq.Socket[bytes]:
    sock = context.socket(zmq.ROUTER)
    sock.router_mandatory = True
    sock.linger = limits.LINGER
    sock.sndhwm = sock.rcvhwm = limits.WATER_MARK
    sock.maxmsgsize = limits.FRAME
    sock.handshake_ivl = int(limits.HANDSHAKE * 1000)
    sock.tcp_keepalive = 1
    sock.tcp_keepalive_idle, sock.tcp_keepalive_intvl, sock.tcp_keepalive_cnt = limits.KEEPALIVE
    sock.zap_domain = auth.DOMAIN
    return sock


def _bind(sock: zmq.Socket[bytes], address: str) -> str:
    """Bind for local clients, who show a password. The address with its port."""
    sock.plain_server = True
    sock.ipv6 = "[" in address
    sock.bind(address)
    last: Any = sock.last_endpoint
    return str(last.rstrip(b"\0").decode())


def _bind_remote(sockets: tuple[zmq.Socket[bytes], zmq.Socket[bytes]], listening: Listening) -> None:
    """Bind for clients elsewhere. What a socket asks of its peers is settled at each bind, so both kinds share one."""
    if listening.remote is None:
        return
    for sock, address in zip(sockets, listening.remote, strict=True):
        sock.plain_server = False
        sock.curve_server = True
        sock.curve_secretkey = listening.secret_key
        sock.ipv6 = "[" in address
        sock.bind(address)


def _allow_open_files() -> None:
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = limits.OPEN_FILES if hard == resource.RLIM_INFINITY else min(limits.OPEN_FILES, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _log_to(folder: Path, verbose: bool) -> Path:
    """Log to `engine.log` in `folder`, and to stderr if `verbose`. Where no log can be written the engine works without."""
    path = folder / "engine.log"
    handlers: list[logging.Handler] = []
    try:
        options: dict[str, Any] = {"maxBytes": limits.LOG, "backupCount": limits.LOG_FILES}
        handlers.append(logging.handlers.RotatingFileHandler(path, encoding="utf-8", errors="backslashreplace", **options))
    except OSError:
        verbose = True  # what starts an engine keeps what it says there
    if verbose and sys.stderr is not None:
        handlers.append(logging.StreamHandler(sys.stderr))
    form = "%(asctime)s %(levelname).1s %(name)s: %(message)s"
    logging.raiseExceptions = False  # a full disk would be reported on stderr once a line
    logging.basicConfig(level=logging.INFO, format=form, handlers=handlers or [logging.NullHandler()], force=True)
    return path
