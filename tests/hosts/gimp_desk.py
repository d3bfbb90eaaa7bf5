# SPDX-License-Identifier: Apache-2.0
"""GIMP with its windows on a screen of its own, one image open, and a spy plug-in to look behind the windows."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hosts import gimp, window
from hosts.root import Host
from hosts.window import Screen

DIALOG = "^Scumble$"
MESSAGE = "^GIMP Message$"
_STATE = """
answer = [[layer.get_name(), bytes(layer.get_buffer().get(Gegl.Rectangle.new(0, 0, 1, 1), 1.0, "R'G'B'A u8",
           Gegl.AbyssPolicy.NONE)).hex()] for layer in image.get_layers()]
"""
_RESET = """
layers = image.get_layers()
for layer in layers[:-1]:
    image.remove_layer(layer)
image.set_selected_layers(layers[-1:])
Gimp.Selection.none(image)
if "scumble-last" in Gimp.get_parasite_list():
    Gimp.detach_parasite("scumble-last")
"""


class Desk:
    """GIMP on a screen. `spy` runs Python inside it; the rest is done as a painter does it."""

    def __init__(self, host: Host, screen: Screen, image: Path) -> None:
        self.host, self.screen = host, screen
        screen.start(f"gimp -n --no-splash {image}")
        self.main = screen.window(f"{image.stem}.*GIMP", 240)  # a first start on a busy machine
        screen.until(self._fills_the_screen, 30, "GIMP's window does not take its size")
        screen.sh("xdotool mousemove 600 700")  # where it opens no tooltip
        self.spy("")

    def _fills_the_screen(self) -> bool:
        """A window that has just appeared may miss the first word."""
        wide, high = window.SIZE[0] - 4, window.SIZE[1] - 30
        self.screen.sh(f"xdotool windowsize {self.main} {wide} {high}; xdotool windowmove {self.main} 0 0; sleep 0.5")
        return self.screen.place(self.main)[2:] == (wide, high)

    def press(self, procedure: str) -> None:
        """The procedure's shortcut, in the image window."""
        self.screen.focus(self.main)
        self.screen.key(f"ctrl+alt+{gimp.KEYS[procedure]}")

    def spy(self, code: str) -> Any:
        """What `code` sets as `answer`; it has `image`, Gimp and Gegl."""
        answer = self.host.home / "spy.json"
        answer.unlink(missing_ok=True)
        (self.host.home / "spy.py").write_text(code)
        for _ in range(6):  # a key pressed while GIMP is busy may be lost; all that spies do may be done twice
            self.press(gimp.SPY)
            with contextlib.suppress(AssertionError):
                self.screen.until(answer.exists, 10, "the spy does not answer")
                break
        said = json.loads(answer.read_text())
        assert "raised" not in said, said["raised"]
        return said["answer"]

    def layers(self) -> list[tuple[str, bytes]]:
        """Name and first pixel (RGBA) of each, from the top."""
        return [(name, bytes.fromhex(pixel)) for name, pixel in self.spy(_STATE)]

    def wait_layers(self, count: int, seconds: float = 60) -> list[tuple[str, bytes]]:
        found: list[tuple[str, bytes]] = []

        def look() -> bool:
            found[:] = self.layers()
            return len(found) == count

        self.screen.until(look, seconds, f"there are not {count} layers in time")
        return found

    def reset(self) -> None:
        """One layer, nothing selected, nothing remembered, no menu or dialogue left open by a test that failed."""
        self.screen.key("Escape", "Escape", "Escape")
        self.spy(_RESET)

    def open_dialog(self) -> str:
        """The id of Scumble's window."""
        self.press(gimp.STYLIZE)
        return self.screen.window(DIALOG)

    def remember(self, **settings: Any) -> None:
        """Let Scumble Again find these as the last settings."""
        text = json.dumps({"version": 1, **settings})
        self.spy(f'Gimp.attach_parasite(Gimp.Parasite.new("scumble-last", 1, {text!r}.encode()))')

    def connection(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.host.runtime / "engine.json").read_text())
        return found

    def kill_engine(self) -> None:
        """Without a word, as a crash would."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(self.connection()["pid"], signal.SIGKILL)


@contextlib.contextmanager
def desk(root: Path, image: Path, plugins: str | None = gimp.TEST_METHODS) -> Iterator[Desk]:
    """A desk, cleared afterwards. `image` is copied."""
    with gimp.user(root, plugins) as host:
        spy = gimp.settings_folder(host) / "plug-ins" / "spy" / "spy.py"
        spy.parent.mkdir(parents=True)
        shutil.copy(Path(__file__).parent / "gimp_jobs" / "spy.py", spy)
        spy.chmod(0o755)
        copy = shutil.copy(image, host.home / image.name)
        with window.screen(host) as screen:
            yield Desk(host, screen, Path(copy))
