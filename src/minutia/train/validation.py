"""How good the averaged generator is on whole pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from minutia.image.color import to_float, to_integers
from minutia.image.pairs import Pair
from minutia.metrics.fidelity import score_y
from minutia.train.losses import PerceptualLoss


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture that was enlarged, kept to be looked at."""

    pair: Pair
    sr: NDArray[np.uint8]
    """(H, W, C)"""


@dataclass(frozen=True, slots=True)
class Validation:
    """Means over some pictures."""

    psnr: float
    """dB on luma, the convention of `minutia.metrics`."""
    ssim: float
    colour_drift: float
    """How far the mean colour is from that of the input, in 1/255: the channel and sign that are farthest."""
    perceptual: float | None = None
    """The perceptual loss of the adversarial phase; lower is nearer to the original."""
    shown: list[Shown] = field(default_factory=list)

    def figures(self) -> dict[str, float]:
        """The figures there are, by name."""
        found = {"psnr": self.psnr, "ssim": self.ssim, "colour_drift": self.colour_drift}
        return found if self.perceptual is None else found | {"perceptual": self.perceptual}


def validate(
    network: nn.Module,
    pairs: Sequence[Pair],
    scale: int,
    device: torch.device,
    judge: PerceptualLoss | None = None,
    num_shown: int = 0,
) -> Validation:
    """Enlarge each picture and score it; the first `num_shown` are kept to be looked at."""
    network.eval()
    scores, distances, drifts = [], [], []
    shown: list[Shown] = []
    for pair in pairs:
        y = _enlarge(network, pair.lr, device)
        sr = to_integers(y[0].cpu().numpy(), np.uint8)
        scores.append(score_y(sr, pair.hr, scale))
        drifts.append(sr.mean(axis=(0, 1)) - pair.lr.mean(axis=(0, 1)))
        if judge is not None:
            hr = torch.from_numpy(to_float(pair.hr)).to(device)
            with torch.inference_mode():
                distances.append(judge(y.clamp(0, 1), hr).item())
        if len(shown) < num_shown:
            shown.append(Shown(pair, sr))
    drift = np.mean(drifts, axis=0)
    return Validation(
        psnr=float(np.mean([score.psnr for score in scores])),
        ssim=float(np.mean([score.ssim for score in scores])),
        colour_drift=float(drift[np.abs(drift).argmax()]),
        perceptual=float(np.mean(distances)) if distances else None,
        shown=shown,
    )


@torch.inference_mode()
def _enlarge(network: nn.Module, lr: NDArray[np.uint8], device: torch.device) -> Tensor:
    y: Tensor = network(torch.from_numpy(to_float(lr)).to(device))
    return y
