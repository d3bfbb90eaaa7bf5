# SPDX-License-Identifier: Apache-2.0
"""The perceptual networks a picture is judged through: the compact one that ships, and the real VGG-16 and VGG-19.

Invariant: a downloaded file is complete and has the sha256 that torchvision publishes in its name, or it is not there; it is
read with weights_only. Which file, and how its pictures are normalised, is asked of the installed torchvision.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import platformdirs
import torch
from torch import Tensor

from scumble.api.errors import ScumbleError
from scumble.library.atomic import replacing
from scumble.library.places import COMPACT, SHIPPED, perceptual_path
from scumble.library.weights import load_weights
from scumble.nst.vgg import DEPTHS, VGG, WIDTHS, compact, narrow

Network = Literal["half", "quarter", "compact", "vgg16", "vgg19"]


def load_perceptual(network: Network, pooling: Literal["max", "average"] = "max") -> VGG:
    """A frozen feature network in eval mode.

    Raises ScumbleError "weights-missing" where VGG is asked for, is not on this machine and cannot be downloaded, and
    "weights-corrupt" where its file is damaged.
    """
    if network == "half" or network == "quarter":
        net = narrow(network, pooling)
        net.convs.load_state_dict(load_weights(perceptual_path(SHIPPED, network))[0])
    elif network == "compact":
        net = compact(pooling)
        net.convs.load_state_dict(load_weights(COMPACT)[0])
    else:
        net = VGG(DEPTHS[network], WIDTHS[network], pooling=pooling)
        published = published_weights(network)
        load_torchvision(net, find_or_download(published.url))
        transforms = published.transforms()
        net.mean.copy_(torch.tensor(transforms.mean).view(1, 3, 1, 1))
        net.std.copy_(torch.tensor(transforms.std).view(1, 3, 1, 1))
    return net.requires_grad_(False).eval()


def published_weights(network: Literal["vgg16", "vgg19"]) -> Any:
    """torchvision's description of the weights: `url`, and `transforms()` with `mean` and `std`.

    For VGG-16 the original, Caffe's, which style transfer was made with; torchvision has no such VGG-19.
    """
    from torchvision.models import VGG16_Weights, VGG19_Weights

    return {"vgg16": VGG16_Weights.IMAGENET1K_FEATURES, "vgg19": VGG19_Weights.IMAGENET1K_V1}[network]


def find_or_download(url: str) -> Path:
    """The file of `url`, whose name ends in "-" and the first digits of its sha256: from torch's cache, or from ours.

    Raises ScumbleError "weights-missing".
    """
    name = url.rsplit("/", 1)[1]
    ours = Path(os.environ.get("SCUMBLE_CACHE_DIR") or platformdirs.user_cache_path("scumble")) / "weights" / name
    path = next((p for p in (Path(torch.hub.get_dir()) / "checkpoints" / name, ours) if p.is_file()), None)
    if path is None:
        _download(url, ours)
        path = ours
    elif not has_published_hash(path):
        raise ScumbleError("weights-corrupt", f"The weight file {path} is damaged.", "Delete it; it is then downloaded again.")
    return path


def has_published_hash(path: Path, name: str | None = None) -> bool:
    """Whether the file's sha256 begins as its name says ("vgg19-dcbb9e9d.pth"). `name` counts where the path's is another."""
    match = re.search(r"-([0-9a-f]{8,64})\.pth$", name or path.name)
    with open(path, "rb") as f:
        return match is not None and hashlib.file_digest(f, "sha256").hexdigest().startswith(match[1])


def _download(url: str, path: Path) -> None:
    import pooch

    try:
        with replacing(path) as temporary:
            pooch.HTTPDownloader(timeout=30)(url, str(temporary), None)
            if not has_published_hash(temporary, path.name):
                raise OSError("what came is not the file that was published")
    except OSError as e:  # requests' own errors are OSErrors
        raise ScumbleError(
            "weights-missing",
            f"The weights {path.name} are not on this machine and could not be downloaded ({_brief(e)}).",
            f"Put the file from {url} into {path.parent}, or use the network half.",
        ) from e


def _brief(e: Exception) -> str:
    return type(e).__name__ if len(str(e)) > 80 else str(e)


def load_torchvision(net: VGG, path: Path) -> None:
    """Fill `net` from a state dict of torchvision's: the convolutions are "features.N", in order; the classifier is left.

    Raises ScumbleError "weights-corrupt".
    """
    with holding_published(path, "the network"):
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
        numbers = sorted({int(k.split(".")[1]) for k in state if k.startswith("features.")})
        pairs = zip(net.layers, numbers, strict=True)
        net.convs.load_state_dict(
            {f"{n}.{kind}": state[f"features.{i}.{kind}"] for n, i in pairs for kind in ("weight", "bias")}
        )


@contextmanager
def holding_published(path: Path, what: str) -> Iterator[None]:
    """Within, a network takes the weights of a downloaded file. Raises ScumbleError "weights-corrupt" where they do not fit."""
    try:
        yield
    except Exception as e:  # a damaged file may raise anything
        raise ScumbleError(
            "weights-corrupt",
            f"The weight file {path.name} does not hold {what} ({e}).",
            "Delete it; it is then downloaded again.",
        ) from e
