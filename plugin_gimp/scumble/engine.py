# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plug-in asks of the engine. Knows nothing of GIMP.

Invariant: whatever goes wrong comes out as EngineError or Mistake, with a sentence for a painter.
"""

from __future__ import annotations

import enum
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scumble_client import VERSION
from scumble_client.blocking import Engine
from scumble_client.catalogue import Catalogue, Method, Style
from scumble_client.desk import names
from scumble_client.desk.choosing import able, plain_id
from scumble_client.desk.quality import quality_of, seconds_of
from scumble_client.desk.settings import pinned
from scumble_client.desk.shelf import shelf
from scumble_client.errors import EngineError
from scumble_client.events import Cancelled, Context, Done, Event, Failed, Lost, Rejected, Request
from scumble_client.locate import start_engine
from scumble_client.raster import Masks, Raster
from scumble_client.session import Session
from settings import Mistake, Settings

CLIENT = f"scumble-gimp/{VERSION}"
START_SECONDS = 60.0
"""An engine is ready in a few seconds; a cold disk takes its time."""
FAREWELL = 1.0
"""Seconds given to a cancel when a run is given up."""
BUDGET = 32 << 20
"""Bytes a pump may move while nobody waits for a window."""


class Verdict(enum.Enum):
    """Whether a job goes on, ends with the picture that is shown, or is given up."""

    GO, KEEP, STOP = "go", "keep", "stop"


Watch = Callable[[Sequence[Event]], Verdict]
"""Called some times a second with what has happened to a job."""


@dataclass(frozen=True)
class Choice:
    """The first style and the method that paints it, with all styles and their weights as a request has them."""

    style: Style
    method: Method
    styles: tuple[tuple[str, float], ...]
    titles: tuple[str, ...]
    """Of all styles."""
    able: tuple[Method, ...]
    """The methods there are to choose from."""


@dataclass(frozen=True)
class Keeping:
    """The choices that the catalogue has for keeping colours; none where nothing can be chosen."""

    choices: tuple[str, ...] = ()
    usual: str = ""
    help: str = ""


def open_session(host: str) -> Session:
    """A session that starts an engine when it needs one."""
    return Session(client=CLIENT, host=host, launch=start_engine)


def connect(session: Session) -> Engine:
    """The engine behind a session, when it can be reached. Raises EngineError."""
    engine = Engine(session, START_SECONDS)
    try:
        engine.ping()
    except EngineError as e:
        raise in_words(e) from e
    return engine


def in_words(e: EngineError) -> EngineError:
    """`e`, with what helps inside a Flatpak, where nothing outside can be started."""
    if e.code == "engine-missing" and sandboxed():
        hint = (
            "GIMP runs as a Flatpak, which cannot start the engine. Once, in a terminal: `flatpak override --user "
            "--filesystem=xdg-run/scumble org.gimp.GIMP`; then run `scumble serve` there and try again."
        )
        return EngineError(e.code, e.message, hint)
    return e


def sandboxed() -> bool:
    return sys.platform == "linux" and Path("/.flatpak-info").exists()


def order(catalogue: Catalogue) -> list[Style]:
    """The styles that can be painted, in the gallery's order."""
    return [style for style in shelf(catalogue) if style.methods]


def unpaintable(style: Style, about: str = "style") -> Mistake:
    """A sentence about a style that no method can paint."""
    return Mistake(
        f"“{style.title}” is kept among your styles, but none of the engine's methods can paint it: they know only the "
        "paintings that they were trained for. Install a method that takes any picture.",
        about,
    )


def choose(catalogue: Catalogue, settings: Settings) -> Choice:
    """The styles and the method that `settings` name, or the first that fit. Raises Mistake."""
    styles = order(catalogue)
    if not styles:
        raise Mistake("The engine has no style that it can paint. Run `scumble doctor` in a terminal.")
    first = _named(catalogue, settings.style, "style") if settings.style else styles[0]
    settings = replace(settings, style=settings.style or first.id)
    known = {other.style: _named(catalogue, other.style, "others") for other in settings.parts}
    known[settings.style] = first
    painted = [known[style] for style, _ in settings.weights()]
    methods = able(catalogue, painted, settings.placed)
    method = next((m for m in methods if not settings.method or m.id == settings.method), None)
    if method is None:
        raise _unable(catalogue, settings.method, painted, methods)
    keeping = keep_colours(method)
    if settings.keep_colours and settings.keep_colours not in keeping.choices:
        ways = ", ".join(keeping.choices) or "none"
        raise Mistake(f"“{method.title}” cannot keep colours by “{settings.keep_colours}”. Choices: {ways}.", "keep-colours")
    return Choice(first, method, settings.weights(), tuple(style.title for style in painted), tuple(methods))


def keep_colours(method: Method) -> Keeping:
    """The ways in which the engine can keep the layer's colours with this method."""
    for option in method.options:
        if option.name == "keep_colours" and option.kind == "choice":
            return Keeping(option.choices or (), option.default, option.help)
    return Keeping()


def _named(catalogue: Catalogue, name: str, about: str) -> Style:
    """Raises Mistake."""
    styles, wanted = order(catalogue), plain_id(name)
    for style in styles:
        if style.id == wanted:
            return style
    for style in catalogue.styles:
        if style.id == wanted and style.own:
            raise unpaintable(style, about)
    known = ", ".join(style.id for style in styles[:12])
    raise Mistake(f"There is no style called “{name}”. Styles are: {known}.", about)


def _unable(catalogue: Catalogue, method: str, styles: Sequence[Style], methods: Sequence[Method]) -> Mistake:
    """A sentence about styles that the method, or any there is, cannot paint."""
    titles, ids = " and ".join(f"“{style.title}”" for style in styles), ", ".join(m.id for m in methods)
    singly = [m.id for m in able(catalogue, styles, apart=True)]
    if not methods and singly:
        return Mistake(f"No method can blend {titles}. Say where each further style goes, or choose others.", "share")
    if methods and method in singly:
        return Mistake(
            f"The method “{method}” cannot blend {titles}. Say where each further style goes, or take {ids}.", "method"
        )
    if method:
        return Mistake(f"The method “{method}” cannot paint {titles}. Methods that can: {ids or 'none'}.", "method")
    return Mistake(f"No method can paint {titles} in one picture. Choose others.")


def paint(session: Session, request: Request, watch: Watch, turn: float = 0.5) -> Done:
    """Stylize one picture. `watch` is called at least every `turn` seconds. Raises EngineError, "cancelled" if it says STOP."""
    job = session.submit(request)
    try:
        while True:
            events = session.pump(turn, BUDGET)
            lost = next((event for event in events if isinstance(event, Lost)), None)
            if lost is not None:
                raise lost.error()
            own = [event for event in events if getattr(event, "job", None) == job]
            for event in own:
                if isinstance(event, Done):
                    return event
                if isinstance(event, (Rejected, Failed)):
                    raise event.error()
                if isinstance(event, Cancelled):
                    raise EngineError("cancelled", "The job was cancelled.")
            verdict = watch(own)
            if verdict is Verdict.KEEP:
                session.keep(job)
            if verdict is Verdict.STOP:
                raise EngineError("cancelled", "The job was cancelled.")
    except BaseException:
        _abandon(session, job)
        raise


def _abandon(session: Session, job: str) -> None:
    """Leave no job in the engine."""
    session.cancel(job)
    deadline = time.monotonic() + FAREWELL
    while session.holds(job) and time.monotonic() < deadline:
        session.pump(FAREWELL / 10, BUDGET)


def resolved(settings: Settings, choice: Choice, used: Sequence[str]) -> Settings:
    """`settings` as a result remembers them: with the method that painted it and the revisions that were `used` (id@rev)."""
    return pinned(replace(settings, style=choice.style.id, method=choice.method.id), used)


def result_name(choice: Choice, settings: Settings) -> str:
    """The name of the result."""
    quality = quality_of(choice.method, settings.quality) or ""
    return names.result_name(choice.titles, settings.strength, settings.options(), quality)


def request(
    choice: Choice, settings: Settings, raster: Raster, context: Context | None, masks: Masks | None, previews: bool
) -> Request:
    """The request for a layer; with `previews` unfinished pictures are sent."""
    quality = quality_of(choice.method, settings.quality)
    how = (choice.method.id, settings.strength, settings.options(), context)
    seconds = seconds_of(quality)
    return Request(raster, choice.styles, *how, previews or quality is not None, masks, quality=quality, seconds=seconds)


def gradual(choice: Choice, settings: Settings) -> bool:
    """Whether the picture gets better step by step, so that unfinished ones are worth a look."""
    quality = quality_of(choice.method, settings.quality)
    return choice.method.gradual(settings.options()) if quality is None else quality != "draft"


def titles(catalogue: Catalogue) -> Sequence[tuple[str, str, str]]:
    """(id, title, methods) of each style, as scripts get them."""
    return [(style.id, style.title, " ".join(style.methods)) for style in order(catalogue)]
