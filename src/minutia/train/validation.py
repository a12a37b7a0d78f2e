"""How good the averaged generator is on whole pictures, and what its pictures look like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from minutia.image.color import to_float, to_integers
from minutia.image.pairs import Pair
from minutia.image.resize import upscale_bicubic
from minutia.image.sheet import Panel, draw_sheet
from minutia.metrics.fidelity import score_y
from minutia.train.losses import PerceptualLoss

SAMPLE_SIDE = 320
"""Side of the part of a picture that a sample sheet shows."""


@dataclass(frozen=True, slots=True)
class Validation:
    """Means over the validation pictures."""

    psnr: float
    """dB on luma, the convention of `minutia.metrics`."""
    ssim: float
    perceptual: float | None
    """The perceptual loss of the adversarial phase; lower is nearer to the original."""

    def figures(self) -> dict[str, float]:
        """The figures there are, by name."""
        found = {"psnr": self.psnr, "ssim": self.ssim}
        return found if self.perceptual is None else found | {"perceptual": self.perceptual}

    @property
    def goodness(self) -> float:
        """What the best weights are chosen by; higher is better."""
        return self.psnr if self.perceptual is None else -self.perceptual


def validate(
    network: nn.Module,
    pairs: Sequence[Pair],
    scale: int,
    device: torch.device,
    judge: PerceptualLoss | None,
    sheet: Path | None,
    num_samples: int,
) -> Validation:
    """Enlarge each picture, score it, and draw the first `num_samples` on `sheet`."""
    network.eval()
    scores, distances, rows = [], [], []
    for index, pair in enumerate(pairs):
        y = _enlarge(network, pair.lr, device)
        sr = to_integers(y[0].cpu().numpy(), np.uint8)
        score = score_y(sr, pair.hr, scale)
        scores.append(score)
        if judge is not None:
            hr = torch.from_numpy(to_float(pair.hr)).to(device)
            with torch.inference_mode():
                distances.append(judge(y.clamp(0, 1), hr).item())
        if index < num_samples:
            rows.append(_row(pair, sr, scale, f"{score.psnr:.2f} dB, SSIM {score.ssim:.4f}"))
    if sheet is not None:
        draw_sheet(rows, max_side=SAMPLE_SIDE).save(sheet)
    return Validation(
        psnr=float(np.mean([score.psnr for score in scores])),
        ssim=float(np.mean([score.ssim for score in scores])),
        perceptual=float(np.mean(distances)) if distances else None,
    )


@torch.inference_mode()
def _enlarge(network: nn.Module, lr: NDArray[np.uint8], device: torch.device) -> Tensor:
    y: Tensor = network(torch.from_numpy(to_float(lr)).to(device))
    return y


def _row(pair: Pair, sr: NDArray[np.uint8], scale: int, words: str) -> list[Panel]:
    bicubic = upscale_bicubic(pair.lr, scale)
    score = score_y(bicubic, pair.hr, scale)
    return [
        Panel(pair.lr, [f"LR {pair.name}"[:28], f"{pair.lr.shape[1]} x {pair.lr.shape[0]}"]),
        Panel(bicubic, ["bicubic", f"{score.psnr:.2f} dB, SSIM {score.ssim:.4f}"]),
        Panel(sr, ["SR", words]),
        Panel(pair.hr, ["HR", f"{pair.hr.shape[1]} x {pair.hr.shape[0]}"]),
    ]
