# SPDX-License-Identifier: Apache-2.0
"""What one host program reports of many scenarios: a test names its scenario by `of`, and gets it as `report`."""

from __future__ import annotations

from typing import Any

import pytest


def of(scenario: str) -> pytest.MarkDecorator:
    """The test judges this scenario."""
    return pytest.mark.parametrize("report", [scenario], indirect=True, ids=[""])


@pytest.fixture
def report(reports: dict[str, Any], request: pytest.FixtureRequest) -> Any:
    """What the scenario reports that the test names by `of`; `reports` is the module's, with the reports of all."""
    assert "error" not in reports[request.param], reports[request.param]["error"]
    return reports[request.param]
