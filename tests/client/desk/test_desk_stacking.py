# SPDX-License-Identifier: Apache-2.0
"""Where the next result of a layer goes."""

from __future__ import annotations

import pytest

from scumble.client.desk.stacking import results_above, topmost


@pytest.mark.parametrize(
    ("siblings", "results", "top"),
    [
        (["photo"], [], "photo"),
        (["photo", "one", "two"], ["one", "two"], "two"),
        (["photo", "one", "clouds", "two", "sky"], ["one", "two"], "two"),
        (["one", "photo", "two"], ["two"], "two"),
        (["one", "two"], [], "photo"),
    ],
)
def test_the_next_result_goes_above_those_that_still_lie_above_the_layer(
    siblings: list[str], results: list[str], top: str
) -> None:
    """The second result used to go below the first, where nobody saw it."""
    above = results_above(siblings, "photo", lambda layer: layer in ("one", "two"))
    assert above == results
    assert topmost("photo", above) == top
