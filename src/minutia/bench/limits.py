"""Reference speed of a device: matrix multiplication, the kernel that makers of processors tune most."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

PRECISIONS = ("fp32", "bf16", "fp16")
LENGTH = 8
"""Products that follow one another, so that bringing the first operand into the precision hardly counts."""

SHAPE = (16384, 512)
"""Rows and columns of the first operand; the second is square. A network does the same: many pixels, few features."""

GPU_SHAPE = (8192, 8192)
"""Products of `SHAPE` are over before a GPU is busy everywhere."""


@dataclass(frozen=True, slots=True)
class Product:
    """A chain of matrix products, ready to run on a device."""

    device: str
    precision: str
    flops: int
    """Floating-point operations of one run: 2 for each multiplication with its addition."""
    run: Callable[[], object]
    """Returns when all is computed."""


def find_products(device: str) -> list[Product]:
    """Prepare products in every precision that a device multiplies in by its own instructions.

    Args:
        device: cpu and intel-gpu are measured by OpenVINO; cuda, cuda:N and mps by torch, and cpu where there is no
            OpenVINO.

    Returns:
        Empty for a CPU on which there is neither.
    """
    if device in {"cpu", "intel-gpu"} and importlib.util.find_spec("openvino") is not None:
        return _openvino_products(device)
    return _torch_products(device) if importlib.util.find_spec("torch") is not None else []


def _openvino_products(device: str) -> list[Product]:
    import openvino as ov
    from openvino import opset13

    core, target = ov.Core(), device.upper()
    types = dict(zip(PRECISIONS, (ov.Type.f32, ov.Type.bf16, ov.Type.f16), strict=True))
    able = core.get_property(target, "OPTIMIZATION_CAPABILITIES")
    shape = SHAPE if device == "cpu" else GPU_SHAPE
    operands = _operands(shape)
    # As an input, not as a constant: products with constants go to kernels for language models, slower in fp32.
    x, weights = (opset13.parameter(list(operand.shape), ov.Type.f32) for operand in operands)
    y = x
    for _ in range(LENGTH):
        y = opset13.matmul(y, weights, transpose_a=False, transpose_b=False)
    graph = ov.Model([y], [x, weights])

    def product(precision: str) -> Product:
        config = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": types[precision]}
        request = core.compile_model(graph, target, config).create_infer_request()
        return Product(device, precision, _flops(shape), lambda: request.infer(operands, share_inputs=True))

    return [product(name) for name in PRECISIONS if name == "fp32" or name.upper() in able]


def _torch_products(device: str) -> list[Product]:
    import torch

    from minutia.engines.torch import multiplies_bf16

    types = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    offered: tuple[str, ...] = PRECISIONS
    if device == "cpu":
        offered = ("fp32", "bf16") if multiplies_bf16() else ("fp32",)
    elif device == "mps" or not torch.cuda.is_bf16_supported(including_emulation=False):
        offered = ("fp32", "fp16")
    operands = [torch.from_numpy(operand) for operand in _operands(SHAPE if device == "cpu" else GPU_SHAPE)]
    return [_torch_product([each.to(device, types[name]) for each in operands], device, name) for name in offered]


def _torch_product(operands: Sequence[torch.Tensor], device: str, precision: str) -> Product:
    def run() -> float:
        y, weights = operands
        for _ in range(LENGTH):
            y = y @ weights
        return float(y[0, 0])  # Asking for a value waits for the device.

    return Product(device, precision, _flops(operands[0].shape), run)


def _operands(shape: tuple[int, int]) -> list[NDArray[np.float32]]:
    """Make two matrices whose products neither grow nor vanish: on some devices zeros are multiplied faster."""
    random = np.random.default_rng(0)
    weights = random.standard_normal((shape[1], shape[1]), np.float32) / np.float32(shape[1] ** 0.5)
    return [random.standard_normal(shape, np.float32), weights]


def _flops(shape: Sequence[int]) -> int:
    return LENGTH * 2 * shape[0] * shape[1] ** 2
