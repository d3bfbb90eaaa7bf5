# SPDX-License-Identifier: Apache-2.0
"""Linear light over the wire: painted on the sRGB curve, and given back as linear light."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scumble.client.errors import EngineError
from scumble.client.raster import Raster
from scumble.image.transfer import to_linear, to_srgb
from support.engine import Peer, running
from support.pictures import picture

CLOSE = {np.float16: 2e-3, np.float32: 1e-5}


def submit(peer: Peer, pixels: np.ndarray, **fields: Any) -> str:
    formats = {"uint8": "u8", "float16": "f16", "float32": "f32"}
    raster = {"width": pixels.shape[1], "height": pixels.shape[0], "format": formats[pixels.dtype.name], "order": "rgba"}
    return peer.submit(pixels, raster=raster | {"transfer": "linear"}, **fields)


def test_a_linear_picture_is_painted_as_it_looks_and_given_back_linear() -> None:
    """A host with linear layers had to convert twelve megapixels itself, in bands, which took longer than the painting."""
    with running() as engine, engine.peer() as peer:
        for dtype, close in CLOSE.items():
            pixels = picture(40, 30, dtype)
            pixels[:5, :, 3] = 0
            end, result = peer.finish(submit(peer, pixels))
            assert end["type"] == "done", end
            painted = np.frombuffer(result, dtype).reshape(pixels.shape)
            wanted = to_linear(1 - to_srgb(pixels[5:, :, :3].astype(np.float32)))
            np.testing.assert_allclose(painted[5:, :, :3], wanted, rtol=close, atol=close)
            np.testing.assert_array_equal(painted[:5], pixels[:5])
            np.testing.assert_array_equal(painted[..., 3], pixels[..., 3])
            _, same = peer.finish(submit(peer, pixels, strength=0.0))
            assert same == pixels.tobytes()


def test_integers_are_never_linear() -> None:
    with running() as engine, engine.peer() as peer:
        submit(peer, picture())
        assert (peer.answer["type"], peer.answer["code"]) == ("rejected", "bad-raster")
        assert peer.finish(peer.submit(picture()))[0]["type"] == "done"


@pytest.mark.parametrize(("format", "transfer"), [("u8", "linear"), ("u16", "linear"), ("f16", "gamma")])
def test_a_client_hears_so_before_anything_is_sent(format: str, transfer: str) -> None:
    with pytest.raises(EngineError) as caught:
        Raster(1, 1, format, "rgba", bytes(8 if format != "u8" else 4), transfer)
    assert caught.value.code == "bad-raster"


def test_a_client_names_the_transfer_only_where_it_is_not_the_usual_one() -> None:
    assert "transfer" not in Raster(1, 1, "f16", "rgba", bytes(8)).header()
    assert Raster(1, 1, "f16", "rgba", bytes(8), "linear").header()["transfer"] == "linear"
