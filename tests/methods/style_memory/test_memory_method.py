# SPDX-License-Identifier: Apache-2.0
"""The style memory as a method, with the networks that ship: strength, mixtures, regions, and rows that come and go."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from skimage import data

from scumble.api.errors import ScumbleError
from scumble.api.method import Checkpoint, Content, Progress, Refined, Refinement, Runtime
from scumble.library.styles import StyleStore
from scumble.library.weights import card_path, load_weights, save_weights
from scumble.methods.style_memory import method as memory
from scumble.methods.style_memory import painting_sizes
from scumble.methods.style_memory.method import NETWORKS, Memory, Options, load_memory, shared_name
from scumble.methods.style_memory.network import SIGNATURE_NETWORK
from scumble.methods.style_memory.painting_sizes import PREDICTION_SIDES, at_size
from scumble.methods.style_memory.refine import Pace
from scumble.nst.pretrained import Network, load_perceptual
from scumble.nst.vgg import VGG
from scumble.painting import pipeline
from support.leaves import COLD, PHOTOGRAPH, WARM
from support.painted import Painted, painted, through_pipeline

WHOLE = Runtime()


@pytest.fixture(scope="module")
def method() -> Memory:
    return Memory()


def test_a_painting_is_a_style_at_once(method: Memory) -> None:
    warm, cold = (painted(method, PHOTOGRAPH, [(style, 1.0)]).mean((0, 1)) for style in (WARM, COLD))
    assert warm[0] > warm[2] + 0.1
    assert cold[2] > cold[0] + 0.1


@pytest.mark.parametrize(("side", "sides"), [(600, [288, 336, 384]), (260, [288, 336, 384]), (100, [150, 150, 150])])
def test_a_painting_is_looked_at_in_the_same_sizes_whatever_size_it_comes_in(side: int, sides: list[int]) -> None:
    """Measured once, as it came, a small file got stronger strokes than a large one of the same painting."""
    painting = np.zeros((side, side + 40, 3), np.float32)
    assert [min(at_size(painting, wanted).shape[2:]) for wanted in PREDICTION_SIDES] == sides


def test_a_painting_is_read_by_the_network_that_the_predictor_was_trained_with(method: Memory) -> None:
    """Signatures of two networks have as many numbers, and by the other's every row is nonsense without an error."""
    ours = method.networks(Options(), "cpu").perceptual.state_dict()
    theirs = load_perceptual(SIGNATURE_NETWORK).state_dict()
    assert all(torch.equal(ours[name], weight) for name, weight in theirs.items())


def test_networks_whose_predictor_reads_another_network_are_refused(tmp_path: Path) -> None:
    tensors, card = load_weights(NETWORKS)
    card["architecture"]["signature"] = "compact"
    save_weights(tmp_path / "shared.safetensors", tensors, card)
    with pytest.raises(ScumbleError) as error:
        load_memory(tmp_path / "shared.safetensors")
    assert error.value.code == "weights-corrupt"


def test_the_whole_weight_on_one_style_is_that_style_bit_for_bit(method: Memory) -> None:
    assert np.array_equal(painted(method, PHOTOGRAPH, [(WARM, 1.0), (COLD, 0.0)]), painted(method, PHOTOGRAPH, [(WARM, 1.0)]))


def test_a_mixture_lies_between_its_styles(method: Memory) -> None:
    warm, half, cold = (painted(method, PHOTOGRAPH, [(WARM, w), (COLD, 1 - w)]).mean((0, 1)) for w in (1.0, 0.5, 0.0))
    assert warm[0] > half[0] > cold[0]
    assert warm[2] < half[2] < cold[2]


def test_a_region_of_everything_is_the_style_and_halves_are_two(method: Memory) -> None:
    everything = np.zeros((*PHOTOGRAPH.shape[:2], 2), np.float32)
    everything[..., 0] = 1
    warm, cold = painted(method, PHOTOGRAPH, [(WARM, 1.0)]), painted(method, PHOTOGRAPH, [(COLD, 1.0)])
    assert np.abs(painted(method, Content(PHOTOGRAPH, regions=everything), [(WARM, 0.5), (COLD, 0.5)]) - warm).max() <= 1e-5
    halves = np.zeros_like(everything)
    halves[:, :48, 0] = halves[:, 48:, 1] = 1
    both = painted(method, Content(PHOTOGRAPH, regions=halves), [(WARM, 0.5), (COLD, 0.5)])
    for part, style, other in ((slice(0, 32), warm, cold), (slice(64, 96), cold, warm)):
        assert np.abs(both[:, part] - style[:, part]).mean() < np.abs(both[:, part] - other[:, part]).mean() / 3


def test_a_style_that_is_added_or_removed_changes_no_other_style_s_picture(method: Memory, tmp_path: Path) -> None:
    """Not while the networks stay in memory, and not when they are read again."""
    store = StyleStore(tmp_path)
    first = store.put("first", (WARM.rgb * 255).astype(np.uint8))

    def digests() -> list[str]:
        shipped = [style for style in store.list() if style.id in ("starry-night", "great-wave", "scream")]
        return [hashlib.sha256(painted(method, PHOTOGRAPH, [(s, 1.0)]).tobytes()).hexdigest() for s in (first, *shipped)]

    before = digests()
    assert len(set(before)) == 4
    second = store.put("second", (COLD.rgb * 255).astype(np.uint8))
    painted(method, PHOTOGRAPH, [(second, 1.0)])
    assert digests() == before
    method.forget()
    assert digests() == before
    store.remove(second.id)
    assert digests() == before


def test_the_row_goes_evenly_from_the_picture_s_own_to_the_style_s(method: Memory) -> None:
    """Through the pipeline, which mixes pixels at low strengths: the picture's own row gives it back only nearly, so that alone
    a little of a style can bring it nearer to the picture."""
    pixels = np.dstack([PHOTOGRAPH, np.ones(PHOTOGRAPH.shape[:2], np.float32)])
    for style in (WARM, COLD):
        far = []
        for strength in np.linspace(0, 1, 11):
            out = through_pipeline(pipeline.Request(method, [(style, 1.0)], float(strength), {}, pixels), WHOLE)
            far.append(float(np.abs(out - pixels).mean()))
        assert far[0] == 0
        assert all(a < b for a, b in itertools.pairwise(far))
        assert far[10] > 2 * far[3]


def test_bfloat16_agrees_to_40_decibels(method: Memory) -> None:
    exact, half = (painted(method, PHOTOGRAPH, [(COLD, 1.0)], Runtime(half=half)) for half in (False, True))
    error = float(np.square(np.clip(exact, 0, 1) - np.clip(half, 0, 1)).mean())
    assert 0 < error < 1e-4


def row_file(folder: Path, shared: str, method: Memory) -> Path:
    path = folder / "memory_warm.safetensors"
    save_weights(path, {"row": method.prepare(COLD, Options(), WHOLE).at(0)}, {"shared": shared})
    return path


def test_a_style_without_its_painting_is_its_row(method: Memory, tmp_path: Path) -> None:
    style = Painted("row", None, {"memory": row_file(tmp_path, shared_name(), method)})
    kept, predicted = (painted(method, PHOTOGRAPH, [(s, 1.0)]) for s in (style, COLD))
    assert np.abs(kept - predicted).max() < 0.02  # 16 bits


def test_a_row_of_other_networks_gives_way_to_the_painting_and_is_no_style_alone(method: Memory, tmp_path: Path) -> None:
    path = row_file(tmp_path, "0123456789abcdef", method)
    stale = Painted("stale", WARM.rgb, {"memory": path})
    assert np.array_equal(painted(method, PHOTOGRAPH, [(stale, 1.0)]), painted(method, PHOTOGRAPH, [(WARM, 1.0)]))
    with pytest.raises(ScumbleError, match="another version"):
        method.prepare(Painted("alone", None, {"memory": path}), Options(), WHOLE)


def test_a_refined_style_is_read_again(method: Memory) -> None:
    def row(style: Painted) -> torch.Tensor:
        return method.prepare(style, Options(), WHOLE).at(0)

    first = row(Painted("mine", WARM.rgb, revision=1))
    assert row(Painted("mine", COLD.rgb, revision=1)) is first
    assert not torch.equal(row(Painted("mine", COLD.rgb, revision=2)), first)


PACE = Pace(12, 0.04, 0.2)
"""Of a refinement in these tests: few steps, and large ones."""


@pytest.fixture(scope="module")
def short() -> Iterator[None]:
    """Refinements of a few steps with small pictures."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("PACE", PACE), ("BATCH", 2), ("CROP", 96)):
            patch.setattr(memory, name, value)
        patch.setattr(painting_sizes, "PAINTING_SIDE", 192)
        yield


@pytest.fixture(scope="module")
def portrait() -> Painted:
    """A picture that no training saw."""
    return Painted("portrait", np.ascontiguousarray(data.astronaut()[:384, 64:448] / np.float32(255)))


@pytest.fixture(scope="module")
def refinement(method: Memory, portrait: Painted, short: None) -> list[Refinement]:
    painted(method, PHOTOGRAPH, [(portrait, 1.0)])  # as a user has, before the engine is idle
    return list(method.refine(portrait, [], WHOLE))


def test_a_few_steps_of_refinement_lower_the_loss_with_pictures_it_did_not_practise_on(
    method: Memory, portrait: Painted, refinement: list[Refinement], tmp_path: Path
) -> None:
    done = refinement[-1]
    assert isinstance(done, Refined)
    before, after = done.card["loss"]
    assert after < 0.97 * before
    path = tmp_path / "memory_portrait@2.safetensors"
    save_weights(path, {"row": torch.from_numpy(done.arrays["row"])}, {"shared": shared_name()}, torch.float32)
    better = Painted("portrait", portrait.rgb, {"memory": path}, revision=2)
    assert np.abs(painted(method, PHOTOGRAPH, [(better, 1.0)]) - painted(method, PHOTOGRAPH, [(portrait, 1.0)])).mean() > 0.005


def test_a_refinement_goes_on_from_its_checkpoint_and_can_be_stopped_within_a_step(
    method: Memory, portrait: Painted, refinement: list[Refinement]
) -> None:
    kept = [event for event in refinement if isinstance(event, Checkpoint)]
    assert len(kept) == PACE.steps
    assert sum(isinstance(event, Progress) for event in refinement) > 2 * len(kept)
    *_, done = Memory().refine(portrait, [], WHOLE, kept[-3].arrays)  # another engine's, which has loaded its weights itself
    whole = refinement[-1]
    assert isinstance(done, Refined)
    assert isinstance(whole, Refined)
    assert np.array_equal(done.arrays["row"], whole.arrays["row"])
    assert done.card["loss"] == whole.card["loss"]


def test_without_the_perceptual_network_styles_paint_and_are_not_refined(
    portrait: Painted, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = memory.load_perceptual

    def load(network: Network) -> VGG:
        if network == "half":
            raise ScumbleError("weights-corrupt", "The weight file half.safetensors is damaged.")
        return whole(network)

    monkeypatch.setattr(memory, "load_perceptual", load)
    method = Memory()
    assert painted(method, PHOTOGRAPH, [(portrait, 1.0)]).shape == PHOTOGRAPH.shape
    with pytest.raises(ScumbleError) as caught:
        list(method.refine(portrait, [], WHOLE))
    assert caught.value.code == "weights-corrupt"


def test_what_is_no_checkpoint_of_ours_is_ignored(method: Memory, portrait: Painted, refinement: list[Refinement]) -> None:
    kept = next(event for event in refinement if isinstance(event, Checkpoint))
    with closing(cast(Any, method.refine(portrait, [], WHOLE, {"row": kept.arrays["row"]}))) as foreign:
        first = next(event for event in foreign if isinstance(event, Checkpoint))
    assert np.array_equal(first.arrays["row"], kept.arrays["row"])


def test_a_checkpoint_of_networks_that_ship_no_longer_is_ignored(
    method: Memory, portrait: Painted, refinement: list[Refinement], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of one size, but of other networks: once the old row was descended through the new ones."""
    kept = [event for event in refinement if isinstance(event, Checkpoint)]
    monkeypatch.setattr(memory, "shared_name", lambda: "0123456789abcdef")
    with closing(cast(Any, method.refine(portrait, [], WHOLE, kept[-2].arrays))) as second_run:
        first = next(event for event in second_run if isinstance(event, Checkpoint))
    assert int(first.arrays["step"]) == 1
    assert np.array_equal(first.arrays["row"], kept[0].arrays["row"])


def test_pictures_painted_meanwhile_are_measured_again(method: Memory, portrait: Painted, refinement: list[Refinement]) -> None:
    kept = [event for event in refinement if isinstance(event, Checkpoint)]
    mine = np.ascontiguousarray(data.chelsea()[:256, :256] / np.float32(255))
    with closing(cast(Any, method.refine(portrait, [mine], WHOLE, kept[3].arrays))) as on:
        after = next(event for event in on if isinstance(event, Checkpoint))
    assert int(after.arrays["step"]) == 5
    assert after.arrays["losses"][1] != kept[3].arrays["losses"][1]


def test_a_refinement_broken_off_after_its_last_step_ends_with_what_it_had(
    method: Memory, portrait: Painted, refinement: list[Refinement]
) -> None:
    """With other pictures held back since, its losses once stayed infinite, which no card can hold: it failed for good."""
    kept = [event for event in refinement if isinstance(event, Checkpoint)]
    mine = np.ascontiguousarray(data.chelsea()[:256, :256] / np.float32(255))
    *_, refined = method.refine(portrait, [mine], WHOLE, kept[-1].arrays)
    assert isinstance(refined, Refined)
    assert np.isfinite(refined.card["loss"]).all()


@pytest.mark.parametrize("part", ["row", "card"])
def test_a_damaged_row_is_no_obstacle_to_making_another(
    method: Memory, portrait: Painted, refinement: list[Refinement], tmp_path: Path, part: str
) -> None:
    path = row_file(tmp_path, shared_name(), method)
    file = path if part == "row" else card_path(path)
    file.write_bytes(file.read_bytes()[:-3] + b"\x7f\x7f\x7f")
    damaged = Painted(f"damaged-{part}", portrait.rgb, {"memory": path}, revision=2)
    assert method.outdated(damaged) is (part == "card"), "where the card alone says it"
    with pytest.raises(ScumbleError) as error:
        method.prepare(damaged, Options(), WHOLE)
    assert (error.value.code, "Refine the style again" in error.value.hint) == ("weights-corrupt", True)
    with closing(cast(Any, method.refine(damaged, [], WHOLE))) as second_run:
        first = next(event for event in second_run if isinstance(event, Checkpoint))
    began = next(event for event in refinement if isinstance(event, Checkpoint))
    assert np.array_equal(first.arrays["row"], began.arrays["row"])


def test_a_row_of_networks_that_ship_no_longer_is_outdated(method: Memory, tmp_path: Path) -> None:
    for shared, outdated in ((shared_name(), False), ("0123456789abcdef", True)):
        assert method.outdated(Painted("own", WARM.rgb, {"memory": row_file(tmp_path, shared, method)})) is outdated
    assert not method.outdated(WARM)
