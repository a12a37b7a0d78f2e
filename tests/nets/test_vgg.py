from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from minutia.errors import DataError
from minutia.nets.vgg import VGG19Features, layer_index, load_weights

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def first_layers() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    shapes = {"features.0": (64, 3), "features.2": (64, 64), "features.5": (128, 64)}
    weights = {}
    for name, (wide, narrow) in shapes.items():
        weights[f"{name}.weight"] = torch.randn(wide, narrow, 3, 3) * 0.05
        weights[f"{name}.bias"] = torch.randn(wide) * 0.05
    return weights


def test_layers_are_numbered_as_everywhere() -> None:
    names = ["conv1_1", "relu1_1", "conv1_2", "relu2_2", "conv3_4", "relu3_4", "conv4_4", "conv5_4", "relu5_4"]
    assert [layer_index(name) for name in names] == [0, 1, 2, 8, 16, 17, 25, 34, 35]
    with pytest.raises(DataError, match="no layer 'conv6_1'"):
        layer_index("conv6_1")


def test_features_before_and_after_activation(first_layers: dict[str, torch.Tensor]) -> None:
    x = torch.rand(2, 3, 12, 12)
    found = VGG19Features(["conv1_2", "relu1_2", "conv2_1"], first_layers)(x)
    assert found["conv1_2"].shape == (2, 64, 12, 12)
    assert found["conv2_1"].shape == (2, 128, 6, 6)
    assert found["conv1_2"].min() < 0
    assert torch.equal(found["relu1_2"], found["conv1_2"].relu())


def test_pictures_are_normalised_first(first_layers: dict[str, torch.Tensor]) -> None:
    x = torch.rand(1, 3, 8, 8)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    weight, bias = first_layers["features.0.weight"], first_layers["features.0.bias"]
    expected = torch.nn.functional.conv2d((x - mean) / std, weight, bias, padding=1)
    assert torch.allclose(VGG19Features(["conv1_1"], first_layers)(x)["conv1_1"], expected, atol=1e-5)


def test_gradients_reach_the_picture_but_not_the_weights(first_layers: dict[str, torch.Tensor]) -> None:
    network = VGG19Features(["relu1_1"], first_layers)
    x = torch.rand(1, 3, 8, 8, requires_grad=True)
    network(x)["relu1_1"].sum().backward()
    assert x.grad is not None
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_file_of_the_first_layers_serves_what_needs_only_them(
    tmp_path: Path, first_layers: dict[str, torch.Tensor]
) -> None:
    path = tmp_path / "vgg.safetensors"
    save_file({name: weight.half() for name, weight in first_layers.items()}, path)
    weights = load_weights(path)
    assert VGG19Features(["conv2_1"], weights)(torch.rand(1, 1, 8, 8))["conv2_1"].dtype == torch.float32
    with pytest.raises(DataError, match=r"lack features\.7\.bias, which conv2_2 needs"):
        VGG19Features(["conv2_2"], weights)


def test_weights_of_another_network_are_refused(first_layers: dict[str, torch.Tensor]) -> None:
    weights = first_layers | {"features.2.weight": torch.zeros(64, 64, 1, 1)}
    with pytest.raises(DataError, match=r"not those of VGG19: features\.2\.weight has the shape \(64, 64, 1, 1\)"):
        VGG19Features(["conv1_2"], weights)


def test_the_file_that_torch_downloads_serves_too(first_layers: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save({**first_layers, "classifier.0.bias": torch.zeros(2)}, tmp_path / "vgg19.pth")
    VGG19Features(["conv1_2"], load_weights(tmp_path / "vgg19.pth"))
    (tmp_path / "vgg19.pth").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"vgg19.pth cannot be read: the file is damaged"):
        load_weights(tmp_path / "vgg19.pth")


def test_missing_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        load_weights(tmp_path / "none.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    with pytest.raises(DataError, match="cannot be read"):
        load_weights(tmp_path / "broken.safetensors")


def test_no_connection_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", fail)
    with pytest.raises(DataError, match=r"could not be downloaded.*--set adversarial\.perceptual\.weights=FILE"):
        load_weights(None)
