# SPDX-License-Identifier: Apache-2.0
"""Jobs about several styles in one picture: where the selection, layers and masks say. The method paints a style's mean
colour, so that a pixel tells whose it is."""

from __future__ import annotations

import struct
from typing import Any

from krita import Selection
from runner import Bench, at, facts

W, H = 60, 40
COLOURS = {"violet": (90, 10, 200), "yellow": (250, 210, 40)}


def styles(bench: Bench) -> None:
    """Two of one colour each."""
    from scumble.scumble_client.raster import Raster

    for name, colour in COLOURS.items():
        if all(style.id != name for style in (bench.studio.catalogue.styles if bench.studio.catalogue else ())):
            bench.studio.add_style(name, Raster(8, 8, "u8", "rgba", bytes((*colour, 255)) * 64))
            bench.run(until=lambda name=name: any(s.id == name for s in getattr(bench.studio.catalogue, "styles", ())))


def others(*ways: tuple[Any, ...]) -> Any:
    from scumble.scumble_client.desk.settings import Other

    return tuple(Other("yellow", *way) for way in ways)


def mixed(bench: Bench, document: Any, node: Any, *ways: tuple[Any, ...]) -> Any:
    """What comes of a layer painted violet, and yellow as `ways` say."""
    new = bench.paint(document, node, style="violet", method="average", strength=1.0, others=others(*ways))
    bench.studio.choose(style="test-style", method="invert", others=())
    return new[0] if new else None


def places(bench: Bench) -> dict[str, Any]:
    """Five kinds of place, each 5 pixels wide; some are hidden. A selection that is a place does not limit the result."""
    styles(bench)
    document = bench.document(W, H)
    node = bench.layer(document, "photo", bytes((1, 2, 3, 255)) * W * H, 0, 0, W, H)
    grey = bench.layer(document, "grey", bytes((0, 0, 0, 255)) * W * H, 0, 0, W, H)
    grey.setPixelData(bytes((255, 255, 255, 255)) * 5 * H, 5, 0, 5, H)
    strokes = bench.layer(document, "strokes", bytes((9, 9, 9, 255)) * 5 * H, 15, 0, 5, H)
    masked = bench.layer(document, "masked", bytes((4, 4, 4, 255)) * W * H, 0, 0, W, H)
    held = []
    for kind, x in (("transparency", 25), ("selection", 35)):
        mask = document.createTransparencyMask(kind) if kind == "transparency" else document.createSelectionMask(kind)
        masked.addChildNode(mask, None)
        chosen = Selection()
        chosen.select(x, 0, 5, H, 255)
        mask.setSelection(chosen)
        held.append(mask)
    chosen = Selection()
    chosen.select(45, 0, 5, H, 255)
    document.setSelection(chosen)
    grey.setVisible(False)
    strokes.setVisible(False)
    document.refreshProjection()
    document.waitForDone()
    ids = [n.uniqueId().toString() for n in (grey, strokes, *held)]
    from scumble.krita_places import in_small_of, listed

    names = [name for _, name in listed(document)]
    smalls = [list(in_small_of(document, (place, ""), 320)[:W]) for place in (*ids, "selection")]
    new = mixed(bench, document, node, *((1.0, place, "a place") for place in (*ids, "selection")))
    row = bytes(new.pixelData(0, 20, W, 1))
    entry = bench.host.notes(bench.host.these(document, [node])[0])
    return {
        "row": [list(row[i : i + 3][::-1]) for i in range(0, len(row), 4)],
        "smalls": smalls,
        "facts": facts(new),
        "names": names,
        "notes": entry,
        "ids": ids,
    }


def deep(bench: Bench) -> dict[str, Any]:
    """A ramp of 16 bits as the place, in a document of 16 bits: how many levels come back."""
    styles(bench)
    document = bench.document(1024, 4, "RGBA", "U16", "sRGB-elle-V2-srgbtrc.icc")
    node = bench.layer(document, "photo", struct.pack("<4H", 1, 2, 3, 65535) * 4096, 0, 0, 1024, 4)
    ramp = b"".join(struct.pack("<4H", v, v, v, 65535) for v in (20000 + 8 * x for x in range(1024)))
    where = bench.layer(document, "ramp", ramp * 4, 0, 0, 1024, 4)
    new = mixed(bench, document, node, (1.0, where.uniqueId().toString(), "ramp"))
    row = bytes(new.pixelData(0, 1, 1024, 1))
    return {"levels": len({row[i : i + 2] for i in range(0, len(row), 8)})}


def limited(bench: Bench) -> dict[str, Any]:
    """A selection limits the result where it is no place itself; half a share of a place is half of each style."""
    styles(bench)
    document = bench.document(W, H)
    node = bench.layer(document, "photo", bytes((1, 2, 3, 255)) * W * H, 0, 0, W, H)
    where = bench.layer(document, "left", bytes((255, 255, 255, 255)) * 20 * H, 0, 0, 20, H)
    chosen = Selection()
    chosen.select(10, 0, 20, H, 255)
    document.setSelection(chosen)
    document.waitForDone()
    new = mixed(bench, document, node, (0.5, where.uniqueId().toString(), "left"))
    return {"pixels": [at(new, x, 20)[2::-1] for x in (12, 27)], "facts": facts(new)}


def place_gone(bench: Bench) -> dict[str, Any]:
    """A place that was removed, and a selection that is not there."""
    styles(bench)
    document = bench.document(W, H)
    node = bench.layer(document, "photo", bytes((1, 2, 3, 255)) * W * H, 0, 0, W, H)
    sky = bench.layer(document, "sky", bytes((255, 255, 255, 255)) * W * H, 0, 0, W, H)
    place = sky.uniqueId().toString()
    sky.remove()
    report = {}
    for what, way in (("removed", (1.0, place, "sky")), ("nothing", (1.0, "selection"))):
        bench.paint(document, node, style="violet", method="average", strength=1.0, others=others(way))
        report[what] = f"{bench.studio.standing.text} {bench.studio.standing.hint}"
        bench.studio.choose(style="test-style", method="invert", others=())  # which clears the status line
    return {**report, "names": [n.name() for n in document.topLevelNodes()]}
