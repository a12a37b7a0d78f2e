"""The weights inside a model.onnx, as arrays by the names the network gives them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from minutia.errors import MissingExtra, ModelError


def read_weights(model_path: Path) -> dict[str, NDArray[np.float32]]:
    """Read the parameters of a model.onnx as float32, whatever they are stored as.

    Constants of the graph that are no parameters (names without a dot, integers) are left out.

    Raises:
        MissingExtra: the `onnx` package is not installed.
        ModelError: no such file, or no ONNX model.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
        from onnx import numpy_helper
    except ImportError as error:
        raise MissingExtra("Reading the weights of a model", "torch") from error
    try:
        graph = onnx.load(model_path).graph
    except (OSError, DecodeError) as error:
        raise ModelError(f"The model {model_path} cannot be read; export it again.") from error
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return {
        name: array.astype(np.float32)
        for name, array in arrays.items()
        if "." in name and np.issubdtype(array.dtype, np.floating)
    }
