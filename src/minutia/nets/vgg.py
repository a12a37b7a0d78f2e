"""VGG19 features (Simonyan and Zisserman 2014), on which perceptual losses are measured.

The weights come from a file (safetensors or .pth) with keys `features.<index>.weight` and `.bias`, or are downloaded
once. A file that holds only the first layers serves losses that need only those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from minutia.errors import DataError, ModelError
from minutia.nets.weights import PICKLE_SUFFIXES, read_pickle

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

BLOCKS = ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512))
"""Convolutions and maps of each block; a 2x2 max pooling stands between blocks."""

DOWNLOAD_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
"""The part behind the dash is the beginning of the file's SHA-256, checked after the download."""


def layer_index(name: str) -> int:
    """Place of a layer in the usual numbering: conv1_1 is 0, relu1_1 is 1, conv5_4 is 34.

    Raises:
        DataError: VGG19 has no such layer.
    """
    names = list(_layers())
    if name not in names:
        raise DataError(f"VGG19 has no layer {name!r}; write conv1_1 to conv5_4, or relu1_1 to relu5_4.")
    return names.index(name)


def load_weights(path: Path | None) -> dict[str, Tensor]:
    """Read the weights from `path`, or download them once where it is None.

    Raises:
        DataError: no such file, a broken one, or no connection.
    """
    if path is None:
        return _download()
    try:
        return read_pickle(path) if path.suffix in PICKLE_SUFFIXES else load_file(path)
    except ModelError as error:
        raise DataError(str(error)) from error
    except (OSError, SafetensorError) as error:
        raise DataError(f"The VGG19 weights {path} cannot be read: {error}.") from error


class VGG19Features(nn.Module):
    """The maps of the named layers, of pictures in [0, 1]. Frozen; gradients pass through to the pictures."""

    mean: Tensor
    std: Tensor

    def __init__(self, layers: Sequence[str], weights: dict[str, Tensor]) -> None:
        """Build the network up to the last of `layers`.

        Raises:
            DataError: an unknown layer, or weights that are missing or not VGG19's.
        """
        super().__init__()
        self.wanted = {layer_index(name): name for name in layers}
        last = max(self.wanted)
        self.features = nn.Sequential(*(make() for make in list(_layers().values())[: last + 1]))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)
        own = self.state_dict()
        missing = sorted(set(own) - set(weights))
        if missing:
            raise DataError(f"The VGG19 weights lack {missing[0]}, which {self.wanted[last]} needs.")
        wrong = [key for key in own if weights[key].shape != own[key].shape]
        if wrong:
            raise DataError(
                f"The weights are not those of VGG19: {wrong[0]} has the shape {tuple(weights[wrong[0]].shape)}."
            )
        self.load_state_dict({key: weights[key].float() for key in own})
        self.requires_grad_(requires_grad=False).eval()

    def forward(self, x_NCHW: Tensor) -> dict[str, Tensor]:
        """Map (N, 3, H, W) in [0, 1] to the features of each named layer; grey (N, 1, H, W) counts as RGB."""
        y = (x_NCHW - self.mean) / self.std
        found: dict[str, Tensor] = {}
        for index, layer in enumerate(self.features):
            y = layer(y)
            if index in self.wanted:
                found[self.wanted[index]] = y
        return found


def _layers() -> dict[str, Callable[[], nn.Module]]:
    """How to make each layer, by name, in order. ReLUs work out of place, so that features before them stay."""
    layers: dict[str, Callable[[], nn.Module]] = {}
    width = 3
    for block, (num_convs, wider) in enumerate(BLOCKS, start=1):
        for place in range(1, num_convs + 1):
            layers[f"conv{block}_{place}"] = partial(nn.Conv2d, width, wider, 3, padding=1)
            layers[f"relu{block}_{place}"] = nn.ReLU
            width = wider
        layers[f"pool{block}"] = partial(nn.MaxPool2d, 2)
    return layers


def _download() -> dict[str, Tensor]:
    try:
        # The file is a pickle of tensors; weights_only admits nothing else.
        state: dict[str, Tensor] = torch.hub.load_state_dict_from_url(
            DOWNLOAD_URL, map_location="cpu", check_hash=True, weights_only=True
        )
    except (OSError, URLError, RuntimeError) as error:
        raise DataError(
            f"The VGG19 weights could not be downloaded ({error}); give a local file, .pth or .safetensors: "
            "--set adversarial.perceptual.weights=FILE in training, --vgg FILE in evaluation."
        ) from error
    return state
