# SPDX-License-Identifier: Apache-2.0
"""What the disk keeps of what was learnt of a style, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scumble.api.errors import ScumbleError
from scumble.library.refinements import KEPT, Record, keep_refined, read_checkpoint, read_record, write_checkpoint, write_record
from scumble.library.styles import StoredStyle, StyleStore
from scumble.library.weights import MAX_STATE, load_weights, pack_state, read_state, unpack_state, write_state
from scumble.server.recent_pictures import RecentPictures

ROW = {"row": np.arange(6, dtype=np.float32).reshape(2, 3), "steps": np.array([7]), "on": np.array([True, False])}


@pytest.fixture
def store(tmp_path: Path) -> StyleStore:
    return StyleStore(tmp_path / "styles")


@pytest.fixture
def sea(store: StyleStore) -> StoredStyle:
    return store.put("sea", np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))


def refused(error: pytest.ExceptionInfo[ScumbleError]) -> str:
    return error.value.code


def test_a_state_comes_back_as_it_was_also_as_tensors(tmp_path: Path) -> None:
    path = tmp_path / "memory@2.safetensors"
    write_state(path, pack_state(ROW), {"steps": 50})
    arrays, card = read_state(path)
    assert card["steps"] == 50
    assert {name: array.dtype for name, array in arrays.items()} == {name: array.dtype for name, array in ROW.items()}
    for name, array in ROW.items():
        np.testing.assert_array_equal(arrays[name], array)
    assert load_weights(path)[0]["row"].tolist() == ROW["row"].tolist()


def test_a_view_and_a_single_number_are_kept_as_they_look() -> None:
    view = np.arange(12, dtype=np.float64).reshape(3, 4).T[::2]
    number = np.array(3)
    kept = unpack_state(pack_state({"view": view, "number": number}))
    np.testing.assert_array_equal(kept["view"], view)
    assert (kept["number"].shape, int(kept["number"])) == ((), 3)


@pytest.mark.parametrize(
    "array",
    [np.array([1.0, np.nan]), np.array([np.inf], np.float16), np.array(["text"]), np.zeros(MAX_STATE // 8 + 1)],
    ids=["nan", "infinite", "text", "large"],
)
def test_what_no_state_may_hold_is_refused_before_it_is_written(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"holds|larger"):
        pack_state({"it": array})


@pytest.mark.parametrize("damage", ["cut", "flipped", "card", "no card", "gone"])
def test_a_damaged_state_is_refused_in_words_that_name_the_style(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "sea" / "memory@2.safetensors"
    write_state(path, pack_state(ROW), {})
    data = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(data[:-1])
        case "flipped":
            path.write_bytes(data[:-1] + b"\x7f")
        case "card":
            path.with_suffix(".json").write_text("[" * 50_000)
        case "no card":
            path.with_suffix(".json").unlink()
        case "gone":
            path.unlink()
    with pytest.raises(ScumbleError, match="'sea'") as error:
        read_state(path)
    assert refused(error) == "weights-corrupt"


def test_a_refined_state_is_a_new_revision_and_the_old_ones_stay(store: StyleStore, sea: StoredStyle) -> None:
    rows = [{"row": np.full(3, n, np.float32)} for n in range(2)]
    for n in range(2):
        write_record(store, "sea", Record("memory", n + 1))
        write_checkpoint(store, "sea", n + 1, "memory", pack_state(rows[0]))
        assert keep_refined(store, "sea", n + 1, "memory", pack_state(rows[n]), {"n": n}).pinned == f"sea@{n + 2}"
    assert store.get("sea@1").state("memory") is None
    for n in range(2):
        path = store.get(f"sea@{n + 2}").state("memory")
        assert path is not None
        arrays, card = read_state(path)
        np.testing.assert_array_equal(arrays["row"], rows[n]["row"])
        assert (card["n"], card["from"], card["style"]) == (n, n + 1, "sea")
    newest = store.get("sea")
    assert read_record(newest) is None
    assert not list(newest.folder.glob("*unfinished*"))


def test_record_and_checkpoint_count_for_the_revision_they_began_from_alone(store: StyleStore, sea: StoredStyle) -> None:
    record = Record("memory", 1, "failed", 0.5, "worker-died", "It died.", "Try again.")
    write_record(store, "sea", record)
    write_checkpoint(store, "sea", 1, "memory", pack_state(ROW))
    assert read_record(sea) == record
    checkpoint = read_checkpoint(sea, "memory")
    assert checkpoint is not None
    assert read_checkpoint(sea, "other") is None
    later = store.revise("sea")
    assert read_record(later) is None
    assert read_checkpoint(later, "memory") is None


@pytest.mark.parametrize("gone", ["removed", "revised"])
def test_nothing_is_written_for_a_style_that_has_gone_on_or_away(store: StyleStore, sea: StoredStyle, gone: str) -> None:
    if gone == "removed":
        store.remove("sea")
    else:
        store.revise("sea")
    before = sorted(store.user_dir.rglob("*"))
    data = pack_state(ROW)
    for write in (
        lambda: write_record(store, "sea", Record("memory", 1)),
        lambda: write_checkpoint(store, "sea", 1, "memory", data),
        lambda: keep_refined(store, "sea", 1, "memory", data, {}),
    ):
        with pytest.raises(ScumbleError) as error:
            write()
        assert refused(error) == "style-unknown"
    assert sorted(store.user_dir.rglob("*")) == before


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"method": 3, "base": 1}', '{"method": "m", "base": 1, "state": "odd"}', '{"base": 1}',
     '{"method": "m", "base": 1, "path": "x"}', '{"method": "m", "base": 1, "fraction": "x"}', "[" * 50_000],
)  # fmt: skip
def test_a_damaged_record_counts_for_nothing(store: StyleStore, sea: StoredStyle, text: str) -> None:
    (sea.folder / "refining.json").write_text(text)
    assert read_record(sea) is None
    write_record(store, "sea", Record("memory", 1))
    assert json.loads((sea.folder / "refining.json").read_text())["state"] == "wanted"


def test_the_pictures_painted_last_are_kept_small_each_once() -> None:
    contents = RecentPictures()
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (100, 80, 4), np.uint8) for _ in range(KEPT + 1)]
    for pixels in [*pictures, pictures[-2]]:
        pixels[..., 3] = 255
        contents.keep(pixels, "rgba", None)
    kept = contents.pictures()
    assert len(kept) == KEPT
    np.testing.assert_allclose(kept[0] * 255, pictures[-2][..., :3], atol=0.6)
    contents.keep(np.full((3000, 5000, 4), 0.5, np.float16), "bgra", None)
    assert contents.pictures()[0].shape == (614, 1024, 3)
    np.testing.assert_allclose(contents.pictures()[0], 0.5, atol=0.01)


@pytest.mark.parametrize("size", [(10, 200), (1, 1)])
def test_a_picture_with_nothing_to_learn_on_is_not_kept(size: tuple[int, int]) -> None:
    contents = RecentPictures()
    contents.keep(np.full((*size, 4), 255, np.uint8), "rgba", None)
    contents.keep(np.zeros((100, 100, 4), np.uint8), "rgba", None)
    assert contents.pictures() == []
