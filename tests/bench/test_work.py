"""Operations counted from graphs, beside sums by hand."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from minutia.bench.work import count_flops
from minutia.errors import ModelError
from minutia.export import write_onnx
from minutia.nets.generators import GeneratorSpec
from minutia.nets.minutianet import MinutiaNetSpec
from minutia.nets.rrdb import RRDBSpec
from minutia.nets.srresnet import SRResNetSpec
from minutia.zoo.catalog import find_model, load_model


def one_conv(weights: list[int], **attributes: object) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", weights[1] * 2, "height", "width"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    size = weights[0] * weights[1] * weights[2] * weights[3]
    w = helper.make_tensor("w", TensorProto.FLOAT, weights, [0.0] * size)
    node = helper.make_node("Conv", ["x", "w"], ["y"], **attributes)
    graph = helper.make_graph([node], "one", [x], [y], [w])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()


def test_a_convolution_in_groups_with_a_stride() -> None:
    model = one_conv([6, 2, 3, 5], group=2, strides=[2, 1], pads=[1, 2, 1, 2])
    # 6 channels of 5x7 outputs, each of 2 * 3 * 5 products and as many sums.
    assert count_flops(model, 10, 7) == 2 * (6 * 5 * 7) * (2 * 3 * 5)


def test_a_convolution_without_a_border() -> None:
    assert count_flops(one_conv([4, 2, 3, 3], group=2), 8, 9) == 2 * (4 * 6 * 7) * (2 * 3 * 3)


def test_the_bundled_network() -> None:
    model = load_model(find_model())
    per_pixel = 9 * (3 * 64 + 41 * 64 * 64 + 64 * 48)
    assert count_flops(model, 16, 24) == 2 * 16 * 24 * per_pixel


SPECS: list[tuple[GeneratorSpec, int]] = [
    (MinutiaNetSpec(num_blocks=1, num_features=4), 9 * (3 * 4 + 3 * 4 * 4 + 4 * 48)),
    # Convolutions after an enlargement work on 4, and then on 16 times as many pixels.
    (
        RRDBSpec(num_blocks=1, num_features=4, num_growth=2),
        9 * (3 * 4 + 3 * (4 + 6 + 8 + 10) * 2 + 3 * 12 * 4 + 16 + (4 + 16 + 16) * 16 + 16 * 4 * 3),
    ),
    (
        SRResNetSpec(num_blocks=1, num_features=4, norm="none"),
        81 * 3 * 4 + 9 * 16 * 3 + 9 * 4 * 16 * (1 + 4) + 16 * 81 * 4 * 3,
    ),
]


@pytest.mark.parametrize(("spec", "per_pixel"), SPECS, ids=lambda value: getattr(value, "kind", ""))
def test_every_network(spec: GeneratorSpec, per_pixel: int, tmp_path: Path) -> None:
    write_onnx(spec.build(), spec, tmp_path / "model.onnx")
    assert count_flops((tmp_path / "model.onnx").read_bytes(), 8, 12) == 2 * 8 * 12 * per_pixel


@pytest.mark.parametrize("model", [b"none", b""])
def test_what_is_no_model_is_refused(model: bytes) -> None:
    with pytest.raises(ModelError, match="cannot be counted; export it again"):
        count_flops(model, 8, 8)


def test_sizes_that_are_not_known_beforehand_are_refused() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, "height", "width"])
    size = helper.make_tensor_value_info("size", TensorProto.INT64, [4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    w = helper.make_tensor("w", TensorProto.FLOAT, [1, 1, 1, 1], [1.0])
    nodes = [helper.make_node("Expand", ["x", "size"], ["z"]), helper.make_node("Conv", ["z", "w"], ["y"])]
    graph = helper.make_graph(nodes, "unknown", [x, size], [y], [w])
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    with pytest.raises(ModelError, match="computes its sizes at run time"):
        count_flops(model.SerializeToString(), 8, 8)
