# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue of layers that are to be painted, one after another.

Invariant: at most one is at work, so memory holds one layer and its result; what is cancelled or fails leaves the document
as it was, and a result that finds no place goes to the records. The document is written to only while nothing is in the way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from .painting import Order, Painting, Phase
from .ports import Growing, Host, Placed
from .records import Records
from .scumble_client.desk.names import unfinished_name
from .scumble_client.desk.words import summary
from .scumble_client.errors import EngineError
from .scumble_client.events import Cancelled, Done, Event, Failed, Preview, Progress, Rejected
from .scumble_client.raster import Raster
from .scumble_client.session import Session


class PaintQueue:
    """`trouble` is called with errors, `settled` of results that are in their documents, `shown` of what a long painting looks
    like so far, `grown` when that is on the canvas."""

    def __init__(
        self,
        host: Host,
        records: Records,
        trouble: Callable[[EngineError], None],
        settled: Callable[[], None],
        shown: Callable[[Raster], None],
        grown: Callable[[], None],
    ) -> None:
        self._host, self._records = host, records
        self._trouble, self._settled, self._shown, self._grown = trouble, settled, shown, grown
        self._waiting: deque[Painting] = deque()
        self._current: Painting | None = None
        self._withdrawn: list[Growing] = []  # unfinished results that are still in their documents, and are not to stay
        self._total = 0
        self._waits = ""
        self._remarked = ""
        self._failed: list[EngineError] = []  # of several layers that were asked for together
        self._painted = 0

    @property
    def busy(self) -> bool:
        return self._current is not None or bool(self._waiting)

    @property
    def awaiting(self) -> bool:
        """The engine has the picture, or gets it."""
        return self._current is not None and self._current.phase is Phase.PAINTING

    @property
    def keepable(self) -> bool:
        """There is an unfinished picture that may be kept."""
        current = self._current
        return current is not None and self.awaiting and current.shown and not current.kept

    @property
    def waits(self) -> str:
        """Why a layer cannot be read yet, or its result not be inserted; "" where nothing waits."""
        return self._waits

    @property
    def fraction(self) -> float:
        """How much of all layers asked for since it was idle is done, 0 to 1."""
        if not self.busy:
            return 0.0
        finished = self._total - len(self._waiting) - (self._current is not None)
        return (finished + (self._current.share if self._current else 0.0)) / self._total

    @property
    def text(self) -> str:
        """What is being done, in words; "" if nothing."""
        current = self._current
        if current is None:
            return ""
        if self._waits:
            what = "the result " if current.phase is Phase.WRITING else ""
            return f"{current.order.layer.name}: {what}{self._waits}"
        doing = current.text if current.phase is Phase.PAINTING and current.text else current.phase.value
        return f"{current.order.layer.name}: {doing}"

    def add(self, orders: Sequence[Order]) -> None:
        if not self.busy:
            self._total = self._painted = 0
            self._remarked = ""
            self._failed.clear()
        self._waiting += [Painting(order) for order in orders]
        self._total += len(orders)

    def revise(self, revised: Callable[[Order], Order]) -> None:
        """Replace what has not begun."""
        self._waiting = deque(Painting(revised(p.order)) for p in self._waiting)

    def cancel(self, session: Session) -> None:
        """End everything."""
        self._waiting.clear()
        self._failed.clear()
        if self._current is not None and self.awaiting:
            session.cancel(self._current.job)
        elif self._current is not None and not self._current.placing:  # half a result is worse than a late cancel
            self._drop()

    def keep(self, session: Session) -> None:
        """End the picture at work with what it looks like now."""
        if self._current is not None and self.keepable:
            session.keep(self._current.job)
            self._current.kept = True

    def give_up(self, session: Session) -> bool:
        """The engine is gone for good; what it has finished is still written. Whether anything was given up."""
        lost = self.awaiting or bool(self._waiting) or self._current is not None
        if self.awaiting and self._current is not None:
            session.cancel(self._current.job)
        if self._current is not None and self._current.phase is not Phase.WRITING:
            self._drop()
        self._waiting.clear()
        return lost

    def advance(self, session: Session, deadline: float) -> None:
        """Go on until `deadline` (time.monotonic)."""
        self._withdraw()
        if self._current is None and self._waiting:
            self._current = self._waiting.popleft()
        current = self._current
        if current is None:
            self._sum_up()
            return
        try:
            if current.phase is Phase.WAITING:
                self._waits = self._host.in_the_way(current.order.layer)  # a tool may hold the layer's pixels
                if not self._waits:
                    current.open(self._host)
            elif current.phase is Phase.READING:
                request = current.read_some(deadline)
                if request is not None:
                    current.job = session.submit(request)
            elif current.phase is Phase.PAINTING:
                self._grow(current)
            elif current.phase is Phase.WRITING:
                if current.written:
                    self._place(current)  # alone in its tick: the host redraws its whole canvas for it
                else:
                    current.write_some(self._host, deadline)
        except EngineError as e:
            self._lay_aside(current, e)

    def handle(self, event: Event) -> bool:
        """Whether the event was of the picture at work."""
        current = self._current
        if current is None or not current.job or getattr(event, "job", None) != current.job:
            return False
        if isinstance(event, Progress):
            current.progressed(event)
        elif isinstance(event, Preview):
            current.shown, current.unfinished = True, event.raster
            self._shown(event.raster)
        elif isinstance(event, Done):
            self._records.note(current, event.styles, event.seconds, event.device)
            self._pass_on(event.remark)
            current.finish(event.raster)
        elif isinstance(event, Cancelled):
            self._drop()
        elif isinstance(event, (Failed, Rejected)):
            self._drop()
            self._waiting.clear()
            self._trouble(event.error())
        return True

    def _pass_on(self, remark: str) -> None:
        """Report the engine's remarks on a picture, once for all that were asked for together."""
        if remark and remark != self._remarked:
            self._remarked = remark
            self._host.tell(remark, trouble=True)

    def _place(self, current: Painting) -> None:
        assert current.target is not None
        self._waits = self._host.in_the_way(current.target)
        if self._waits:
            return
        current.placing = True
        if current.growing is not None and current.growing.complete(current.target):
            placed, current.growing = Placed.WHOLE, None
        else:
            placed = current.target.insert()
        if placed is not Placed.PART:
            self._drop()
            self._painted += 1
        if placed is Placed.WHOLE:
            self._records.placed(current)
            self._settled()

    def _grow(self, current: Painting) -> None:
        """Bring what the picture looks like by now to the canvas, as soon as nothing is in the way."""
        raster = current.unfinished
        if raster is None or current.source is None or self._host.in_the_way(current.order.layer):
            return
        current.unfinished = None
        try:
            current.growing = current.growing or self._host.growing(current.source, unfinished_name(current.order.title))
            if current.growing is not None:
                current.growing.show(raster)
                self._grown()
        except EngineError:  # the layer is gone, which the result itself will say
            return

    def _drop(self) -> None:
        """The picture at work is over; what of it is in the document and not finished is taken away soon."""
        if self._current is not None and self._current.growing is not None:
            self._withdrawn.append(self._current.growing)
        self._current, self._waits = None, ""

    def _withdraw(self) -> None:
        for growing in [growing for growing in self._withdrawn if not self._host.in_the_way(growing)]:
            growing.withdraw()
            self._withdrawn.remove(growing)

    def _lay_aside(self, current: Painting, error: EngineError) -> None:
        """A layer that cannot be painted stops that one only; a result without a place is kept."""
        self._drop()
        if current.result is not None:
            self._records.keep(current)
            error = EngineError(error.code, error.message, "The result is kept in the history; insert it from there.")
        if self._total > 1:
            self._failed.append(error)
        else:
            self._trouble(error)

    def _sum_up(self) -> None:
        """Report of several layers how many were painted, and why others were not."""
        failed, self._failed = self._failed, []
        if failed:
            message = summary(self._painted, self._total, [error.message for error in failed])
            self._trouble(EngineError(failed[0].code, message, failed[-1].hint))
