"""torch: NVIDIA and Apple devices, and the CPU. The network is built from the card and the weights in model.onnx."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from minutia.engines.failures import stopped
from minutia.errors import EngineError, ModelError, OutOfMemory, needs_extra
from minutia.image.color import full_range
from minutia.memory import is_shortage
from minutia.types import Area, Pixels, Precision, Tensor
from minutia.zoo.card import ModelCard
from minutia.zoo.weights import read_weights

with needs_extra("The torch engine", "torch"):
    import torch

from minutia.engines import torch_color_lock
from minutia.nets.generators import parse_spec

Compute: TypeAlias = Callable[["_Placed"], NDArray[Any]]
"""What is done with a network where it is."""

SMALL = 128 * 128
"""Pixels of a window for which any device should have memory; where it has not, the CPU takes over."""

logger = logging.getLogger(__name__)

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(slots=True)
class _Placed:
    """A network where it runs."""

    network: torch.nn.Module
    device: torch.device
    dtype: torch.dtype
    too_many: int | None = None
    """The least number of pixels that memory did not suffice for."""


@final
class TorchEngine:
    """A network of `minutia.nets` with the weights of a model."""

    def __init__(self, card: ModelCard, model: bytes, device: str, precision: Precision) -> None:
        place = _find_device(device)
        chosen = _fastest_precision(place) if precision == "auto" else precision
        if chosen == "fp16" and place.type == "cpu":
            raise EngineError("torch does not compute in fp16 on a CPU; use --precision fp32 or bf16.")
        self.scale = card.scale
        self._build = partial(_build, card, model)
        self._falling_back = Lock()
        self._placed = self._place(place, chosen)

    def run(self, x: Tensor) -> Tensor:
        """Enlarge (N, C, H, W) to (N, C, H * scale, W * scale).

        Raises:
            OutOfMemory: for so many pixels. A device that lacks it even for few gives way to the CPU, with a warning.
            EngineError: torch gives up for another reason.
        """
        return self._compute(partial(_run, x=x), x.shape)

    def enlarge(self, pixels: Pixels, core: Area, *, lock: bool) -> Pixels | None:
        """Turn pixels into others, see `minutia.types.EnlargesPixels`: all of it on a GPU.

        Raises:
            OutOfMemory: as `run`.
        """
        if self._placed.device.type == "cpu":  # Where NumPy is as fast, and faster at locking.
            return None
        compute = partial(_enlarge, pixels=pixels, core=core, scale=self.scale, lock=lock)
        return self._compute(compute, (1, pixels.shape[2], *pixels.shape[:2]))

    def _compute(self, compute: Compute, shape: tuple[int, ...]) -> NDArray[Any]:
        """Compute from a source of (N, C, H, W)."""
        placed = self._placed  # Another thread may bring the network to the CPU meanwhile.
        height, width = shape[2:]
        num_pixels = shape[0] * height * width
        if placed.too_many is None or num_pixels < placed.too_many:
            try:
                return compute(placed)
            except RuntimeError as error:
                if not is_shortage(error):
                    raise stopped(self.description, shape, error) from error
                placed.too_many = num_pixels
        if num_pixels <= SMALL and (placed.device.type, placed.dtype) != ("cpu", torch.float32):
            self._fall_back(placed)
            return self._compute(compute, shape)
        raise OutOfMemory(
            f"{placed.device} has too little memory for {width}x{height} pixels at once; use a smaller --tile."
        )

    def _fall_back(self, placed: _Placed) -> None:
        """Bring the network to the CPU, unless another thread has."""
        with self._falling_back:
            if self._placed is placed:
                logger.warning("%s has too little memory; the CPU is used instead.", placed.device)
                self._placed = self._place(torch.device("cpu"), "fp32")

    def _place(self, device: torch.device, precision: str) -> _Placed:
        """Build the network where it is to run."""
        if device.type == "cuda" and precision == "fp32":
            torch.backends.cudnn.allow_tf32 = False  # Of the process; unasked, factors are rounded to 11 bits.
        self.device, self.precision = str(device), precision
        self.description = f"torch on {self.device}, {precision}"
        return _Placed(self._build(device), device, TYPES[precision])


@torch.inference_mode()
def _run(placed: _Placed, x: Tensor) -> NDArray[Any]:
    return _brought_home(_enlarged(placed, torch.tensor(np.ascontiguousarray(x)).to(placed.device)))


@torch.inference_mode()
def _enlarge(placed: _Placed, pixels: Pixels, core: Area, scale: int, *, lock: bool) -> Pixels:
    """Turn pixels into others where the network is: floats would be four times the bytes to carry."""
    peak = full_range(pixels.dtype)[1]
    held = np.uint8 if pixels.dtype == np.uint8 else np.int32  # Torch cannot do much in 16 bits without a sign.
    source = torch.tensor(np.ascontiguousarray(pixels, dtype=held)).to(placed.device)
    x = source.permute(2, 0, 1)[None].float() / peak
    y = _enlarged(placed, x)
    if lock:
        y = torch_color_lock.lock_colors(y, x, scale)
    large = (y[0, :, *core].permute(1, 2, 0) * peak + 0.5).clamp_(0, peak).to(source.dtype)
    return _brought_home(large.contiguous()).astype(pixels.dtype, copy=False)


def _enlarged(placed: _Placed, x: torch.Tensor) -> torch.Tensor:
    # As in training: products are of few bits, and what is added to the source in the end has all of its own.
    few_bits = torch.autocast(placed.device.type, placed.dtype, enabled=placed.dtype is not torch.float32)
    with few_bits:
        y: torch.Tensor = placed.network(x.to(memory_format=torch.channels_last))
    return y.float()


def _brought_home(y: torch.Tensor) -> NDArray[Any]:
    """Copy to the memory of the CPU, of CUDA devices into pages that are pinned, which is several times as fast."""
    home = torch.empty(y.shape, dtype=y.dtype, pin_memory=y.is_cuda)  # Torch keeps such pages, and gives them again.
    pages: NDArray[Any] = home.copy_(y).numpy()
    return pages


def sees_accelerator() -> bool:
    """Tell whether torch can use a CUDA or Apple device here."""
    return torch.cuda.is_available() or torch.backends.mps.is_available()


def _build(card: ModelCard, model: bytes, device: torch.device) -> torch.nn.Module:
    """Build the network on a device, its weights laid out as processors read them fastest."""
    network: torch.nn.Module = parse_spec(card.network).build()
    try:
        network.load_state_dict({name: torch.from_numpy(array) for name, array in read_weights(model).items()})
    except RuntimeError as error:
        raise ModelError(f"The weights of {card.name} do not fit the network that its card names.") from error
    network = network.eval().to(device)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _find_device(device: str) -> torch.device:
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        return torch.device(next(name for name, there in found.items() if there))
    kind, _, number = device.partition(":")
    if not found.get(kind, False) or (number and int(number) >= torch.cuda.device_count()):
        raise EngineError(f"torch finds no device {device}; use --device cpu.")
    return torch.device(device)


def _fastest_precision(device: torch.device) -> str:
    """bf16 and fp16 are for devices that multiply in them; elsewhere they are slower than fp32.

    On a GPU both are as fast, and fp16 has 11 bits, bf16 8.
    """
    if device.type in ("cuda", "mps"):
        return "fp16"
    return "bf16" if multiplies_bf16() else "fp32"


def multiplies_bf16() -> bool:
    """Tell whether the processor has instructions for products in bf16; on others bf16 is slower than fp32.

    Those with matrix units for bf16 (AMX) have these too.
    """
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # An old torch cannot tell.
    return capabilities is not None and bool(capabilities().get("avx512_bf16", False))
