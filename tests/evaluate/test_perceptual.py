from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from safetensors.torch import save_file
from torch import Tensor, nn

from minutia.errors import DataError, MissingExtra
from minutia.evaluate.measures import VGG_LAYERS, lpips_distance, vgg_distance
from minutia.nets.vgg import VGG19Features, _layers, layer_index


@pytest.fixture(scope="module")
def vgg_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """VGG19 up to relu3_4 with random weights."""
    torch.manual_seed(0)
    last = max(layer_index(name) for name in VGG_LAYERS)
    layers = nn.Sequential(*(make() for make in list(_layers().values())[: last + 1]))
    path = tmp_path_factory.mktemp("vgg") / "vgg.safetensors"
    save_file({f"features.{key}": value for key, value in layers.state_dict().items()}, path)
    return path


def blurred(photo: np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(radius)))


def test_vgg_distance_grows_with_the_difference(vgg_file: Path, photo: np.ndarray) -> None:
    measure = vgg_distance(vgg_file)
    assert measure.compute(photo, photo, 4) == 0
    figures = [measure.compute(blurred(photo, radius), photo, 4) for radius in (0.5, 1, 2)]
    assert figures == sorted(figures)
    assert figures[0] > 0


def test_originals_that_take_turns_are_told_apart(vgg_file: Path, photo: np.ndarray) -> None:
    measure, other = vgg_distance(vgg_file), np.ascontiguousarray(photo[::-1])
    for original in (photo, other, photo):
        assert measure.compute(original, original, 4) == 0
        assert measure.compute(blurred(original, 1), original, 4) > 0


def test_vgg_distance_is_what_its_convention_says(vgg_file: Path, photo: np.ndarray) -> None:
    from safetensors.torch import load_file

    network = VGG19Features(VGG_LAYERS, load_file(vgg_file))
    pictures = [torch.from_numpy(each.copy()).permute(2, 0, 1)[None] / 255 for each in (blurred(photo, 1), photo)]
    ours, original = (network(each) for each in pictures)
    total = 0.0
    for layer in VGG_LAYERS:
        a, b = (each[layer] / each[layer].norm(dim=1, keepdim=True) for each in (ours, original))
        total += float(((a - b) ** 2).sum(dim=1).mean())
    assert vgg_distance(vgg_file).compute(blurred(photo, 1), photo, 4) == pytest.approx(total, rel=1e-4)


def test_lpips_is_given_what_it_wants(monkeypatch: pytest.MonkeyPatch, photo: np.ndarray) -> None:
    class Network(nn.Module):
        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            assert a.shape == b.shape == (1, 3, photo.shape[0] - 8, photo.shape[1] - 8)
            assert a.min() >= -1
            assert a.min() < -0.8
            return (a - b).abs().mean()

    fake = ModuleType("lpips")
    fake.LPIPS = lambda net, verbose: Network()
    monkeypatch.setitem(sys.modules, "lpips", fake)
    measure = lpips_distance()
    inner = (slice(4, -4), slice(4, -4))
    expected = np.abs(blurred(photo, 1)[inner].astype(float) - photo[inner]).mean() / 127.5
    assert measure.compute(blurred(photo, 1), photo, 4) == pytest.approx(expected, rel=1e-4)


def test_what_lpips_lacks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(net: str, verbose: bool) -> nn.Module:
        raise OSError("no route to host")

    fake = ModuleType("lpips")
    fake.LPIPS = offline
    monkeypatch.setitem(sys.modules, "lpips", fake)
    with pytest.raises(
        DataError, match=r"LPIPS could not be downloaded \(no route to host\); connect to the internet once"
    ):
        lpips_distance()
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(MissingExtra, match=r"'\.\[lpips\]'"):
        lpips_distance()
