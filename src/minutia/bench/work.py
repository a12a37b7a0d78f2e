"""Operations of a network, counted from its graph."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from minutia.errors import ModelError

if TYPE_CHECKING:
    import onnx


def count_flops(model: bytes, height: int, width: int) -> int:
    """Count the floating-point operations of all convolutions for one picture.

    A multiplication and an addition are two. All that is no convolution is left out: in networks that enlarge pictures
    it is about one hundredth of the work.

    Args:
        model: the bytes of a model.onnx whose first input is (N, C, H, W).
        height: rows of the input.
        width: columns of the input.

    Raises:
        ModelError: the model cannot be read, or sizes within it cannot be told before it runs.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        graph = onnx.load_model_from_string(model)
        dims = graph.graph.input[0].type.tensor_type.shape.dim
        for dim, size in zip((dims[0], dims[2], dims[3]), (1, height, width), strict=True):
            dim.dim_value = size
        graph = onnx.shape_inference.infer_shapes(graph, check_type=True, strict_mode=True, data_prop=True)
    except (DecodeError, IndexError, onnx.shape_inference.InferenceError) as error:
        raise ModelError("The operations of the model cannot be counted; export it again.") from error
    shapes = _shapes(graph.graph)
    return sum(_conv_flops(node, shapes) for node in graph.graph.node if node.op_type == "Conv")


def _conv_flops(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    """Count 2 for each weight that meets each output pixel; weights are (out, in / groups, kernel H, kernel W)."""
    output, weights = shapes.get(node.output[0], (0,)), shapes.get(node.input[1], (0,))
    if 0 in (*output, *weights):
        raise ModelError("The model computes its sizes at run time, so its operations cannot be counted beforehand.")
    return 2 * math.prod(output) * math.prod(weights[1:])


def _shapes(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    """Tell the shape of every value by name; 0 stands for a size that is not known."""
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    return shapes | {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
