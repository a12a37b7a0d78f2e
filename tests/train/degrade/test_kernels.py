from math import pi

import pytest
import torch

from minutia.train.degrade import kernels
from minutia.train.degrade.operations import blur

ALL = {
    "gaussian": kernels.gaussian(15, (1.5, 3.0), 0.4),
    "generalised": kernels.gaussian(15, (1.5, 1.5), 0.0, beta=0.6),
    "plateau": kernels.plateau(15, (2.0, 3.0), 1.0, beta=1.5),
    "sinc": kernels.sinc(15, pi / 2),
    "motion": kernels.motion(15, 7.0, 0.7),
    "displacement": kernels.displacement(15, 1.25, -2.5),
    "identity": kernels.identity(15),
}


@pytest.mark.parametrize("name", ALL)
def test_a_kernel_keeps_the_brightness(name: str) -> None:
    assert ALL[name].shape == (15, 15)
    assert ALL[name].dtype == torch.float32
    assert float(ALL[name].sum()) == pytest.approx(1, abs=1e-5)
    flat = torch.full((1, 3, 20, 24), 0.25)
    assert torch.allclose(blur(flat, ALL[name][None]), flat, atol=1e-5)


def test_a_gaussian_has_its_deviations_along_its_axes() -> None:
    kernel = kernels.gaussian(41, (1.5, 3.0), 0.0).double()
    line = torch.arange(41.0).double() - 20
    assert float((kernel.sum(0) * line**2).sum()) == pytest.approx(1.5**2, rel=0.01)
    assert float((kernel.sum(1) * line**2).sum()) == pytest.approx(3.0**2, rel=0.01)


def test_a_quarter_turn_transposes() -> None:
    turned = kernels.gaussian(15, (1.0, 3.0), pi / 2)
    assert torch.allclose(turned, kernels.gaussian(15, (1.0, 3.0), 0.0).T, atol=1e-6)


def test_a_sinc_that_keeps_little_lets_no_fast_change_through() -> None:
    stripes = torch.tensor([0.0, 1.0]).repeat(16).expand(1, 1, 32, 32)
    kept = blur(stripes, kernels.sinc(21, pi / 4)[None])[..., 8:-8, 8:-8]
    assert float(kept.std()) < 0.05
    assert float(kept.mean()) == pytest.approx(0.5, abs=0.01)


def test_motion_is_as_long_as_it_says() -> None:
    kernel = kernels.motion(21, 10.0, 0.0)
    assert int((kernel[10] > 0.05).sum()) in {10, 11}
    assert float(kernel[:10].sum() + kernel[11:].sum()) == pytest.approx(0, abs=1e-6)


def test_displacement_moves_right_and_down() -> None:
    point = torch.zeros(1, 1, 15, 15)
    point[..., 7, 7] = 1
    moved = blur(point, kernels.displacement(9, 3, 2)[None])
    assert moved[0, 0, 9, 10] == pytest.approx(1, abs=1e-5)


def test_every_picture_has_its_own_kernel() -> None:
    x = torch.rand(2, 3, 16, 16)
    y = blur(x, torch.stack([kernels.identity(7), kernels.gaussian(7, (2, 2), 0)]))
    assert torch.allclose(y[0], x[0], atol=1e-6)
    assert (y[1] - x[1]).abs().mean() > 0.05


def test_blur_is_correlation_with_mirrored_borders() -> None:
    x, kernel = torch.rand(1, 2, 13, 17), torch.rand(5, 5)
    kernel /= kernel.sum()
    padded = torch.nn.functional.pad(x, (2, 2, 2, 2), mode="reflect")
    wanted = torch.nn.functional.conv2d(padded, kernel.expand(2, 1, 5, 5), groups=2)
    assert torch.allclose(blur(x, kernel[None]), wanted, atol=1e-5)
