"""ONNX Runtime, where a platform has nothing better."""

from __future__ import annotations

from typing import final

import numpy as np

from minutia.engines.failures import stopped
from minutia.errors import EngineError, needs_extra
from minutia.types import Precision, Tensor
from minutia.zoo.card import ModelCard

with needs_extra("The ONNX Runtime engine", "onnxruntime"):
    import onnxruntime as ort
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, RuntimeException


@final
class OnnxRuntimeEngine:
    """A model run by ONNX Runtime on the CPU, in fp32."""

    def __init__(self, card: ModelCard, model: bytes, device: str, precision: Precision) -> None:
        if device not in {"auto", "cpu"}:
            raise EngineError(f"The ONNX Runtime engine runs on the CPU, not on {device}.")
        if precision not in {"auto", "fp32"}:
            raise EngineError(f"The ONNX Runtime engine computes in fp32, not in {precision}.")
        options = ort.SessionOptions()
        options.log_severity_level = 3
        self.scale = card.scale
        self.device = "cpu"
        self.precision = "fp32"
        self.description = "ONNX Runtime on CPU, fp32"
        self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def run(self, x: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) to (N, C, H * scale, W * scale).

        Raises:
            EngineError: ONNX Runtime gives up, as where memory does not suffice.
        """
        try:
            outputs = self._session.run(None, {self._input: np.ascontiguousarray(x, dtype=np.float32)})
        except (Fail, RuntimeException) as error:
            raise stopped(self.description, x.shape, error) from error
        y: Tensor = outputs[0]
        return y
