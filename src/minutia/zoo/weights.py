"""The weights inside a model.onnx, as arrays by the names the network gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from minutia.errors import ModelError

if TYPE_CHECKING:
    import onnx


def read_weights(model: bytes) -> dict[str, NDArray[np.float32]]:
    """Read the parameters of a model.onnx as float32, whatever they are stored as.

    Constants of the graph that are not parameters (names without a dot, integers) are left out.

    Raises:
        ModelError: not an ONNX model.
    """
    return {name: array.astype(np.float32) for name, array in _parameters(_parse(model)).items()}


def blend(first: bytes, second: bytes, share: float) -> bytes:
    """Interpolate between the weights of two models of one shape (Wang et al. 2018, ESRGAN, section 3.4).

    Args:
        share: of the second, 0 to 1; at 0 the first is given as it is.

    Raises:
        ModelError: no ONNX models, or of different shapes.
    """
    from onnx import numpy_helper

    if share == 0:
        return first
    model = _parse(second)
    one, other = _parameters(_parse(first)), _parameters(model)
    if {name: array.shape for name, array in one.items()} != {name: array.shape for name, array in other.items()}:
        raise ModelError("Only models of the same network can be blended.")
    for tensor in model.graph.initializer:
        if tensor.name in other:
            a, b = one[tensor.name].astype(np.float32), other[tensor.name].astype(np.float32)
            mixed = ((1 - share) * a + share * b).astype(other[tensor.name].dtype)
            tensor.CopyFrom(numpy_helper.from_array(mixed, tensor.name))
    data: bytes = model.SerializeToString()
    return data


def _parse(model: bytes) -> onnx.ModelProto:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return onnx.load_model_from_string(model)
    except DecodeError as error:
        raise ModelError("The model cannot be read; export it again.") from error


def _parameters(model: onnx.ModelProto) -> dict[str, NDArray[np.floating]]:
    from onnx import numpy_helper

    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    return {name: array for name, array in arrays.items() if "." in name and np.issubdtype(array.dtype, np.floating)}
