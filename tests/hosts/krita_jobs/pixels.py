# SPDX-License-Identifier: Apache-2.0
"""Jobs about pixels: what comes back, where, in which depth and colour space. The engine's method inverts."""

from __future__ import annotations

import struct
from typing import Any

from krita import Selection
from runner import Bench, at, every, facts

W, H = 60, 40
COLOUR = (150, 120, 100)
"""sRGB, red first."""


def plain(bench: Bench) -> dict[str, Any]:
    """BGRA bytes that differ everywhere."""
    document = bench.document(W, H)
    pixels = bytes(v for y in range(H) for x in range(W) for v in (x * 4, y * 6, (x + y) * 2, 255))
    node = bench.layer(document, "sketch", pixels, 0, 0, W, H)
    above = bench.layer(document, "above", bytes(4), 0, 0, 1, 1)
    new = bench.paint(document, node, strength=1.0)
    painted = bytes(new[0].pixelData(0, 0, W, H))
    wanted = bytes(255 - v if i % 4 < 3 else v for i, v in enumerate(pixels))
    half = bench.paint(document, node, strength=0.7)
    return {
        "difference": max(abs(a - b) for a, b in zip(painted, wanted, strict=True)),
        "untouched": bytes(node.pixelData(0, 0, W, H)) == pixels and bytes(above.pixelData(0, 0, 1, 1)) == bytes(4),
        "names": [n.name() for n in document.topLevelNodes()],
        "facts": facts(new[0]),
        "half": facts(half[0])["name"],
        "notes": bench.host.notes(bench.host.these(document, [node])[0]),
    }


def depths(bench: Bench) -> dict[str, Any]:
    """Each depth, in sRGB's own curve: pixels written as fractions, read back as fractions."""
    kinds = {"U8": ("B", 255, "bgra"), "U16": ("H", 65535, "bgra"), "F16": ("e", 1.0, "rgba"), "F32": ("f", 1.0, "rgba")}
    report = {}
    for depth, (code, full, order) in kinds.items():
        document = bench.document(8, 8, "RGBA", depth, "sRGB-elle-V2-srgbtrc.icc")
        values = [0.8, 0.4, 0.1, 1.0] if order == "rgba" else [0.1, 0.4, 0.8, 1.0]
        one = struct.pack(f"<4{code}", *(v * full if depth[0] == "F" else round(v * full) for v in values))
        node = bench.layer(document, depth, one * 64, 0, 0, 8, 8)
        new = bench.paint(document, node, strength=1.0)[0]
        back = struct.unpack(f"<4{code}", bytes(new.pixelData(3, 3, 1, 1)))
        colours = [v / full for v in back[:3]][:: 1 if order == "rgba" else -1]
        report[depth] = {"colours": colours, "alpha": back[3] / full, "facts": facts(new)}
    return report


def spaces(bench: Bench) -> dict[str, Any]:
    """Colour models and a linear profile: the layer comes back in its own space, and shows the inverted colour."""
    report = {}
    sent: list[Any] = []
    submit = bench.studio.session.submit
    bench.studio.session.submit = lambda request: sent.append(request.raster.transfer) or submit(request)
    for model, depth in (("GRAYA", "U8"), ("GRAYA", "U16"), ("CMYKA", "U8"), ("LABA", "U16"), ("RGBA", "F32"), ("RGBA", "F16")):
        document = bench.document(8, 8, "RGBA", "U8", "sRGB-elle-V2-srgbtrc.icc")
        node = bench.layer(document, "layer", bytes((*COLOUR[::-1], 255)) * 64, 0, 0, 8, 8)
        document.setColorSpace(model, depth, "")
        document.waitForDone()
        node = document.nodeByName("layer")
        new = bench.paint(document, node, strength=1.0)[0]
        colours = [_srgb(bench, document, which) for which in (node, new)]
        report[f"{model} {depth}"] = {
            "colours": colours,
            "same": facts(new)["space"] == facts(node)["space"],
            "facts": facts(new),
            "sent": sent[-1],
        }
    del bench.studio.session.submit
    return report


def selection(bench: Bench) -> dict[str, Any]:
    """A soft selection becomes a transparency mask; without such masks, alpha."""
    report = {}
    for way in ("mask", "alpha"):
        document = bench.document(200, 160)
        node = bench.layer(document, "layer", bytes((*COLOUR[::-1], 255)) * 200 * 160, 0, 0, 200, 160)
        chosen = Selection()
        chosen.select(80, 60, 40, 40, 255)
        chosen.feather(5)
        document.setSelection(chosen)
        document.waitForDone()
        row = list(bytes(document.selection().pixelData(0, 80, 200, 1)))
        bench.studio.choose(strength=1.0)
        new = bench.paint(document, node)[0] if way == "mask" else _without_masks(bench, document, node)
        pixels = bytes(new.projectionPixelData(0, 80, 200, 1))
        report[way] = {
            "selected": row,
            "alpha": list(pixels[3::4]),
            "inside": list(pixels[400:404]),
            "facts": facts(new),
            "edge": at(node, 80, 80),
        }
    return report


def around(bench: Bench) -> dict[str, Any]:
    """What is painted of a long layer where 20 pixels of it are selected: more with a broad brush."""
    document = bench.document(1000, 4)
    node = bench.layer(document, "layer", bytes((10, 20, 30, 255)) * 4000, 0, 0, 1000, 4)
    chosen = Selection()
    chosen.select(500, 0, 20, 4, 255)
    document.setSelection(chosen)
    document.waitForDone()
    report = {}
    for size in (0.5, 1.0, 2.0):
        bounds = bench.paint(document, node, options={"brush_size": size})[0].bounds()
        report[str(size)] = [bounds.x(), bounds.width()]
    bench.studio.choose(options={})
    return {"bounds": report}


def groups(bench: Bench) -> dict[str, Any]:
    """A group is painted as it shows; a layer in a group gets its result in that group."""
    document = bench.document(W, H)
    group = document.createGroupLayer("group")
    document.rootNode().addChildNode(group, None)
    low = bench.layer(document, "low", bytes((0, 0, 255, 255)) * W * H, 0, 0, W, H, group)
    bench.layer(document, "high", bytes((0, 255, 0, 255)) * 10 * 10, 5, 5, 10, 10, group)
    of_group = bench.paint(document, group, strength=1.0)[0]
    inside = bench.paint(document, low, strength=1.0)[0]
    return {
        "low": at(of_group, 30, 30),
        "high": at(of_group, 8, 8),
        "above": [n.name() for n in document.topLevelNodes()],
        "parent": inside.parentNode().name(),
        "order": [n.name() for n in group.childNodes()],
    }


def small_layer(bench: Bench) -> dict[str, Any]:
    """A layer that covers part of the canvas, and reaches beyond it."""
    document = bench.document(W, H)
    node = bench.layer(document, "patch", bytes((10, 20, 30, 255)) * 20 * 20, 50, 10, 20, 20)
    new = bench.paint(document, node, strength=1.0)[0]
    return {"facts": facts(new), "pixel": at(new, 55, 15)}


def several(bench: Bench) -> dict[str, Any]:
    """Two layers in one go."""
    document = bench.document(W, H)
    nodes = [bench.layer(document, name, bytes((v, v, v, 255)) * W * H, 0, 0, W, H) for name, v in (("one", 10), ("two", 20))]
    new = bench.paint(document, *nodes, strength=1.0)
    return {"order": [n.name() for n in document.topLevelNodes()], "pixels": sorted(at(n, 1, 1)[0] for n in new)}


def one_is_empty(bench: Bench) -> dict[str, Any]:
    """Three layers, of which one is empty."""
    document = bench.document(W, H)
    greys = {"low": 10, "high": 20}
    low, high = (bench.layer(document, name, bytes((v, v, v, 255)) * W * H, 0, 0, W, H) for name, v in greys.items())
    empty = document.createNode("bare", "paintlayer")
    document.rootNode().addChildNode(empty, low)
    new = bench.paint(document, low, empty, high, strength=1.0)
    bench.run(until=lambda: "painted" in bench.studio.standing.text)
    names = [n.name() for n in document.topLevelNodes()]
    return {"names": names, "pixels": sorted(at(n, 1, 1)[0] for n in new), "text": bench.studio.standing.text}


def nothing(bench: Bench) -> dict[str, Any]:
    """An empty layer, and a selection beside the layer: refused, not painted."""
    document = bench.document(W, H)
    empty = document.createNode("empty", "paintlayer")
    document.rootNode().addChildNode(empty, None)
    new = bench.paint(document, empty, strength=1.0)
    return {"new": len(new), "text": bench.studio.standing.text, "hint": bench.studio.standing.hint}


def shifted(bench: Bench) -> dict[str, Any]:
    """The layer is moved on the canvas while the engine works: the result and its mask follow."""
    document = bench.document(100, 100)
    node = bench.layer(document, "layer", bytes((10, 20, 30, 255)) * 40 * 40, 10, 10, 40, 40)
    chosen = Selection()
    chosen.select(20, 20, 10, 10, 255)
    document.setSelection(chosen)
    document.waitForDone()
    bench.studio.choose(method="slow", options={"seconds": 0.3})
    bench.studio.paint(bench.host.these(document, [node]))
    bench.run(until=lambda: bench.studio.queue.fraction > 0.1)
    node.move(node.position().x() + 30, node.position().y())
    document.waitForDone()
    bench.run()
    bench.studio.choose(method="invert", options={})
    document.waitForDone()
    new = next(n for n in document.topLevelNodes() if n.name().startswith("Test"))
    return {
        "inside": list(bytes(new.projectionPixelData(55, 25, 1, 1))),
        "old": list(bytes(new.projectionPixelData(25, 25, 1, 1))),
    }


def sizes(bench: Bench) -> dict[str, Any]:
    """One pixel, and twenty-four million."""
    document = bench.document(1, 1)
    node = bench.layer(document, "dot", bytes((10, 20, 30, 255)), 0, 0, 1, 1)
    dot = at(bench.paint(document, node, strength=1.0)[0], 0, 0)
    document = bench.document(6000, 4000)
    node = bench.layer(document, "large", bytes((10, 20, 30, 255)) * 24_000_000, 0, 0, 6000, 4000)
    large = bench.paint(document, node, strength=1.0)[0]
    return {
        "dot": dot,
        "facts": facts(large),
        "corners": [at(large, *place) for place in ((0, 0), (5999, 0), (0, 3999), (5999, 3999))],
    }


def gone(bench: Bench) -> dict[str, Any]:
    """A layer deleted, a layer moved in the stack, and a document closed while the engine works."""
    report: dict[str, Any] = {}
    for what in ("deleted", "moved", "closed"):
        document = bench.document(W, H)
        node = bench.layer(document, what, bytes((10, 20, 30, 255)) * W * H, 0, 0, W, H)
        bench.studio.choose(method="slow", options={"seconds": 0.5})
        bench.studio.paint(bench.host.these(document, [node]))
        bench.run(until=lambda: bench.studio.queue.fraction > 0.1)
        if what == "deleted":
            node.remove()
        elif what == "closed":
            document.setModified(False)
            document.close()
        else:
            group = document.createGroupLayer("group")
            document.rootNode().addChildNode(group, None)
            node.remove()
            group.addChildNode(node, None)
        bench.run()
        report[what] = {"status": f"{bench.studio.standing.text} {bench.studio.standing.hint}"}
        report[what]["kept"] = [e.layer for e in bench.studio.records.entries() if e.kept]
        if what != "closed":
            report[what]["names"] = [n.name() for n in every(document)]
    bench.studio.choose(method="invert", options={})
    other = bench.document(W, H)
    below = bench.layer(other, "below", bytes((1, 1, 1, 255)) * W * H, 0, 0, W, H)
    bench.host.layers = lambda: bench.host.these(other, [below])
    entry = [e for e in bench.studio.records.entries() if e.kept][-1]
    bench.studio.insert_kept(entry)
    del bench.host.layers
    other.waitForDone()
    report["inserted"] = {"names": [n.name() for n in other.topLevelNodes()], "pixel": at(other.topLevelNodes()[-1], 2, 2)}
    return report


def _without_masks(bench: Bench, document: Any, node: Any) -> Any:
    """As Krita 5.1 does it, which has no transparency masks for scripts."""
    import scumble.krita_layers as module

    before = {n.uniqueId().toString() for n in every(document)}
    masks, module.has_masks = module.has_masks, lambda document: False
    try:
        bench.studio.paint(bench.host.these(document, [node]))
        bench.run()
    finally:
        module.has_masks = masks
    return next(n for n in every(document) if n.uniqueId().toString() not in before)


def _srgb(bench: Bench, document: Any, node: Any) -> list[int]:
    """What one sees at (3, 3), red first."""
    copy = node.duplicate()
    copy.setColorSpace("RGBA", "U8", "sRGB-elle-V2-srgbtrc.icc")
    return at(copy, 3, 3)[2::-1]
