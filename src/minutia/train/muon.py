"""Muon: Adam for everything but the kernels of convolutions, whose steps it makes orthogonal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import final

import torch
from torch import Tensor, nn
from torch.optim import Adam

MOMENTUM = 0.9
"""Share of a kernel's mean gradient that stays from one step to the next."""

STEP_SIZE = 0.2
"""Root mean square of a step at a rate of 1: about Adam's, so that a rate means the same to both (Liu et al., 2025)."""

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
"""Factors of x, x^3 and x^5 in the polynomial that carries singular values towards 1 (Jordan et al., 2024)."""

ITERATIONS = 5

MIN_CHANNELS = 16
"""A kernel with fewer channels on one side meets the picture, or works on each map by itself: it is left to Adam."""


@final
class Muon(Adam):
    """Moves each kernel along the orthogonal matrix that is nearest to its mean gradient.

    A kernel (out, in, height, width) is taken as a matrix of `out` rows. So every direction in it gets a step of the
    same length, also those where gradients are weak, in which Adam hardly learns. Jordan et al., "Muon: An optimizer
    for hidden layers in neural networks", 2024; Liu et al., "Muon is scalable for LLM training", 2025.
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], *, betas: tuple[float, float], dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__(parameters, betas=betas)
        self.dtype = dtype
        """In which matrices are multiplied; bfloat16 is enough."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Go one step; gradients of kernels are used up."""
        for group in self.param_groups:
            alike: defaultdict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is not None and _is_kernel(parameter):
                    alike[parameter.shape].append(parameter)
            for shape, kernels in alike.items():
                # Channels last, as kernels lie in memory in most runs; the order of columns makes no difference.
                rows, columns = shape[0], shape[1:].numel()
                gradients = torch.stack([each.permute(0, 2, 3, 1) for each in self._mean_gradients(kernels)])
                directions = orthogonalise(gradients.view(-1, rows, columns).to(self.dtype)).to(gradients.dtype)
                length = STEP_SIZE * max(rows, columns) ** 0.5
                steps = directions.view(gradients.shape).permute(0, 1, 4, 2, 3).unbind()
                torch._foreach_add_(tuple(kernels), steps, alpha=-length * group["lr"])
                for kernel in kernels:
                    kernel.grad = None
        super().step(closure)

    def _mean_gradients(self, kernels: list[nn.Parameter]) -> tuple[Tensor, ...]:
        """Take the gradients into the means of kernels, and look one step ahead (Nesterov): all of them at once."""
        gradients = [kernel.grad for kernel in kernels if kernel.grad is not None]
        means = []
        for kernel in kernels:
            state = self.state[kernel]
            if not state:
                state["step"] = torch.zeros(())  # Adam looks for it wherever it finds a state on resuming.
                state["mean_gradient"] = torch.zeros_like(kernel)
            means.append(state["mean_gradient"])
        torch._foreach_lerp_(means, gradients, 1 - MOMENTUM)
        return torch._foreach_lerp(gradients, means, MOMENTUM)


def _is_kernel(parameter: nn.Parameter) -> bool:
    return parameter.ndim == 4 and min(parameter.shape[:2]) >= MIN_CHANNELS


def orthogonalise(matrices_NRC: Tensor) -> Tensor:
    """Bring the singular values of N matrices near 1; their singular vectors stay."""
    a, b, c = NEWTON_SCHULZ
    tall = matrices_NRC.shape[1] > matrices_NRC.shape[2]
    x: Tensor = matrices_NRC.mT if tall else matrices_NRC
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = torch.baddbmm(x, b * square + c * square @ square, x, beta=a)
    return x.mT if tall else x
