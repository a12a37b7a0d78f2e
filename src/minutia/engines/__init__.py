"""Run a network. Each engine is imported only when it is chosen."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import sys
from pathlib import Path
from typing import get_args

from minutia.engines.fake import FakeEngine
from minutia.engines.pool import EnginePool
from minutia.errors import EngineError
from minutia.types import Engine, EngineName, Precision
from minutia.zoo.card import ModelCard
from minutia.zoo.catalog import load_model

__all__ = ["FakeEngine", "open_engine"]

DEVICES = re.compile(r"auto|cpu|intel-gpu|mps|cuda(:\d+)?")


def open_engine(
    card: ModelCard,
    model: bytes | None = None,
    *,
    engine: EngineName = "auto",
    device: str = "auto",
    precision: Precision = "auto",
) -> Engine:
    """Load a model into an engine.

    Args:
        model: what is run, as `load_model` gives it; by default the card's own.
        engine: auto takes torch where a CUDA or Apple device is wanted or usable, OpenVINO elsewhere.
        device: auto, cpu, intel-gpu (by OpenVINO), cuda, cuda:N or mps; several with commas between them run side
            by side.
        precision: auto is bf16 or fp16 where the device is faster in it, fp32 elsewhere.

    Raises:
        ModelError: the model's file is missing or damaged.
        EngineError: the device or precision is not available.
        MissingExtra: the engine is not installed.
    """
    devices = device.split(",")
    for each in devices:
        if not DEVICES.fullmatch(each):
            raise EngineError(
                f"There is no device called {each}; choose from auto, cpu, cuda, cuda:N, mps and intel-gpu."
            )
    for value, known in ((engine, EngineName), (precision, Precision)):
        if value not in get_args(known):
            raise EngineError(f"{value} is not available; choose from {', '.join(get_args(known))}.")
    model = load_model(card) if model is None else model
    opened = [_open(card, model, engine, each, precision) for each in devices]
    return opened[0] if len(opened) == 1 else EnginePool(opened)


def _open(card: ModelCard, model: bytes, engine: EngineName, device: str, precision: Precision) -> Engine:
    name = _choose(device) if engine == "auto" else engine
    # An explicit table of imports: nothing is loaded that does not run.
    if name == "torch":
        from minutia.engines.torch import TorchEngine

        return TorchEngine(card, model, device, precision)
    if name == "onnxruntime":
        from minutia.engines.onnxruntime import OnnxRuntimeEngine

        return OnnxRuntimeEngine(card, model, device, precision)
    from minutia.engines.openvino import OpenVinoEngine

    return OpenVinoEngine(card, model, device, precision)


def _choose(device: str) -> str:
    if device.startswith("cuda") or device == "mps":
        return "torch"
    if device == "auto" and _has_accelerator() and _is_installed("torch"):
        from minutia.engines.torch import sees_accelerator

        if sees_accelerator():  # A torch built for CPUs does not, whatever the machine has.
            return "torch"
    return "openvino" if _is_installed("openvino") else "onnxruntime"


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _has_accelerator() -> bool:
    """Tell whether there is an NVIDIA or Apple device, without loading torch to ask it."""
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
