"""torch: NVIDIA and Apple devices, and the CPU. The network is built from the card and the weights in model.onnx."""

from __future__ import annotations

from typing import final

import numpy as np

from minutia.errors import EngineError, MissingExtra, ModelError
from minutia.types import Precision, Tensor
from minutia.zoo.card import ModelCard
from minutia.zoo.weights import read_weights

try:
    import torch
except ImportError as error:
    raise MissingExtra("The torch engine", "torch") from error

from minutia.nets.generators import parse_spec

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@final
class TorchEngine:
    """A network of `minutia.nets` with the weights of a model."""

    def __init__(self, card: ModelCard, model: bytes, device: str, precision: Precision) -> None:
        self._device = _find_device(device)
        chosen = _fastest_precision(self._device) if precision == "auto" else precision
        if chosen == "fp16" and self._device.type == "cpu":
            raise EngineError("torch does not compute in fp16 on a CPU; use --precision fp32 or bf16.")
        self._type = TYPES[chosen]
        network: torch.nn.Module = parse_spec(card.network).build()
        state = {name: torch.from_numpy(array) for name, array in read_weights(model).items()}
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise ModelError(f"The weights of {card.name} do not fit the network in its card.") from error
        self.scale = card.scale
        self.device = str(self._device)
        self.precision = chosen
        self.description = f"torch on {self.device}, {chosen}"
        self._network = _channels_last(network.eval().to(self._device, self._type))

    def run(self, x: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) to (N, C, H * scale, W * scale)."""
        batch = torch.tensor(np.ascontiguousarray(x))
        try:
            with torch.inference_mode():
                batch = batch.to(self._device, self._type, memory_format=torch.channels_last)
                y: Tensor = self._network(batch).float().cpu().contiguous().numpy()
        except torch.OutOfMemoryError as error:
            height, width = x.shape[2:]
            raise EngineError(
                f"{self._device} has too little memory for {width}x{height} pixels at once; use a smaller --tile."
            ) from error
        return y


def sees_accelerator() -> bool:
    """Tell whether torch can use a CUDA or Apple device here."""
    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _channels_last(network: torch.nn.Module) -> torch.nn.Module:
    """Lay the weights of convolutions out as processors read them fastest."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _find_device(device: str) -> torch.device:
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return torch.device(next(name for name, there in found.items() if there))
    kind, _, number = device.partition(":")
    if not found.get(kind, False) or (number and int(number) >= torch.cuda.device_count()):
        raise EngineError(f"torch finds no {device} here; use --device cpu.")
    return torch.device(device)


def _fastest_precision(device: torch.device) -> str:
    """bf16 and fp16 are for devices that multiply in them; elsewhere they are slower than fp32."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if device.type == "mps":
        return "fp16"
    return "bf16" if torch.cpu.get_capabilities().get("amx_bf16", False) else "fp32"
