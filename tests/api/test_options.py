# SPDX-License-Identifier: Apache-2.0
"""Options from untrusted values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from scumble.api.errors import ScumbleError
from scumble.api.options import option, parse_options


@dataclass(frozen=True)
class Unbounded:
    size: float = option(1.0, "How large.")
    steps: int = option(1, "How many.", minimum=0)


def test_an_integer_will_do_where_a_float_is_wanted() -> None:
    assert repr(parse_options(Unbounded, {"size": 3}).size) == "3.0"


@pytest.mark.parametrize("name", ["size", "steps"])
@pytest.mark.parametrize("value", [10**400, -(10**400), float("inf"), float("nan")])
def test_a_number_beyond_all_bounds_is_a_bad_option_and_no_bug(name: str, value: Any) -> None:
    with pytest.raises(ScumbleError) as e:
        parse_options(Unbounded, {name: value})
    assert e.value.code == "bad-options"
