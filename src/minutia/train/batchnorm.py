"""Batch normalisation over a batch that is shared by processes."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from minutia.train.processes import are_several, mean_over_processes


@final
class SharedBatchNorm(nn.BatchNorm2d):
    """Normalises by mean and variance of all processes' crops, which are equally many.

    As torch's SyncBatchNorm, which works on CUDA devices alone.
    """

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Normalise (N, C, H, W); float32 inside, the dtype of the input outside."""
        if not self.training:
            return super().forward(x_NCHW)
        assert self.momentum is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        x = x_NCHW.float()
        mean = mean_over_processes(x.mean(dim=(0, 2, 3)))
        x = x - mean[:, None, None]
        variance = mean_over_processes(x.square().mean(dim=(0, 2, 3)))
        with torch.no_grad():
            count = x.numel() // x.shape[1] * torch.distributed.get_world_size()
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            if self.num_batches_tracked is not None:
                self.num_batches_tracked.add_(1)
        factor = (variance + self.eps).rsqrt() * self.weight
        y: Tensor = x * factor[:, None, None] + self.bias[:, None, None]
        return y.to(x_NCHW.dtype)


def share_batch_norms(network: nn.Module) -> None:
    """Put shared normalisations in the place of those of a network, where there are several processes."""
    if not are_several():
        return
    for name, child in list(network.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            shared = SharedBatchNorm(child.num_features, child.eps, child.momentum)
            shared.load_state_dict(child.state_dict())
            setattr(network, name, shared)
        else:
            share_batch_norms(child)
