# SPDX-License-Identifier: Apache-2.0
"""Every limit of the engine, each with its reason, and the byte budget.

Invariant: no number that bounds a client, a job or a wait stands anywhere else in the server.
"""

from __future__ import annotations

import psutil

PROTOCOL = 1
"""The version docs/protocol.md describes."""

MIB = 1 << 20

# What a message may be.
HEADER = 64 << 10
"""Bytes of a JSON header: the longest honest one, a submit with sixteen styles and every option, has a tenth of it."""
TEXT = 2000
"""Characters of a message or hint that the engine sends: two of them fit in a header, however they are escaped."""
FRAMES = 64
"""Raw frames after a header: a catalogue page carries 32 thumbnails."""
FRAME = 16 * MIB
"""ZMQ_MAXMSGSIZE: two strips' worth, so that a stranger's claim of a frame costs little, also in the handshake."""
STRIP = 8 * MIB
"""Bytes of a strip of pixels; a single row may be larger, up to FRAME."""
WATER_MARK = 16
"""Messages libzmq queues for and from one peer: window and credit keep honest traffic below it."""
CONTROL_WATER_MARK = 128
"""Answers libzmq queues for one control connection: they are small, and one that finds no room is never sent again."""
BATCH = 32
"""Messages read from the work socket before everything else has its turn again."""
LINGER = 300
"""Milliseconds the engine stays, at its end, to get its last words out."""
HANDSHAKE = 5.0
"""Seconds a connection may take to prove itself."""
KEEPALIVE = (30, 10, 3)
"""After so many silent seconds a remote peer is asked whether it is there, then every so many, and given up after so many
questions without an answer: a minute in all, where systems of themselves take more than two hours."""
ADDRESS = 96
"""Bytes of a Unix socket's path; the kernel's limit is 107 on Linux and 103 on macOS."""

# What a raster may be.
SIDE = 65535
"""Pixels along a side: the largest a TIFF of 16-bit sides, Krita or GIMP can hold without other trouble."""
PIXELS = 1 << 29
"""Pixels of a raster: 2 GiB at 8 bits a channel, which keeps every offset well inside 64 bits."""
CONTEXT_SIDE = 1024
"""Long side of a context: it feeds statistics alone."""
STYLE_PIXELS = 1 << 24
"""Pixels of a style's picture: styles are learnt at about 1 megapixel, 16 are generous."""
SECONDS = 86400.0
"""The longest that a picture may be improved."""
STYLES = 16
"""Styles in one blend."""

# Jobs.
QUEUE = 32
"""Live jobs in all: more would wait longer than anyone stays."""
QUEUE_EACH = 8
"""Live jobs of one client, so that a batch leaves room for a painter beside it."""
CREDIT = 4
"""Strips a client may send ahead: 32 MiB keep any local link busy."""
WINDOW = 4
"""Result strips sent ahead of `received`, likewise."""
KEPT = 120.0
"""Seconds a result waits for its client: a crashed host needs about a minute to come back."""
KEPT_JOBS = 128
"""Finished jobs remembered, so that a flood of tiny ones ends in a bounded table and few open files."""
OPEN_FILES = 4096
"""Files the engine may have open: two a job and one or two a connection, where some systems begin with 256."""
ATTEMPTS = 2
"""Runs of one job: a second death is the job's own fault."""
MISSED = 5
"""Workers that may die between being handed a job and beginning it before that, too, is held to be the job's fault."""

# Clients.
CLIENTS = 256
"""Clients known at once; the fault tests use 64."""
OUTBOX = 64
"""Messages waiting for a client that does not read: beyond it, the client counts as unreachable."""
CONTROL_ROUTES = 1024
"""Control connections remembered; a forgotten one says hello again."""
TICK = 1.0
"""Seconds between two signs of life to a client that waits."""
QUIET_TICK = 2.0
"""Seconds between two signs of life to a client without live jobs; they find out whether it is still there."""
UNREACHABLE = 5.0
"""Seconds a vanished client has to come back: GIMP kills a cancelled plug-in outright."""
SILENT = 60.0
"""Seconds a connected client may say nothing: Krita's GUI thread may block for long."""
CONGESTED = 0.01
"""Seconds until a full pipe is tried again; libzmq tells nobody when one client's pipe has room."""

# Refinement.
REFINE_REST = 0.5
"""Seconds without a picture after which the worker goes on refining: a batch's next one comes sooner."""
REFINE_ALONE = 3.0
"""Seconds that a refinement goes on after the last painter's program has gone: one that only reconnects is back sooner."""
REFINE_TELL = 0.2
"""Seconds between two words of how far a refinement is: it takes a minute."""
CHECKPOINT = 2.0
"""Seconds of a refinement that a death may cost, at one small file each."""

# The worker.
WORKER_START = 120.0
"""Seconds from start to ready: importing torch takes 3 on a warm disk and a minute on a cold, slow one."""
WORKER_STARTS = 3
"""Starts that fail in a row before waiting jobs fail."""
HEARTBEAT = 1.0
"""Seconds between two heartbeats of the worker."""
HUNG = 6.0
"""Seconds without a heartbeat after which the worker counts as hung."""
HELD_UP = 2.0
"""Seconds the engine itself must have stood still to hold no silence against its worker and its clients."""
CANCEL_GRACE = 1.5
"""Seconds a cancelled run may take to reach its next yield; with the kill the work has stopped within 2."""
REFINE_GRACE = 4.0
"""The same for a refinement that makes way for a picture: on a busy machine a step takes longer than CANCEL_GRACE now and then,
and another worker takes longer than this to start."""
SETTLE_GRACE = 4.0
"""The same for a frame of an animation: a step of keeping 12 megapixels steady takes 0.9 s on one processor."""
WORKER_MESSAGE = 32 * MIB
"""Bytes of a message from the worker; the largest is a preview."""
WORKER_ROUND = 256 << 10
"""Bytes read from the worker before everything else has its turn again: a method may talk faster than one can listen."""
PREVIEW_SIDE = 1024
"""Long side of a preview: 4 MiB."""
PREVIEW_PAUSE = 0.2
"""Seconds between two previews, and ..."""
PROGRESS_PAUSE = 0.05
"""... between two progress messages: what an eye can follow."""
IDLE_FORGET = 60.0
"""Seconds without a job after which the worker releases its weights."""
IDLE_EXIT = 600.0
"""Seconds without a client after which the engine ends."""
BROKEN_EXIT = 10.0
"""The same for an engine that can paint nothing: once its installation is mended, the next use must start another."""
SPOOL_IN_MEMORY = 64 * MIB
"""A plane of pixels up to this size stays in memory, a larger one spools to the disk."""

LOG = 1 << 20
"""Bytes of a log file before it is rotated; LOG_FILES older ones are kept."""
LOG_FILES = 3

NICE = 5
"""The worker's niceness: the painter's program comes first."""
OOM_SCORE = 800
"""The worker's oom_score_adj: the kernel takes it before the painter's unsaved picture."""


def byte_budget() -> int:
    """Bytes all pictures in the engine may take: half the memory that is free now, at least 256 MiB."""
    return max(256 * MIB, int(psutil.virtual_memory().available) // 2)
