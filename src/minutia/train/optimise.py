"""A network in training: optimiser, schedule, clipping, moving average."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from itertools import chain
from typing import final

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Adam
from torch.optim.swa_utils import get_ema_multi_avg_fn

from minutia.train.batchnorm import share_batch_norms
from minutia.train.config import Hardware
from minutia.train.muon import Muon
from minutia.train.phase_config import OptimiserKind
from minutia.train.processes import average_gradients, share_weights


@final
class Optimised:
    """A network, prepared for the devices of a run, and its optimiser."""

    def __init__(
        self,
        network: nn.Module,
        accelerator: Accelerator,
        hardware: Hardware,
        *,
        betas: tuple[float, float],
        clip_norm: float | None,
        optimiser: OptimiserKind = "adam",
    ) -> None:
        share_batch_norms(network)
        if hardware.channels_last:
            network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if hardware.compile:
            network.compile(dynamic=False)  # Crops are of one size throughout a phase.
        self.bare = network.to(accelerator.device)
        """The network itself, for checkpoints; `self.network` may be wrapped for precision."""
        share_weights(self.bare)
        self.accelerator = accelerator
        self.clip_norm = clip_norm
        # In evaluation mode nothing is wrapped for several processes: gradients are averaged in `step`, since an
        # adversarial step runs the discriminator frozen and not, which DistributedDataParallel does not bear.
        self.network = accelerator.prepare_model(network, evaluation_mode=True)
        self.kind = optimiser
        self.optimiser = accelerator.prepare_optimizer(self._make_optimiser(betas))

    def _make_optimiser(self, betas: tuple[float, float]) -> Adam:
        if self.kind == "adam":
            return Adam(self.bare.parameters(), betas=betas)
        dtype = torch.bfloat16 if self.accelerator.mixed_precision == "bf16" else torch.float32
        return Muon(self.bare.parameters(), betas=betas, dtype=dtype)

    def __call__(self, x_NCHW: Tensor) -> Tensor:
        """Run the network."""
        y: Tensor = self.network(x_NCHW)
        return y

    def step(self, loss: Tensor, rate: float) -> None:
        """Go one step of the rate `rate` down the gradient of `loss`, or of its mean over all processes."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        self.accelerator.backward(loss)
        average_gradients(self.bare.parameters())
        if self.clip_norm is not None:
            self.accelerator.unscale_gradients(self.optimiser)
            nn.utils.clip_grad_norm_(self.bare.parameters(), self.clip_norm)
        self.optimiser.step()

    def freeze(self, *, frozen: bool) -> None:
        """Stop or let gradients flow into the weights; those into the input always flow."""
        self.bare.requires_grad_(not frozen)


@final
class MovingAverage(nn.Module):
    """The exponential moving average of a network's weights and buffers, which begins as a copy of them.

    Over the first n steps it decays by (1 + n) / (10 + n) at most, as TensorFlow has it; a short run would otherwise be
    validated, and kept, as little more than the network it started from.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.module = deepcopy(network).requires_grad_(requires_grad=False).eval()
        self.decay = decay
        self.num_averaged = 1
        """A number of Python's own: no step waits for a device to tell it."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Run the averaged network."""
        y: Tensor = self.module(x_NCHW)
        return y

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take what the network is now into the average; of integers, which count batches, the present ones."""
        decay = min(self.decay, (1 + self.num_averaged) / (10 + self.num_averaged))
        both = list(zip(_tensors(self.module), _tensors(network), strict=True))
        averages, present = zip(*(pair for pair in both if pair[0].is_floating_point()), strict=True)
        get_ema_multi_avg_fn(decay)(averages, present, None)  # type: ignore[no-untyped-call]
        for average, count in both:
            if not average.is_floating_point():
                average.copy_(count)
        self.num_averaged += 1

    def get_extra_state(self) -> Tensor:
        """What a checkpoint keeps besides weights."""
        return torch.tensor(self.num_averaged)

    def set_extra_state(self, state: Tensor) -> None:
        """Go on counting where a checkpoint stands."""
        self.num_averaged = int(state)


def _tensors(network: nn.Module) -> Iterator[Tensor]:
    return chain(network.parameters(), network.buffers())
