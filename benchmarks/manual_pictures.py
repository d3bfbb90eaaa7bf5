# SPDX-License-Identifier: Apache-2.0
"""Takes the pictures of both plug-ins' manuals again, in the real hosts: `python -m benchmarks.manual_pictures [krita] [gimp]`.

docs/images/krita-*.jpg, gimp-*.jpg and the picture in plugin_krita/scumble/Manual.html show today's windows and what the
networks that ship make of a photograph in the public domain. Look at them before they are kept: nothing here judges them.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import skimage.data
from PIL import Image

from benchmarks.comparison.page import save_jpeg

if TYPE_CHECKING:
    from hosts.gimp_desk import Desk

ROOT = Path(__file__).resolve().parents[1]
IMAGES, PAGE = ROOT / "docs" / "images", ROOT / "plugin_krita" / "scumble" / "Manual.html"
WIDTH = 1280
"""Of a picture of Krita's window."""
FRAMES, FRAME, GAP = (0, 1, 2, 3, 4, 99), (520, 346), 6
"""The states of a picture that is painted live, three a row."""
TITLE = 38
"""Height of a window's title bar and frame."""
AWAY = "xdotool mousemove 1390 890; sleep 1"
"""Where the pointer is over nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.manual_pictures", description=__doc__)
    parser.add_argument("hosts", nargs="*", choices=["krita", "gimp", []], help="krita or gimp; both, unless named")
    given = parser.parse_args(arguments)
    sys.path.insert(0, str(ROOT / "tests"))
    takes: dict[str, Callable[[Path], None]] = {"krita": krita, "gimp": gimp}
    with tempfile.TemporaryDirectory() as folder:
        for name in given.hosts or takes:
            takes[name](Path(folder))
    return 0


def krita(folder: Path) -> None:
    """The scenarios that shoot them are in tests/hosts/krita_jobs/."""
    from hosts import kritas, root

    kritas.SCREEN = "1500x1130"  # on which the docker is seen whole
    with kritas.user(root.ensure()) as user:
        photograph = user.host.home / "photograph.png"
        Image.fromarray(skimage.data.coffee()).save(photograph)
        played = ("window:docker", "documents:closed", "real:photograph", "album:album")
        given = {"SCUMBLE_TEST_PHOTO": str(photograph), "SCUMBLE_TEST_ENGINE": user.real_engine()}
        reports = user.show(*played, **given)
        wrong = [report["error"] for report in reports.values() if "error" in report]
        assert not wrong, wrong
        shutil.copytree(user.host.home / "shots", folder / "krita")
    shots = {"docker": "photograph", "results": "photograph-history", "tries": "album-tries", "better": "album-better"}
    for name, shot in shots.items():
        picture = _picture(folder / "krita" / f"{shot}.png")
        _keep(_narrowed(picture, WIDTH), f"krita-{name}")
    frames = [_picture(folder / "krita" / f"album-frame-{number}.png").resize(FRAME) for number in FRAMES]
    sheet = Image.new("RGB", (3 * FRAME[0] + 2 * GAP, 2 * FRAME[1] + GAP), "white")
    for number, frame in enumerate(frames):
        sheet.paste(frame, (number % 3 * (FRAME[0] + GAP), number // 3 * (FRAME[1] + GAP)))
    _keep(sheet, "krita-live")
    _embed(_picture(folder / "krita" / "docker-alone.png"))
    history = _picture(folder / "krita" / "history.png")
    history.crop((1236, 330, 1500, 1104)).save(IMAGES / "krita-history.png", optimize=True)


def _embed(docker: Image.Image) -> None:
    """Into the page that Krita's plug-in manager shows, which opens no files."""
    written = io.BytesIO()
    docker.save(written, "JPEG", quality=75, optimize=True)
    data = base64.b64encode(written.getvalue()).decode()
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(re.sub('(?<=src="data:image/jpeg;base64,)[^"]*', data, text), encoding="utf-8")


def gimp(folder: Path) -> None:
    """A painter's way through the dialogue."""
    from hosts import gimp_desk, root

    photograph = folder / "coffee.png"
    Image.fromarray(skimage.data.coffee()).resize((864, 576), Image.Resampling.LANCZOS).save(photograph)
    with gimp_desk.desk(root.ensure(), photograph, None) as desk:
        shutil.rmtree(desk.host.home / "data" / "styles")  # the test's own
        desk.remember(style="starry-night")
        _again(desk, 2)
        desk.reset()
        _dialog(desk)
        _results(desk)
        _growing(desk)


def _dialog(desk: Desk) -> None:
    from hosts.gimp_dialog import TRY_ALL

    window = desk.open_dialog()
    _rest(desk)
    _keep(_shot(desk, window), "gimp-dialog")
    desk.push(TRY_ALL)
    desk.screen.sh("sleep 1")
    _rest(desk)
    _keep(_shot(desk, window), "gimp-tries")
    desk.push(TRY_ALL)
    desk.answer(window, "Escape")
    desk.wait_plugin()


def _results(desk: Desk) -> None:
    from hosts.gimp_dialog import HISTORY

    for number, style in enumerate(("sunflowers", "great-wave"), 2):
        desk.remember(style=style)
        _again(desk, number)
        desk.spy("image.set_selected_layers([image.get_layers()[-1]])")
    desk.key("shift+ctrl+j")  # zoom to fit
    desk.screen.sh(AWAY)
    _keep(_narrowed(_picture(desk.screen.shot("result")), 1050), "gimp-result")
    window = desk.open_dialog()
    _rest(desk)
    desk.click(window, HISTORY)
    picture = _shot(desk, window, TITLE)
    _keep(_narrowed(picture.crop((0, 0, 832, 609)), 664), "gimp-history")
    desk.answer(window, "Escape")
    desk.wait_plugin()


def _growing(desk: Desk) -> None:
    from hosts import gimp as user

    desk.reset()
    desk.remember(style="starry-night", quality="good")
    desk.press(user.AGAIN)
    window = desk.screen.window("^Scumble paints", 60)
    desk.screen.sh("sleep 12")  # for it to be better, and the time left to be known
    _keep(_narrowed(_shot(desk, window, TITLE), 686), "gimp-paints")
    desk.screen.focus(window)
    desk.screen.key("Escape")
    desk.wait_plugin()


def _again(desk: Desk, count: int) -> None:
    """Paint with the last settings until there are so many layers."""
    from hosts import gimp as user

    desk.press(user.AGAIN)
    desk.wait_layers(count, 240)


def _rest(desk: Desk) -> None:
    """Return when the engine has had nothing to do for a while."""
    quiet = 0

    def rests() -> bool:
        nonlocal quiet
        desk.screen.sh("sleep 0.5")
        jobs = desk.jobs()
        quiet = 0 if jobs["running"] or jobs["queued"] else quiet + 1
        return quiet > 3

    desk.screen.until(rests, 300, f"the engine does not rest: {json.dumps(desk.jobs())}")


def _shot(desk: Desk, window: str, title: int = 0) -> Image.Image:
    """A window, with so many pixels of what is above it."""
    desk.screen.sh(AWAY)
    x, y, width, height = desk.screen.place(window)
    y -= 20  # xdotool counts the title bar twice
    picture = _picture(desk.screen.shot("window"))
    return picture.crop((x, y - title // 2, min(x + width, picture.width), min(y + height, picture.height)))


def _picture(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _narrowed(picture: Image.Image, width: int) -> Image.Image:
    return picture.resize((width, round(picture.height * width / picture.width)), Image.Resampling.LANCZOS)


def _keep(picture: Image.Image, name: str) -> None:
    save_jpeg(picture, IMAGES / f"{name}.jpg")
    print(f"{name}: {picture.width} x {picture.height}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
