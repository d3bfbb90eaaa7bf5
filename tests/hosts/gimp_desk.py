# SPDX-License-Identifier: Apache-2.0
"""GIMP with its windows on a screen of its own, one image open, and a spy plug-in to look behind the windows."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from PIL import Image, ImageChops

from hosts import gimp, window
from hosts.root import Host
from hosts.window import Screen
from scumble.client.blocking import Engine
from scumble.client.catalogue import Style
from scumble.client.errors import EngineError
from scumble.client.locate import read_connection

DIALOG = "^Scumble$"
MESSAGE = "^GIMP Message$"
CHOOSER = "^A picture to use as the style$"
ANY = f"{DIALOG}|{MESSAGE}"
FRAME, FRAMED = 60, (21, 83, 158)
"""Pixels from the middle of a thumbnail to the frame of the one that is picked, about, and that frame's colour."""
WIDGETS = Path(__file__).parent / "gimp_widgets"
FOLDED = 4000
"""Pixels that at least are others where a list unfolds or folds."""
Point = tuple[int, int]
"""Of a window; negative numbers count from its right and bottom."""
_LAYERS = """
answer = [[layer.get_name(), bytes(layer.get_buffer().get(Gegl.Rectangle.new(0, 0, 1, 1), 1.0, "R'G'B'A u8",
           Gegl.AbyssPolicy.NONE)).hex()] for layer in image.get_layers()]
"""
_IDS = "answer = [layer.get_id() for layer in image.get_layers()]"
_DOCUMENT = """
import hashlib

def pixels(drawable, format):
    whole = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return hashlib.sha256(bytes(drawable.get_buffer().get(whole, 1.0, format, Gegl.AbyssPolicy.NONE))).hexdigest()

def look(layer):
    mask = layer.get_mask()
    facts = {"id": layer.get_id(), "tattoo": layer.get_tattoo(), "name": layer.get_name(), "at": layer.get_offsets()[1:],
            "size": [layer.get_width(), layer.get_height()], "opacity": layer.get_opacity(), "mode": int(layer.get_mode()),
            "visible": layer.get_visible(), "tag": int(layer.get_color_tag()), "pixels": pixels(layer, "R'G'B'A u8"),
            "parasites": {name: bytes(layer.get_parasite(name).get_data()).hex() for name in layer.get_parasite_list()}}
    if mask is not None:
        facts["mask"] = [pixels(mask, "Y u8"), layer.get_apply_mask(), layer.get_show_mask()]
    if layer.is_group():
        facts["children"] = [look(child) for child in layer.get_children()]
    return facts

own = [name for name in image.get_parasite_list() if not name.startswith("GimpProcedureConfigRun-")]  # GIMP's last values
answer = {"layers": [look(layer) for layer in image.get_layers()], "parasites": own,
          "selection": [list(Gimp.Selection.bounds(image))[1:], pixels(image.get_selection(), "Y u8")]}
"""
_RESET = """
for layer in image.get_layers():
    if layer.get_name() != KEPT:
        image.remove_layer(layer)
source = image.get_layers()[0]
if source.get_mask() is not None:
    source.remove_mask(Gimp.MaskApplyMode.DISCARD)
image.set_selected_layers([source])
Gimp.Selection.none(image)
for name in image.get_parasite_list():
    if name == "scumble-history" or name.startswith("GimpProcedureConfigRun-"):  # GIMP's last values for this image
        image.detach_parasite(name)
for name in ("scumble-last", "scumble-favourites", "scumble-recent"):
    if name in Gimp.get_parasite_list():
        Gimp.detach_parasite(name)
"""


class Desk:
    """GIMP on a screen. `spy` runs Python inside it; the rest is done as a painter does it."""

    def __init__(self, host: Host, screen: Screen, image: Path) -> None:
        self.host, self.screen, self.image = host, screen, image
        self._asked = self._looks = 0
        screen.start(f"gimp -n --no-splash {image}")
        self.main = screen.window(f"{image.stem}.*GIMP", 240)  # a first start on a busy machine
        screen.until(self._fills_the_screen, 60, "GIMP's window does not take its size")
        screen.sh("xdotool mousemove 600 700")  # where it opens no tooltip
        self.spy("", 60)

    def _fills_the_screen(self) -> bool:
        """A window that has just appeared may miss the first word."""
        wide, high = window.SIZE[0] - 4, window.SIZE[1] - 30
        self.screen.sh(f"xdotool windowsize {self.main} {wide} {high}; xdotool windowmove {self.main} 0 0; sleep 0.5")
        return self.screen.place(self.main)[2:] == (wide, high)

    def press(self, procedure: str) -> None:
        """The procedure's shortcut, in the image window; returns when it runs, or has run."""
        before = self.spy(_IDS)

        def runs() -> bool:
            return bool(self.plugins() or self.screen.windows(f"{DIALOG}|{MESSAGE}") or self.spy(_IDS) != before)

        self.insist(lambda: self.key(f"ctrl+alt+{gimp.KEYS[procedure]}"), runs, "Scumble does not run")

    def key(self, *keys: str) -> None:
        """Keys in the image window."""
        self.screen.focus(self.main)
        self.screen.key(*keys)

    def insist(self, act: Callable[[], object], done: Callable[[], bool], otherwise: str, seconds: float = 15) -> None:
        """Act until it has had its effect, which `done` says: a program on a busy machine may miss a key or a click."""
        for _ in range(3):
            act()
            with contextlib.suppress(AssertionError):
                return self.screen.until(done, seconds, "")
        self.screen.until(done, seconds, otherwise)

    def step(self, key: str) -> None:
        """Undo or redo, ctrl+z or ctrl+y, once; returns when the document is another."""
        self.wait_plugin()
        before = self.document()
        self.insist(lambda: self.key(key), lambda: self.document() != before, f"{key} changes nothing", 30)

    def spy(self, code: str, seconds: float = 60) -> Any:
        """What `code` sets as `answer`; it has `image`, Gimp and Gegl."""
        self._asked += 1
        asked = self.host.home / "spy" / str(self._asked)
        asked.with_suffix(".part").write_text(code)
        asked.with_suffix(".part").rename(asked.with_suffix(".py"))
        return self._answer(asked.with_suffix(".json"), seconds)

    def _answer(self, answer: Path, seconds: float) -> Any:
        self.screen.until(answer.exists, seconds, "the spy does not answer")
        reply = json.loads(answer.read_text())
        assert "raised" not in reply, reply["raised"]
        return reply["answer"]

    def look(self, code: str, seconds: float = 60) -> Any:
        """What `code` sets as `answer` in the dialogue that is open; gimp_widgets/sitecustomize.py says what it has."""
        self._looks += 1
        asked = self.host.home / "widgets" / f"{self._looks:06}"
        asked.with_suffix(".part").write_text(code)
        asked.with_suffix(".part").rename(asked.with_suffix(".py"))
        return self._answer(asked.with_suffix(".json"), seconds)

    def layers(self) -> list[tuple[str, bytes]]:
        """Name and first pixel (RGBA) of each, from the top."""
        return [(name, bytes.fromhex(pixel)) for name, pixel in self.spy(_LAYERS)]

    def wait_layers(self, count: int, seconds: float = 60) -> list[tuple[str, bytes]]:
        """The layers, when there are so many and Scumble has ended."""
        self.screen.until(lambda: len(self.layers()) == count, seconds, f"there are not {count} layers in time")
        self.wait_plugin(seconds)
        return self.layers()

    def wait_plugin(self, seconds: float = 60) -> None:
        """Return when no run of Scumble is left."""
        self.screen.until(lambda: not self.plugins(), seconds, "Scumble does not end")

    def plugins(self) -> list[psutil.Process]:
        """The runs of Scumble in this GIMP."""
        own = str(gimp.plugin_folder(self.host) / "scumble.py")
        return [process for process in self.host.processes() if _runs(process, own)]

    def document(self) -> Any:
        """All that undo has to bring back: every layer with its pixels, mask, place and looks, and the selection.

        Not which layers are selected: GIMP itself selects a layer that undo or redo brings back.
        """
        return self.spy(_DOCUMENT)

    def reset(self) -> None:
        """One layer, nothing selected, nothing remembered, no run, menu or message left by a test that failed."""
        with contextlib.suppress(AssertionError):
            self.wait_plugin(5)  # one that is ending is no crash, of which GIMP would say something
        left = self.plugins()
        for process in left:
            process.kill()
        if left:
            self.screen.window(MESSAGE)  # of a plug-in that has crashed
        for message in self.screen.windows(MESSAGE):
            self.answer(message, "Escape")
        self.spy(f"KEPT = {self.image.name!r}\n{_RESET}")
        for last in (gimp.settings_folder(self.host) / "plug-in-settings").glob("*scumble*.last"):
            last.unlink()  # GIMP's own last values

    def open_dialog(self) -> str:
        """The id of Scumble's window."""
        self.press(gimp.STYLIZE)
        return self.screen.window(DIALOG)

    def answer(self, window: str, key: str) -> None:
        """Press a key that closes the window."""

        def press() -> None:
            if self.screen.windows(ANY):
                self.screen.focus(window)
                self.screen.key(key)

        self.insist(press, lambda: not self.screen.windows(ANY), "the window stays")

    def unfold(self, window: str, at: Point) -> None:
        """Click on what unfolds, or on an entry of what is unfolded, which folds it: the screen changes."""
        self.screen.hover(*self._on_screen(window, at))
        before = self._picture()
        self.insist(
            lambda: self.click(window, at), lambda: _differ(before, self._picture()) > FOLDED, f"nothing unfolds at {at}"
        )

    def pick(self, window: str, at: Point) -> None:
        """Click on a style's thumbnail until it is framed."""
        x, y = self._on_screen(window, at)

        def framed() -> bool:
            with Image.open(self.screen.shot("picked")) as shot:
                beside = shot.convert("RGB").crop((x - FRAME - 10, y, x - FRAME + 15, y + 1)).getcolors()
            return any(colour == FRAMED for _, colour in beside)

        self.insist(lambda: self.click(window, at), framed, "the style is not picked")

    def push(self, where: str) -> None:
        """Click on what `look` finds."""
        self.screen.click(*self.look(where))

    def filter(self, box: str, text: str, done: Callable[[], bool]) -> None:
        """Write into the filter box until `done`."""

        def write() -> None:
            self.push(box)
            self.screen.key("ctrl+a")
            self.screen.sh(f"xdotool type {text}; sleep 0.5")

        self.insist(write, done, f"{text} does not filter")

    def open_chooser(self, button: str) -> None:
        """The first entry of the menu of styles of one's own, which asks for pictures."""

        def click() -> None:
            if not self.screen.windows(CHOOSER):
                self.push(button)
                self.screen.key("Down", "Return")

        self.insist(click, lambda: bool(self.screen.windows(CHOOSER)), "no window asks for a picture")

    def choose_file(self, path: Path) -> None:
        """Name a file in the window that asks for a picture, which is open."""
        for seconds in (5, 5, 30):
            self.screen.focus(self.screen.window(CHOOSER))
            self.screen.key("ctrl+l", "ctrl+a")
            self.screen.sh(f"xdotool type {shlex.quote(str(path))}")
            self.screen.shot("chooser")
            self.screen.key("Return")
            # GTK drops a Return that comes while it still looks for names that begin so.
            with contextlib.suppress(AssertionError):
                return self.screen.gone(CHOOSER, seconds)
        raise AssertionError("the chooser takes no picture")

    def click(self, window: str, at: Point) -> None:
        self.screen.click(*self._on_screen(window, at))

    def colour(self, name: str, window: str, at: Point) -> tuple[int, ...]:
        """Of a point of a window, in a new picture of the screen."""
        with Image.open(self.screen.shot(name)) as shot:
            pixel: tuple[int, ...] = shot.convert("RGB").getpixel(self._on_screen(window, at))
            return pixel

    def brightest(self, name: str, window: str, start: Point, end: Point) -> int:
        """The highest value (0 to 255) in an area of a window: above 200 where something is written in the colour of text."""
        with Image.open(self.screen.shot(name)) as shot:
            area = shot.convert("L").crop((*self._on_screen(window, start), *self._on_screen(window, end)))
            return int(area.getextrema()[1])

    def _picture(self) -> Image.Image:
        with Image.open(self.screen.shot("now")) as shot:
            return shot.convert("L")

    def _on_screen(self, window: str, at: Point) -> Point:
        x, y, width, height = self.screen.place(window)
        return x + at[0] + (width if at[0] < 0 else 0), y + at[1] + (height if at[1] < 0 else 0)

    def remember(self, **settings: Any) -> None:
        """Let Scumble Again find these as the last settings."""
        text = json.dumps({"version": 1, **settings})
        self.spy(f'Gimp.attach_parasite(Gimp.Parasite.new("scumble-last", 1, {text!r}.encode()))')

    def warm(self) -> None:
        """Have an engine that is ready, started by the plug-in where there is none."""
        with contextlib.suppress(EngineError), self.engine() as engine:
            if engine.ping() == "ready":
                return
        self.remember(style="test-style", strength=0.0)
        self.press(gimp.AGAIN)
        self.wait_layers(2, 240)  # a first start on a busy machine
        self.reset()

    def engine(self) -> Engine:
        """The engine that runs, for a look at it or a word with it. Raises EngineError where there is none."""
        connection = read_connection(str(self.host.runtime))
        if connection is None:
            raise EngineError("engine-missing", "No engine runs.")
        return Engine.attach(start=False, connection=connection)

    def styles(self) -> list[Style]:
        """Those that can be painted, as the gallery and the lists of the dialogue have them."""
        with self.engine() as engine:
            paintable = [style for style in engine.catalogue().styles if style.methods]
        return sorted(paintable, key=lambda style: not style.own)

    def jobs(self) -> dict[str, int]:
        """How many are in which state."""
        with self.engine() as engine:
            return dict(engine.status()["jobs"])

    def connection(self) -> dict[str, Any]:
        written: dict[str, Any] = json.loads((self.host.runtime / "engine.json").read_text())
        return written

    def kill_engine(self) -> None:
        """Without a word, as a crash would."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(self.connection()["pid"], signal.SIGKILL)


def _differ(one: Image.Image, other: Image.Image) -> int:
    """How many pixels do."""
    return sum(ImageChops.difference(one, other).histogram()[3:])


def _runs(process: psutil.Process, script: str) -> bool:
    with contextlib.suppress(psutil.Error):
        return script in process.cmdline()
    return False


@contextlib.contextmanager
def desk(root: Path, image: Path, plugins: str | None = gimp.TEST_METHODS) -> Iterator[Desk]:
    """A desk, cleared afterwards. `image` is copied."""
    with gimp.user(root, plugins) as host:
        gimp.install_spy(host)
        (host.home / "widgets").mkdir()
        copy = shutil.copy(image, host.home / image.name)
        with window.screen(host, {"PYTHONPATH": f"/outer{WIDGETS}"}) as screen:
            yield Desk(host, screen, Path(copy))
