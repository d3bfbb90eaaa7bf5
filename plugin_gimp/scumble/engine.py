# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plug-in asks of the engine. Knows nothing of GIMP.

Invariant: whatever goes wrong comes out as EngineError or Mistake, with a sentence for a painter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scumble_client import VERSION
from scumble_client.blocking import Engine, Finished
from scumble_client.catalogue import Catalogue, Method, Style
from scumble_client.desk.masks import parted
from scumble_client.errors import EngineError
from scumble_client.events import Context, Progress
from scumble_client.locate import start_engine
from scumble_client.raster import Masks, Raster
from scumble_client.session import Session
from settings import Mistake, Settings

CLIENT = f"scumble-gimp/{VERSION}"
START_SECONDS = 60.0
"""An engine is ready in a few seconds; a cold disk takes its time."""
STYLE_SIDE = 1536
"""Longest side of a picture sent as a style: the engine keeps no more of it."""
WORKING_SIDE = 1024
"""Longest side at which the engine paints with brush size 1; with 0.5 it is twice that. With a layer that has fewer pixels
it begins at the layer's own."""
CONTEXT_SIDE = 1024
"""Longest side of the whole layer in small that goes with a selection (docs/protocol.md, section 5)."""

Show = Callable[[float, str], None]
"""Called with a fraction in [0, 1] and a few words."""


@dataclass(frozen=True)
class Choice:
    """The first style and the method that paints it, with all styles and their weights as a request has them."""

    style: Style
    method: Method
    styles: tuple[tuple[str, float], ...]
    title: str
    """Of the result, but for its strength."""
    able: tuple[Method, ...]
    """The methods there are to choose from."""


@dataclass(frozen=True)
class Keeping:
    """What the catalogue says of keeping colours. Without choices there is nothing to choose."""

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
    """The styles as the gallery shows them: the painter's own first; those no method can paint are left out."""
    usable = [style for style in catalogue.styles if style.methods]
    return sorted(usable, key=lambda style: not style.own)


def gallery(catalogue: Catalogue) -> list[Style]:
    """As `order`, but with the painter's own that no method can paint: what was added must not vanish."""
    return sorted((style for style in catalogue.styles if style.methods or style.own), key=lambda style: not style.own)


def unpaintable(style: Style, about: str = "style") -> Mistake:
    """What to say of a style that no method can paint."""
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
    able = methods_for(catalogue, painted, settings.placed)
    method = next((m for m in able if m.id == settings.method), None) if settings.method else next(iter(able), None)
    if method is None:
        raise _unable(catalogue, settings.method, painted, able)
    keeping = keep_colours(method)
    if settings.keep_colours and settings.keep_colours not in keeping.choices:
        ways = ", ".join(keeping.choices) or "none"
        raise Mistake(f"“{method.title}” cannot keep colours by “{settings.keep_colours}”. Choices: {ways}.", "keep-colours")
    title = " + ".join(dict.fromkeys(style.title for style in painted))
    return Choice(first, method, settings.weights(), title, tuple(able))


def methods_for(catalogue: Catalogue, styles: Sequence[Style], apart: bool = False) -> list[Method]:
    """The methods that can paint these styles in one picture; the first is the one to use unless the painter chooses. Those
    that cannot blend need them `apart`: some with places of their own (docs/protocol.md, section 5)."""
    able = [method for method in catalogue.methods if all(method.id in style.methods for style in styles)]
    if len(styles) < 2:
        return able
    blending = [method for method in able if apart or method.capabilities.get("blend")]
    return sorted(blending, key=lambda method: bool(method.capabilities.get("iterative")))


def keep_colours(method: Method) -> Keeping:
    """The ways in which the engine can keep the layer's colours with this method."""
    for option in method.options:
        if option.name == "keep_colours" and option.kind == "choice":
            return Keeping(option.choices or (), option.default, option.help)
    return Keeping()


def _named(catalogue: Catalogue, name: str, about: str) -> Style:
    """Raises Mistake."""
    styles, wanted = order(catalogue), name.partition("@")[0]
    for style in styles:
        if style.id == wanted:
            return style
    for style in catalogue.styles:
        if style.id == wanted and style.own:
            raise unpaintable(style, about)
    known = ", ".join(style.id for style in styles[:12])
    raise Mistake(f"There is no style called “{name}”. Styles are: {known}.", about)


def _unable(catalogue: Catalogue, method: str, styles: Sequence[Style], able: Sequence[Method]) -> Mistake:
    """What to say where the method, or each there is, cannot paint these styles."""
    titles, ids = " and ".join(f"“{style.title}”" for style in styles), ", ".join(m.id for m in able)
    singly = [m.id for m in methods_for(catalogue, styles, apart=True)]
    if not able and singly:
        return Mistake(f"No method can blend {titles}. Say where each further style goes, or choose others.", "share")
    if able and method in singly:
        return Mistake(
            f"The method “{method}” cannot blend {titles}. Say where each further style goes, or take {ids}.", "method"
        )
    if method:
        return Mistake(f"The method “{method}” cannot paint {titles}. Methods that can: {ids or 'none'}.", "method")
    return Mistake(f"No method can paint {titles} in one picture. Choose others.")


def masks(settings: Settings, planes: Sequence[bytes | None], size: tuple[int, int], format: str) -> Masks | None:
    """The masks of a request, where any style has a place. `planes` are those of `settings.parts`."""
    if not settings.placed:
        return None
    others = [(plane, other.share) for plane, other in zip(planes, settings.parts)]  # noqa: B905 - new in Python 3.10
    return Masks(*size, 1 + len(others), format, parted(others, size[0] * size[1], format))


def paint(
    engine: Engine,
    choice: Choice,
    settings: Settings,
    raster: Raster,
    context: Context | None,
    show: Show,
    masks: Masks | None = None,
) -> Finished:
    """Stylize one picture. Raises EngineError."""

    def on_progress(progress: Progress) -> None:
        show(progress.fraction, in_progress(progress))

    return engine.stylize(
        raster,
        styles=choice.styles,
        method=choice.method.id,
        strength=settings.strength,
        options=settings.options(),
        context=context,
        on_progress=on_progress,
        masks=masks,
    )


def pinned(settings: Settings, choice: Choice, used: Sequence[str]) -> Settings:
    """`settings` with the revisions that were `used` (id@rev)."""
    newest = {style.partition("@")[0]: style for style in used}
    others = tuple(replace(o, style=newest.get(o.style.partition("@")[0], o.style)) for o in settings.others)
    return replace(settings, style=newest.get(choice.style.id, choice.style.id), others=others)


def limits_of_brush(settings: Settings) -> str:
    """What keeps the brush size from having an effect; else empty."""
    if settings.more.get("scale") == "full":
        return "Every pixel is painted (scale: full), whatever the brush size; the preview shows broader strokes."
    return ""


def preview_side(settings: Settings) -> int:
    """Longest side of the copy that has the strokes of the result: the engine paints as many pixels of the whole."""
    return round(WORKING_SIDE / min(1.0, settings.brush_size))


def in_progress(progress: Progress) -> str:
    """A few words about where a job stands."""
    if progress.state == "queued":
        return f"waiting behind {progress.position}" if progress.position else "waiting"
    return "sending" if progress.state == "receiving" else progress.text


def share(show: Show, number: int, count: int) -> Show:
    """`show` for one picture of several."""
    return lambda fraction, text: show((number + fraction) / count, f"{text} ({number + 1} of {count})" if count > 1 else text)


def titles(catalogue: Catalogue) -> Sequence[tuple[str, str, str]]:
    """(id, title, methods) of each style, as scripts get them."""
    return [(style.id, style.title, " ".join(style.methods)) for style in order(catalogue)]
