# SPDX-License-Identifier: Apache-2.0
"""A Ray cluster in the place of an engine: pictures are tasks, and Ray places them, and places them again where a node is lost.

Invariants: nothing is ours that Ray does; a picture is given back once, or fails once. A slot is a GPU, or, where the cluster
has none, a core: pictures are independent, so that a core each is the quickest for many.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

import numpy as np

from scumble import __version__
from scumble.api.errors import ScumbleError
from scumble.client.blocking import Finished
from scumble.client.errors import EngineError
from scumble.client.raster import Masks, Raster
from scumble.cluster.job import Failure, Files, Job, Painted, own_styles
from scumble.painting.device import environment

log = logging.getLogger(__name__)

HINT = 'Install it here and on every node: pip install "scumble[cluster]"'

LOST = "node it was running on is dead|Raylet is terminated"
"""How Ray says that a node is lost."""

ANSWER = 5.0
"""Seconds in which a cluster takes a connection; Ray itself tries for three minutes."""

FAREWELL = 10.0
"""Seconds given to pictures that are given up."""

RETRIES = 5
"""Times a picture is painted again after the loss of its node or process; one that ends its process each time is at fault."""

DTYPES = {"u8": np.uint8, "u16": np.uint16, "f16": np.float16, "f32": np.float32}

PASSED_ON = ("SCUMBLE_PLUGINS",)
"""Settings of this process that hold on the nodes, too."""


class RayOutput(io.TextIOBase):
    """Takes what Ray prints on stdout, where results belong: pages about a lost node, of which one line is passed on, once."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell, self._reported = tell, False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        log.debug("Ray: %s", text.rstrip())
        if not self._reported and re.search(LOST, text):
            self._reported = True
            self._tell("A node of the cluster is lost; its pictures are painted again.")
        return len(text)


class RayCluster:
    """An open connection to a cluster; a context manager. Takes pictures from several threads at once."""

    def __init__(self, address: str, tell: Callable[[str], None] = log.warning) -> None:
        """`address` as Ray takes it: "auto" is the cluster this machine belongs to. `tell` takes lines for the painter.

        Raises ScumbleError "bad-options" where Ray is missing, EngineError "engine-missing" where no cluster answers.
        """
        ray = _ray()
        _reach(address)
        from scumble.cluster import picture_task  # with what paints, which the command line itself does without

        variables = environment() | {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, runtime_env={"env_vars": variables})
        except (ConnectionError, ValueError, RuntimeError, ray.exceptions.RayError) as e:
            raise _missing(address, e) from e
        self._ray = ray
        self._stdout = contextlib.redirect_stdout(RayOutput(tell))
        self._stdout.__enter__()
        self._changed, self._closing, self._tasks = threading.Condition(), False, list[Any]()
        self._styles = dict[tuple[str, ...], Any]()
        gpus = int(ray.cluster_resources().get("GPU", 0))
        needs: dict[str, Any] = {"num_gpus": 1, "max_calls": 0} if gpus else {"num_cpus": 1}
        self._task = ray.remote(max_retries=RETRIES, **needs)(picture_task.paint)
        self.slots = gpus or max(1, int(ray.cluster_resources().get("CPU", 1)))
        """Pictures that are painted at once."""

    def stylize(
        self,
        raster: Raster,
        styles: Sequence[tuple[str, float]],
        method: str,
        strength: float = 1.0,
        options: Mapping[str, Any] | None = None,
        masks: Masks | None = None,
        quality: Any = None,
        seconds: float | None = None,
        on_progress: Callable[[Any], bool | None] | None = None,
        allocate: Callable[[int], Any] | None = None,
        keep: Callable[[], bool] | None = None,
    ) -> Finished:
        """Paint a picture, as client.blocking.Engine.stylize does, without reports of progress. Raises EngineError."""
        job = Job(
            version=__version__,
            method=method,
            styles=tuple(styles),
            strength=strength,
            options=dict(options or {}),
            pixels=_array(raster, 4),
            order=raster.order,  # type: ignore[arg-type]
            transfer=raster.transfer,  # type: ignore[arg-type]
            masks=None if masks is None else _array(masks, masks.channels),
            quality=quality,
            seconds=seconds,
        )
        try:
            done = self._done(job)
        except self._ray.exceptions.RayError as e:
            why = f"The cluster gave the picture up: {str(e).splitlines()[0]}"
            raise EngineError("worker-died", why, "`ray status` and Ray's logs say more.") from e
        if isinstance(done, Failure):
            raise EngineError(done.code, done.message, done.hint)
        return _finished(raster, done)

    def _done(self, job: Job) -> Painted | Failure:
        """Have a node paint the job, and wait. No call of Ray's may be under way once it is shut down: it would end this
        process."""
        with self._changed:
            if self._closing:
                raise EngineError("cancelled", "The command was ended.")
            job = replace(job, helpers=max(0, self.slots - 1 - len(self._tasks)))
            task = self._task.remote(job, self._own(job), 1)
            self._tasks.append(task)
        try:
            done: Painted | Failure = self._ray.get(task)
            return done
        finally:
            with self._changed:
                self._tasks.remove(task)
                self._changed.notify()

    def _own(self, job: Job) -> Any:
        """The user's styles among those asked for, put into the object store once."""
        names = tuple(name for name, _ in job.styles)
        if names not in self._styles:
            files: Files = own_styles(list(names))
            self._styles[names] = self._ray.put(files)
        return self._styles[names]

    def close(self) -> None:
        """Leave the cluster; what is being painted there for us is given up."""
        with self._changed:
            self._closing = True
            for task in self._tasks:
                self._ray.cancel(task, force=True)
            self._changed.wait_for(lambda: not self._tasks, FAREWELL)
        self._ray.shutdown()
        self._stdout.__exit__(None, None, None)

    def __enter__(self) -> RayCluster:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _reach(address: str) -> None:
    """Whether somebody listens at HOST:PORT. Raises EngineError "engine-missing"."""
    match = re.fullmatch(r"(?:ray://)?\[?([^\[\]/]+?)\]?:(\d{1,5})", address)
    if match is None:
        return  # "auto", "local": Ray knows
    try:
        socket.create_connection((match[1], int(match[2])), ANSWER).close()
    except (OSError, OverflowError) as e:
        raise _missing(address, e) from e


def _missing(address: str, e: Exception) -> EngineError:
    hint = (
        "Start one: `ray start --head` here, `ray start --address HOST:6379` on the others, all with RAY_AUTH_MODE=token and "
        "one token (docs/scale.md)."
    )
    return EngineError("engine-missing", f"No Ray cluster answers at {address} ({str(e).splitlines()[0]}).", hint)


def _finished(raster: Raster, done: Painted) -> Finished:
    """The picture that a node has painted, as a raster like the one that was sent."""
    painted = Raster(raster.width, raster.height, raster.format, raster.order, done.pixels, raster.transfer)
    remark = f"Tiles painted by other slots: {done.elsewhere}." if done.elsewhere else ""
    return Finished(painted, done.styles, done.seconds, done.device, remark)


def _array(raster: Raster | Masks, channels: int) -> Any:
    """The numbers of a raster, (H, W, channels), not copied."""
    return np.frombuffer(raster.data, DTYPES[raster.format]).reshape(raster.height, raster.width, channels)


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns of its own future
    try:
        import ray
        import ray.exceptions
    except ImportError as e:
        raise ScumbleError("bad-options", f"--ray needs Ray, which does not load ({e}).", HINT) from e
    return ray
