# SPDX-License-Identifier: Apache-2.0
"""The Krita plug-in's model while the painter's hand has the picture, and what it says of troubles."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from hosts.krita_doubles import Host, Layer, Session, finish, module, ticks

pytestmark = pytest.mark.usefixtures("krita_plugin")


def test_a_result_waits_while_the_painters_hand_has_the_picture(studio: Any, host: Host, session: Session) -> None:
    """A result that arrived during a stroke ended the stroke, and the rest of it fell on another layer."""
    studio.paint()
    ticks(studio)
    host.way = "waits for your hand"
    finish(studio, session)
    ticks(studio, 20)
    assert not host.inserted
    assert studio.standing.text == "layer: the result waits for your hand"
    host.way = ""
    ticks(studio)
    assert host.inserted == ["The Night 100 %"]
    assert not studio.busy


def test_a_layer_is_not_read_while_a_tool_has_it(studio: Any, host: Host, session: Session) -> None:
    """The layer that is being transformed is read as empty, and "is empty" was what the painter read."""
    host.way = "waits until the transformation is applied"
    studio.previewing.enabled = True
    studio.paint()
    ticks(studio)
    assert studio.standing.text == "layer: waits until the transformation is applied"
    assert not host.opened
    assert not host.sides
    host.way = ""
    ticks(studio)
    assert len(session.requests) == 1


def test_a_waiting_result_can_be_cancelled(studio: Any, host: Host, session: Session) -> None:
    studio.paint()
    ticks(studio)
    host.way = "waits for your hand"
    finish(studio, session)
    studio.cancel()
    host.way = ""
    ticks(studio)
    assert not host.inserted
    assert not studio.busy


def test_several_layers_of_which_one_is_empty_leave_a_message_that_names_them_all(
    studio: Any, host: Host, session: Session
) -> None:
    """Two were painted, and all that was left to read was the error of the third."""
    host.selected = [Layer("one"), Layer("two"), Layer("three")]
    host.empty = {"two"}
    studio.paint()
    for _ in range(2):
        ticks(studio)
        finish(studio, session)
    ticks(studio)
    assert len(host.inserted) == 2
    assert studio.standing.text == "2 of 3 layers were painted. The layer “two” is empty."


def test_what_was_wrong_with_a_layer_is_forgotten_when_another_is_chosen_or_painted(
    studio: Any, host: Host, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The red message stayed when everything was well again."""
    monkeypatch.setattr(module("troubles"), "READ", 0.0)
    host.empty = {"layer"}
    for settle in (lambda: setattr(host, "selected", [Layer("other")]), lambda: studio.choose(strength=0.5)):
        host.selected = [Layer()]
        studio.paint()
        ticks(studio)
        assert studio.standing.mood.value == "error"
        settle()
        ticks(studio)
        assert studio.standing.mood.value == "ready"


def test_a_message_goes_when_another_layer_is_chosen_at_once(studio: Any, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chosen within the message's first second, the other layer counted as the one it was about, and the message never went."""
    now = [100.0]
    monkeypatch.setattr(module("troubles"), "time", SimpleNamespace(monotonic=lambda: now[0]))
    host.empty = {"layer"}
    studio.paint()
    ticks(studio)
    host.selected = [Layer("other")]
    for seconds, mood in ((0.5, "error"), (1.0, "error"), (3.0, "ready")):
        now[0] += seconds
        ticks(studio)
        assert studio.standing.mood.value == mood


def test_one_result_a_layer_is_a_choice_that_is_kept(studio: Any, host: Host, session: Session) -> None:
    for one in (False, True):
        studio.preferences.one_result = one
        assert module("studio").Studio(host, lambda name: session).preferences.one_result is one
        studio.paint()
        ticks(studio)
        finish(studio, session)
    assert host.alone == [False, True]
