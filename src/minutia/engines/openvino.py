"""OpenVINO: the engine for CPUs, and for Intel GPUs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
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

PRECISIONS = {"fp32": ov.Type.f32, "bf16": ov.Type.bf16, "fp16": ov.Type.f16}


@final
class OpenVinoEngine:
    """A model compiled by OpenVINO.

    It is compiled once for pictures of any size: a compilation per size makes the first picture 0.05 s faster and later
    ones no faster. What is compiled is kept in the user's cache, which saves a quarter of a second of later starts;
    blends of models are not, since there is no end of them.
    """

    def __init__(self, card: ModelCard, model: bytes, device: str, precision: Precision) -> None:
        if device.startswith("cuda") or device == "mps":
            raise EngineError(f"OpenVINO does not run on {device}; use --engine torch.")
        core = ov.Core()
        target = "GPU" if device == "gpu" else "CPU"
        # With several of a kind their names are numbered, GPU.0, and GPU means the first.
        if target not in {name.partition(".")[0] for name in core.available_devices}:
            raise EngineError(f"OpenVINO finds no {target} here; use --device cpu.")
        able = core.get_property(target, "OPTIMIZATION_CAPABILITIES")
        chosen = precision if precision != "auto" else next((p for p in ("bf16", "fp16") if p.upper() in able), "fp32")
        if chosen != "fp32" and chosen.upper() not in able:
            raise EngineError(f"This {target} does not compute in {chosen}; use --precision fp32.")
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": PRECISIONS[chosen]}
        cache = _cache_for(card, model)
        if cache is not None:
            config["CACHE_DIR"] = str(cache)
        self.scale = card.scale
        self.device = target.lower()
        self.precision = chosen
        self.description = f"OpenVINO on {target}, {chosen}"
        try:
            self._model = core.compile_model(core.read_model(model), target, config)
        except RuntimeError as error:
            raise EngineError(f"OpenVINO cannot run {card.name} on {target}; try another --engine.") from error

    def run(self, x: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) to (N, C, H * scale, W * scale).

        Raises:
            EngineError: OpenVINO gives up, as where memory does not suffice.
        """
        # A request serves one thread at a time and costs 20 microseconds; the model itself is shared.
        request = self._model.create_infer_request()
        y = np.empty((*x.shape[:2], x.shape[2] * self.scale, x.shape[3] * self.scale), np.float32)
        request.set_output_tensor(ov.Tensor(y, shared_memory=True))
        try:
            request.infer([np.ascontiguousarray(x, dtype=np.float32)], share_inputs=True, share_outputs=True)
        except RuntimeError as error:
            raise stopped(self.description, x.shape, error) from error
        return y


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
