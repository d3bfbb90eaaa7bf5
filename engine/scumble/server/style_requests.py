# SPDX-License-Identifier: Apache-2.0
"""A painter's own styles over the wire: keep a picture as one, refine one (docs/protocol.md, section 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scumble.errors import ScumbleError
from scumble.pixels import rgb8
from scumble.server.catalogue import Catalogue
from scumble.server.jobs import Job
from scumble.server.messages import StylePut, StyleRefine, error
from scumble.server.spool import as_array
from scumble.styles import StyleStore


def refuse_refine(catalogue: Catalogue, request: StyleRefine) -> dict[str, Any]:
    """The answer to `style.refine` while no method offers it."""
    try:
        style = catalogue.store.get(request.style)
    except ScumbleError as e:
        return error(e.code, e.message, e.hint, request.id)
    return error("not-refinable", f"No method can refine {style.title!r} yet.", "Use it as it is.", request.id)


def keep_picture(job: Job, store: StyleStore) -> Callable[[], str]:
    """Work for another thread: store the picture that came with `job` as a style. Gives "id@revision", raises ScumbleError."""
    request = job.request
    assert isinstance(request, StylePut)
    data = job.input.view(0, request.raster.nbytes)

    def work() -> str:
        return store.put(request.name, rgb8(as_array(data, request.raster), request.raster.order)).pinned

    return work
