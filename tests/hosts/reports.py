# SPDX-License-Identifier: Apache-2.0
"""Tests that judge what one host program reports of many scenarios: each names its scenario by `of`, and gets it as `saw`."""

from __future__ import annotations

from typing import Any

import pytest


def of(scenario: str) -> pytest.MarkDecorator:
    """The test judges this scenario."""
    return pytest.mark.parametrize("saw", [scenario], indirect=True, ids=[""])


@pytest.fixture
def saw(seen: dict[str, Any], request: pytest.FixtureRequest) -> Any:
    """What the scenario reports that the test names by `of`; `seen` is the module's, with the reports of all."""
    assert "error" not in seen[request.param], seen[request.param]["error"]
    return seen[request.param]
