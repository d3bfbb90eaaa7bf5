# SPDX-License-Identifier: Apache-2.0
"""The styles there are: what ships, what the user adds, and what an id means."""

from __future__ import annotations

import io
import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from scumble.api.errors import ScumbleError
from scumble.api.method import Style
from scumble.library import stored_style, styles
from scumble.library.names import id_of, title_of
from scumble.library.styles import ID, StyleStore
from scumble.library.weights import load_weights, save_weights


@pytest.fixture
def store(tmp_path: Path) -> StyleStore:
    return StyleStore(tmp_path / "styles")


def painting(seed: int = 0, height: int = 20, width: int = 30) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def code(error: pytest.ExceptionInfo[ScumbleError]) -> str:
    return error.value.code


def test_the_two_first_styles_ship_and_come_without_a_painting(store: StyleStore) -> None:
    ids = [s.id for s in store.list()]
    assert {"starry-night", "great-wave"} <= set(ids)
    wave = store.get("great-wave")
    assert isinstance(wave, Style)
    assert not wave.own
    assert wave.picture() is None
    assert wave.artist == "Katsushika Hokusai"


def test_a_missing_thumbnail_is_none_and_a_trained_state_lies_beside_the_weights(tmp_path, monkeypatch, store) -> None:
    (tmp_path / "models" / "styles").mkdir(parents=True)
    card = {"id": "calm", "title": "Calm", "artist": "A", "year": "1", "licence": "L", "revision": 3}
    (tmp_path / "models" / "styles" / "calm.json").write_text(json.dumps(card))
    (tmp_path / "models" / "johnson").mkdir()
    (tmp_path / "models" / "johnson" / "calm.safetensors").write_bytes(b"weights")
    monkeypatch.setattr(styles, "SHIPPED", tmp_path / "models")
    calm = store.get("calm@3")
    assert calm.thumbnail() is None
    assert calm.state("johnson") == tmp_path / "models" / "johnson" / "calm.safetensors"
    assert calm.state("gatys") is None


def test_a_picture_put_comes_back_with_a_square_thumbnail(store: StyleStore) -> None:
    rgb = painting()
    style = store.put("Mein  Hafen!\n", rgb)
    assert (style.id, style.revision, style.title, style.own) == ("mein-hafen", 1, "Mein Hafen!", True)
    picture = store.get("mein-hafen@1").picture()
    assert picture is not None
    assert picture.dtype == np.float32
    assert np.array_equal(np.rint(picture * 255).astype(np.uint8), rgb)
    thumbnail = Image.open(io.BytesIO(style.thumbnail() or b""))
    assert (thumbnail.format, thumbnail.size) == ("PNG", (128, 128))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 4000), (3000, 40), (1600, 1700)])
def test_a_picture_is_kept_no_larger_than_it_is_compared_at(store: StyleStore, height: int, width: int) -> None:
    picture = store.put("big", np.full((height, width, 3), 77, np.uint8)).picture()
    assert picture is not None
    assert max(picture.shape[:2]) == min(max(height, width), 1536)
    assert np.all(np.rint(picture * 255) == 77)


def test_the_gallery_comes_in_its_own_order_and_the_users_styles_after_it(store: StyleStore) -> None:
    """By title it began with Apples and Oranges, and what invites most lay on the last page."""
    store.put("A first harbour", painting())
    shipped = [style for style in store.list() if not style.own]
    assert [style.rank for style in shipped] == list(range(1, len(shipped) + 1))
    assert shipped[0].id == "starry-night"
    assert store.list()[-1].title == "A first harbour"


@given(st.text(max_size=200))
def test_every_name_gives_a_safe_id(name: str) -> None:
    assert ID.fullmatch(id_of(title_of(name)))


def test_one_name_for_many_pictures_gives_many_ids_and_the_same_picture_again_the_same_id(store: StyleStore) -> None:
    long = "x" * 100
    assert [store.put(long, painting(n)).id for n in range(3)] == ["x" * 64, "x" * 58 + "-2", "x" * 58 + "-3"]
    assert store.put(long, painting(1)).id == "x" * 58 + "-2"
    assert store.put("Starry Night", painting()).id == "starry-night-2"


def test_the_catalogue_revision_rises_with_every_change_and_survives_a_restart(store: StyleStore) -> None:
    revisions = [store.revision]
    store.put("a", painting())
    revisions.append(store.revision)
    store.revise("a")
    revisions.append(store.revision)
    store.remove("a")
    revisions.append(StyleStore(store.user_dir).revision)
    assert revisions == sorted(set(revisions))


def test_a_revision_means_one_thing_forever(store: StyleStore) -> None:
    first = store.put("sea", painting(1))
    first.state_path("johnson", 2).write_bytes(b"refined")
    second = store.revise("sea")
    assert second.pinned == "sea@2"
    assert store.get("sea").state("johnson") == first.state_path("johnson", 2)
    assert store.get("sea@1").state("johnson") is None
    store.remove("sea")
    again = store.put("sea", painting(2))
    assert again.pinned == "sea@3"
    with pytest.raises(ScumbleError) as error:
        store.get("sea@1")
    assert code(error) == "style-unknown"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "", "A", "a" * 65, "a@0", "a@", "a@1@2", "stary-night", "great-wave@9", "."]
)
def test_a_name_that_is_no_style_is_refused(store: StyleStore, name: str) -> None:
    with pytest.raises(ScumbleError) as error:
        store.get(name)
    assert code(error) == "style-unknown"


def test_a_slip_of_the_pen_is_answered_with_the_nearest_name(store: StyleStore) -> None:
    with pytest.raises(ScumbleError, match="starry-night"):
        store.get("Stary_nigth")


def test_a_shipped_style_stays(store: StyleStore) -> None:
    for act in (store.remove, store.revise):
        with pytest.raises(ScumbleError) as error:
            act("great-wave")
        assert code(error) == "style-shipped"
    assert store.get("great-wave")


def test_removing_a_style_leaves_no_file_and_the_others_untouched(store: StyleStore) -> None:
    store.put("one", painting(1))
    store.put("two", painting(2))
    before = {p.name: p.read_bytes() for p in (store.user_dir / "two").iterdir()}
    store.remove("one")
    assert sorted(p.name for p in store.user_dir.iterdir()) == ["ledger.json", "two"]
    assert {p.name: p.read_bytes() for p in (store.user_dir / "two").iterdir()} == before
    with pytest.raises(ScumbleError) as error:
        store.remove("one")
    assert code(error) == "style-unknown"


def test_a_renamed_style_keeps_its_id_its_revisions_and_its_files(store: StyleStore) -> None:
    mine = store.put("Mine", painting())
    store.revise(mine.id)
    before = {p.name: p.read_bytes() for p in (store.user_dir / mine.id).iterdir() if p.name != "style.json"}
    number = store.revision
    renamed = store.rename(mine.id, " Fog\tover the harbour ")
    assert (renamed.title, renamed.pinned) == ("Fog over the harbour", f"{mine.id}@2")
    assert store.revision > number, "a catalogue that was read before is out of date"
    assert store.get(f"{mine.id}@1").title == "Fog over the harbour"
    assert {p.name: p.read_bytes() for p in (store.user_dir / mine.id).iterdir() if p.name != "style.json"} == before
    assert store.revise(mine.id).pinned == f"{mine.id}@3"
    assert store.get(mine.id).title == "Fog over the harbour", "a refinement that ends later takes nothing back"
    assert store.get(mine.id).picture() is not None


def test_shipped_styles_keep_their_names(store: StyleStore) -> None:
    with pytest.raises(ScumbleError, match="ships with Scumble") as error:
        store.rename("starry-night", "Night")
    assert (code(error), error.value.hint) == ("style-shipped", "Only your own can change.")
    assert store.get("starry-night").title == "The Starry Night"


def test_a_style_that_cannot_be_renamed_keeps_its_name(store: StyleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("kept", painting())

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ScumbleError) as error:
        store.rename("kept", "lost")
    assert code(error) == "disk-full"
    assert store.get("kept").title == "kept"


def test_what_was_trained_for_a_style_is_a_new_revision_of_it(store: StyleStore, tmp_path: Path) -> None:
    mine = store.put("Mine", painting())
    trained = tmp_path / "anything.safetensors"
    save_weights(trained, {"weight": torch.ones(2)}, {"method": "johnson"})
    attached = store.attach(mine.id, trained)
    assert attached.pinned == f"{mine.id}@2"
    state = store.get(mine.id).state("johnson")
    assert state is not None
    assert load_weights(state)[1] == load_weights(trained)[1]
    assert store.get(f"{mine.id}@1").state("johnson") is None
    assert attached.state("gatys") is None


@pytest.mark.parametrize("method", ["../../elsewhere", "", None, 3])
def test_what_is_no_trained_file_changes_no_style(store: StyleStore, tmp_path: Path, method: object) -> None:
    mine = store.put("Mine", painting())
    trained = tmp_path / "anything.safetensors"
    save_weights(trained, {"weight": torch.ones(2)}, {"method": method})
    for _ in range(2):  # a card that says nothing; then bytes that are not those of the card
        with pytest.raises(ScumbleError) as error:
            store.attach(mine.id, trained)
        assert code(error) == "weights-corrupt"
        save_weights(trained, {"weight": torch.ones(2)}, {"method": "johnson"})
        trained.write_bytes(b"something else")
    assert store.get(mine.id).pinned == f"{mine.id}@1"
    assert sorted(p.name for p in (store.user_dir / mine.id).iterdir()) == ["picture.png", "style.json", "thumbnail.png"]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("style.json", b"{"),
        ("style.json", b"[]"),
        ("style.json", b"[" * 100_000),
        ("style.json", b'{"id": "other", "revision": 1}'),
        ("style.json", None),
        ("picture.png", b"GIF89a"),
        ("picture.png", None),
    ],
)
def test_a_damaged_style_is_left_out_with_one_warning_and_the_others_stay(store, caplog, file, content) -> None:
    store.put("broken", painting(1))
    store.put("whole", painting(2))
    path = store.user_dir / "broken" / file
    path.unlink() if content is None else path.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert [s.id for s in store.list() if s.own] == ["whole"]
    assert len(caplog.records) == 1


def test_getting_a_style_opens_its_own_card_alone(store: StyleStore, monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    """Each look-up once opened the cards of all styles, 30 or more files, and every job looks up several times."""
    store.put("one", painting(1))
    store.put("two", painting(2))
    store.revise("two")
    (store.user_dir / "broken").mkdir()
    opened: list[Path] = []
    read = stored_style.read_object
    monkeypatch.setattr(stored_style, "read_object", lambda path: opened.append(path) or read(path))
    assert store.get("two@1").pinned == "two@1"
    assert store.get("great-wave").id == "great-wave"
    assert opened == [store.user_dir / "two" / "style.json", styles.SHIPPED / "styles" / "great-wave.json"]
    assert not caplog.records


def test_a_shipped_style_comes_before_one_of_the_users_with_its_id(store: StyleStore, tmp_path: Path, monkeypatch) -> None:
    """A newer version may ship an id that the user took; also a damaged shipped card keeps its id from the user's styles."""
    store.put("calm", painting())
    (tmp_path / "weights" / "styles").mkdir(parents=True)
    card = tmp_path / "weights" / "styles" / "calm.json"
    card.write_text(json.dumps({"id": "calm", "title": "Calm", "artist": "A", "year": "1", "licence": "L", "revision": 3}))
    monkeypatch.setattr(styles, "SHIPPED", tmp_path / "weights")
    assert not store.get("calm").own
    card.write_text("{")
    with pytest.raises(ScumbleError):
        store.get("calm")
    assert store.list() == []
    assert store.put("Calm", painting(1)).id == "calm-2"


def test_a_picture_changed_behind_our_back_is_refused_when_it_is_used(store: StyleStore) -> None:
    style = store.put("sea", painting())
    path = store.user_dir / "sea" / "picture.png"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(ScumbleError) as error:
        style.picture()
    assert code(error) == "style-unavailable"


def test_a_full_disk_leaves_nothing_behind(store: StyleStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put("kept", painting())
    before = sorted(store.user_dir.rglob("*"))

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ScumbleError) as error:
        store.put("lost", painting(1))
    assert code(error) == "disk-full"
    assert sorted(store.user_dir.rglob("*")) == before


@pytest.mark.parametrize("lasts", range(1, 5))
def test_whenever_the_disk_is_full_a_style_is_there_completely_or_not_at_all(
    store: StyleStore, monkeypatch: pytest.MonkeyPatch, lasts: int
) -> None:
    """Picture, thumbnail, card and ledger are four files: with the last one missing, a style once was there that its client
    had been told was not."""
    store.put("kept", painting())
    fsync, left = os.fsync, lasts

    def nearly_full(fd: int) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            raise OSError(28, "No space left on device")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", nearly_full)
    with pytest.raises(ScumbleError) as error:
        store.put("lost", painting(1))
    assert code(error) == "disk-full"
    assert left == 0
    assert [style.id for style in store.list() if style.own] == ["kept"]


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_8_bit_picture_is_refused(store: StyleStore, bad: np.ndarray) -> None:
    with pytest.raises(ScumbleError) as error:
        store.put("bad", bad)
    assert code(error) == "bad-raster"


def test_the_user_folder_follows_the_environment(user_folders: Path) -> None:
    assert StyleStore().user_dir == user_folders / "data" / "styles"


def test_titles_in_any_script_have_ids_that_tell_them_apart(tmp_path: Path) -> None:
    """Paintings with Japanese names were style, style-2, style-3, ..., and nobody knew which was which."""
    titles = ["日本", "富士山", "かな", "Кошка", "Собака", "Müller", "Café", "Ελλάδα", "서울", "🎨", "harbour 夜"]
    ids = [id_of(title) for title in titles]
    assert len(set(ids)) == len(titles)
    assert all(ID.fullmatch(one) for one in ids)
    assert (ids[0], ids[2], ids[5], ids[6], ids[-1]) == ("u65e5-u672c", "ka-na", "muller", "cafe", "harbour-u591c")


def test_the_id_of_a_style_may_be_chosen_and_is_nobody_elses(tmp_path: Path) -> None:
    store = StyleStore(tmp_path)
    one, other = (np.full((8, 8, 3), grey, np.uint8) for grey in (10, 200))
    assert store.put("日本", one, "japan").pinned == "japan@1"
    assert store.put("日本", one, "japan").pinned == "japan@1", "the same picture is not kept twice"
    for taken in ("japan", "starry-night"):
        with pytest.raises(ScumbleError, match="Another style has the id") as e:
            store.put("日本", other, taken)
        assert e.value.code == "style-unavailable"
    assert store.put("日本", other).pinned == "u65e5-u672c@1"
