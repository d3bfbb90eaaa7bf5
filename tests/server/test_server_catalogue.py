# SPDX-License-Identifier: Apache-2.0
"""The catalogue made of what the worker says, and what is refused before a pixel comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from scumble.api.errors import ScumbleError
from scumble.library.styles import StyleStore
from scumble.library.weights import save_weights
from scumble.methods import registry
from scumble.painting import pipeline
from scumble.server import admission, limits, messages
from scumble.server.catalogue import Catalogue
from scumble.server.jobs import failed
from scumble.server.messages import ContextRaster, MaskRaster, Raster, StyleShare, Submit
from support.engine import STYLE, add_style, methods_of_tests

JOB = "0" * 32
NOTHING = {"arbitrary": False, "refine": False}


@pytest.fixture(autouse=True)
def methods() -> Iterator[None]:
    with methods_of_tests():
        yield


@pytest.fixture
def catalogue() -> Catalogue:
    made = Catalogue(StyleStore())
    methods = [pipeline.describe(m) for m in registry.methods().values()]
    made.learn(methods, {f"{STYLE}@1": ["invert"]})
    return made


def test_the_revision_rises_with_every_change_and_only_then(catalogue: Catalogue) -> None:
    before = catalogue.revision
    catalogue.page(0)
    catalogue.learn(None, {f"{STYLE}@1": ["invert"]})
    assert catalogue.page(0)[0]["revision"] == before
    catalogue.learn(None, {f"{STYLE}@1": ["invert", "slow"]})
    learnt = catalogue.revision
    assert learnt > before
    add_style("Another")  # as another process might
    assert catalogue.page(0)[0]["revision"] > learnt


def test_every_style_is_on_one_page_with_its_thumbnail_and_methods_on_the_first(catalogue: Catalogue) -> None:
    for n in range(40):
        add_style(f"Style {n}")
    first, _ = catalogue.page(0)
    ids = []
    for number in range(first["pages"]):
        header, thumbnails = catalogue.page(number)
        assert len(header["styles"]) <= 32
        assert bool(header["methods"]) == (number == 0)
        for style in header["styles"]:
            ids.append(style["id"])
            if style["own"]:
                assert thumbnails[style["thumbnail"]].startswith(b"\x89PNG")
    assert len(set(ids)) == len(ids) >= 41
    with pytest.raises(ScumbleError):
        catalogue.page(first["pages"])


def test_methods_and_styles_that_say_much_are_spread_over_pages_that_fit_a_header(catalogue: Catalogue) -> None:
    """A client refuses a longer header, and would have had no catalogue at all for one talkative method."""
    wordy = [catalogue.method("invert") | {"id": f"wordy-{n}", "purpose": "é" * 10_000} for n in range(9)]
    endless = catalogue.method("invert") | {"id": "endless", "purpose": "x" * limits.HEADER}
    many = [f"{n:064d}" for n in range(100)]
    for n in range(30):
        add_style(f"Style {n}")
    catalogue.learn([*wordy, endless], {f"style-{n}@1": many for n in range(30)})
    pages = [catalogue.page(n)[0] for n in range(catalogue.page(0)[0]["pages"])]
    assert [m["id"] for page in pages for m in page["methods"]] == [m["id"] for m in wordy]
    assert len({s["id"] for page in pages for s in page["styles"]}) >= 31
    for page in pages:
        assert len(messages.encode({"type": "catalogue", "re": 2**53, **page})) <= limits.HEADER


def test_a_failure_in_very_many_words_is_cut_to_fit_a_header() -> None:
    endless = ScumbleError("internal", "\0" * limits.HEADER, "\u2028" * limits.HEADER)
    for header in (failed(JOB, endless), messages.refusal(endless, 2**53)):
        assert len(messages.encode(header)) <= limits.HEADER
        assert header["message"].endswith("…")


def test_a_new_picture_can_be_painted_by_the_methods_that_take_any(catalogue: Catalogue) -> None:
    style = StyleStore().get(add_style("Brand new"))
    assert catalogue.methods_of(style) == ["invert", "slow", "crash"]


def test_what_has_been_trained_for_a_style_elsewhere_can_be_used_at_once(catalogue: Catalogue, tmp_path: Path) -> None:
    """`scumble styles attach` writes to the disk while an engine runs, which once said that the method had not learnt it."""
    store = StyleStore()
    catalogue.learn([catalogue.method("invert"), catalogue.method("invert") | {"id": "taught", "capabilities": NOTHING}], {})
    add_style("Harbour")
    assert catalogue.methods_of(store.get("harbour")) == ["invert"]
    trained = tmp_path / "trained.safetensors"
    save_weights(trained, {"weight": torch.ones(2)}, {"method": "taught"})
    assert catalogue.methods_of(store.attach("harbour", trained)) == ["invert", "taught"]


def submit(**fields: Any) -> Submit:
    raster = Raster(4, 3, "u8", "rgba")
    plain = {"job": JOB, "method": "invert", "styles": [StyleShare(STYLE, 2.0)], "raster": raster}
    return Submit(**plain | fields)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"strength": 7.0}, "bad-strength"),
        ({"strength": -0.1}, "bad-strength"),
        ({"styles": []}, "bad-weights"),
        ({"styles": [StyleShare(STYLE, 0.0)]}, "bad-weights"),
        ({"styles": [StyleShare(STYLE, -1.0), StyleShare(STYLE, 2.0)]}, "bad-weights"),
        ({"styles": [StyleShare(STYLE, 1e308)] * 2}, "bad-weights"),
        ({"styles": [StyleShare("nobody", 1.0)]}, "style-unknown"),
        ({"styles": [StyleShare(STYLE + "@9", 1.0)]}, "style-unknown"),
        ({"method": "nothing"}, "method-unknown"),
        ({"method": "slow"}, "style-unavailable"),
        ({"options": {"sed": 1}}, "bad-options"),
        ({"options": {"seed": -1}}, "bad-options"),
        ({"options": {"seed": "1"}}, "bad-options"),
        ({"raster": Raster(0, 3, "u8", "rgba")}, "bad-raster"),
        ({"raster": Raster(3, -3, "u8", "rgba")}, "bad-raster"),
        ({"raster": Raster(65536, 1, "u8", "rgba")}, "bad-raster"),
        ({"raster": Raster(65535, 65535, "u8", "rgba")}, "bad-raster"),
        ({"context": ContextRaster(1025, 1, "u8", "rgba", 0, 0, 9, 9)}, "bad-raster"),
        ({"context": ContextRaster(9, 9, "u8", "rgba", 6, 0, 9, 9)}, "bad-raster"),
        ({"context": ContextRaster(9, 9, "u8", "rgba", -1, 0, 9, 9)}, "bad-raster"),
        ({"context": ContextRaster(9, 9, "u8", "rgba", 0, 0, 2**53, 2**53)}, "bad-raster"),
        ({"masks": MaskRaster(5, 3, 1, "u8")}, "bad-raster"),
        ({"masks": MaskRaster(4, 2**53, 1, "u8")}, "bad-raster"),
        ({"masks": MaskRaster(4, 3, 2, "u8")}, "bad-raster"),
        ({"masks": MaskRaster(4, 3, 0, "u8")}, "bad-raster"),
        ({"masks": MaskRaster(4, 3, -1, "f32")}, "bad-raster"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_own_code(
    catalogue: Catalogue, fields: dict[str, Any], code: str
) -> None:
    with pytest.raises(ScumbleError) as e:
        admission.check_submit(submit(**fields), catalogue)
    assert e.value.code == code


def test_a_request_pins_the_newest_revision_of_its_styles(catalogue: Catalogue) -> None:
    assert admission.check_submit(submit(), catalogue) == [(f"{STYLE}@1", 2.0)]


def test_before_the_worker_has_spoken_a_request_is_taken_on_trust() -> None:
    assert admission.check_submit(submit(method="later"), Catalogue(StyleStore()))
