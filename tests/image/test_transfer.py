# SPDX-License-Identifier: Apache-2.0
"""Linear light: floats of a host that never leaves it, converted at the price of a look into a table."""

from __future__ import annotations

import numpy as np
import pytest

from scumble.image.pixels import decode, encode
from scumble.image.transfer import decoded, encoded, to_linear, to_srgb


@pytest.mark.parametrize(
    ("linear", "curved"), [(0.0, 0.0), (0.0031308, 0.04045), (0.2140411, 0.5), (0.5, 0.7353570), (1.0, 1.0)]
)
def test_the_curve_is_that_of_the_standard(linear: float, curved: float) -> None:
    """IEC 61966-2-1, with the well-known values for half the light and half the signal."""
    assert float(to_srgb(np.float32([linear]))[0]) == pytest.approx(curved, abs=2e-6)
    assert float(to_linear(np.float32([curved]))[0]) == pytest.approx(linear, abs=2e-6)


def test_highlights_above_white_and_negative_light_survive_both_ways() -> None:
    numbers = np.float32([-3.0, -0.001, 0.0, 0.002, 0.7, 1.0, 4.0, 60000.0])
    np.testing.assert_allclose(to_linear(to_srgb(numbers)), numbers, rtol=2e-5)


def test_the_tables_give_what_the_curve_gives() -> None:
    every = np.arange(0, 1 << 16, dtype=np.uint16).view(np.float16)
    finite = every[np.isfinite(every)]
    np.testing.assert_array_equal(decoded(finite), to_srgb(finite.astype(np.float32)))
    curved = np.linspace(0, 1, 100_001, dtype=np.float32)
    written = encoded(curved, np.dtype(np.float16)).astype(np.float32)
    exact = to_linear(curved)
    assert np.all(np.abs(written - exact) <= np.maximum(np.abs(exact) * 2**-10, 2e-6))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_no_number_is_none_of_the_picture_s_light(dtype: type) -> None:
    band = np.zeros((1, 3, 4), dtype)
    band[0, :, 0] = np.nan, np.inf, -np.inf
    planes = decode(band, "rgba", "linear")
    assert np.isfinite(planes).all()
    assert planes[0, 0, 0] == 0
    assert planes[0, 0, 1] > 1 > -1 > planes[0, 0, 2]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("order", ["rgba", "bgra"])
def test_pixels_come_back_as_they_were_and_alpha_is_no_light(dtype: type, order: str) -> None:
    rng = np.random.default_rng(0)
    band = (rng.random((5, 7, 4)) * 2 - 0.25).astype(dtype)
    planes = decode(band, order, "linear")  # type: ignore[arg-type]
    np.testing.assert_array_equal(planes[3], band[..., 3].astype(np.float32))
    out = band.copy()
    encode(planes[:3], None, order, out, "linear")  # type: ignore[arg-type]
    np.testing.assert_allclose(out, band, rtol=2e-3, atol=1e-6)
