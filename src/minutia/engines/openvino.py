"""OpenVINO: the engine for CPUs, and for Intel GPUs."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from pathlib import Path
from threading import Lock
from typing import final

import numpy as np

from minutia.engines.failures import stopped
from minutia.errors import EngineError
from minutia.files import cache_folder
from minutia.types import Precision, Tensor
from minutia.zoo.card import ModelCard

try:
    import openvino as ov
except ImportError as error:
    raise EngineError("OpenVINO is not installed here; use --engine onnxruntime or --engine torch.") from error

LARGE = 2**19
"""Pixels from which on a picture gets a network of its own size."""

PRECISIONS = {"fp32": ov.Type.f32, "bf16": ov.Type.bf16, "fp16": ov.Type.f16}


@final
class OpenVinoEngine:
    """A model compiled by OpenVINO.

    It is compiled for pictures of any size. What is compiled is kept in the user's cache, which saves a quarter of a
    second of later starts; blends of models are not, since there is no end of them.

    A network of one size needs a third less memory, gives the same values, and costs a tenth of a second. So the first
    large picture gets one, and those of its size after it; once a large one of another size comes, the network of any
    size serves all.
    """

    def __init__(self, card: ModelCard, model: bytes, device: str, precision: Precision) -> None:
        if device.startswith("cuda") or device == "mps":
            raise EngineError(f"OpenVINO does not run on {device}; use --engine torch.")
        core = ov.Core()
        target = "GPU" if device == "intel-gpu" else "CPU"
        # With several of a kind their names are numbered, GPU.0, and GPU means the first.
        if target not in {name.partition(".")[0] for name in core.available_devices}:
            raise EngineError(f"OpenVINO finds no {target} on this machine; use --device cpu.")
        able = core.get_property(target, "OPTIMIZATION_CAPABILITIES")
        chosen = precision if precision != "auto" else next((p for p in ("bf16", "fp16") if p.upper() in able), "fp32")
        if chosen != "fp32" and chosen.upper() not in able:
            raise EngineError(f"This {target} does not compute in {chosen}; use --precision fp32.")
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": PRECISIONS[chosen]}
        cache = _cache_for(card, model)
        kept = {} if cache is None else {"CACHE_DIR": str(cache)}
        self.scale = card.scale
        self.device = "intel-gpu" if target == "GPU" else "cpu"
        self.precision = chosen
        self.description = f"OpenVINO on {target}, {chosen}"
        try:
            self._graph = core.read_model(model)
            self._model = core.compile_model(self._graph, target, config | kept)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot run {card.name} on {target}; try another --engine.") from error
        self._compile = partial(core.compile_model, device_name=target, config=config)
        self._fitted: ov.CompiledModel | None = None
        self._sizes_vary = False
        self._fitting = Lock()

    def run(self, x: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) to (N, C, H * scale, W * scale).

        Raises:
            EngineError: OpenVINO gives up, as where memory does not suffice.
        """
        y = np.empty((*x.shape[:2], x.shape[2] * self.scale, x.shape[3] * self.scale), np.float32)
        try:
            # A request serves one thread at a time and costs 20 microseconds; the model itself is shared.
            request = self._model_for(x.shape).create_infer_request()
            request.set_output_tensor(ov.Tensor(y, shared_memory=True))
            request.infer([np.ascontiguousarray(x, dtype=np.float32)], share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise stopped(self.description, x.shape, error) from error
        return y

    def _model_for(self, shape: tuple[int, ...]) -> ov.CompiledModel:
        """Choose the network of that size, where there is to be one, or the one of any size."""
        if shape[0] * shape[2] * shape[3] < LARGE or self._sizes_vary:
            return self._model
        with self._fitting:
            if self._fitted is None:
                graph = self._graph.clone()
                graph.reshape(list(shape))
                self._fitted = self._compile(graph)
            if tuple(self._fitted.input().shape) == shape:
                return self._fitted
            self._fitted, self._sizes_vary = None, True
            return self._model


def _cache_for(card: ModelCard, model: bytes) -> Path | None:
    """Make the folder where a compiled model is kept; None where it is not the card's own, or nothing can be kept."""
    if hashlib.sha256(model).hexdigest() != card.sha256:
        return None
    folder = cache_folder() / "openvino"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None
