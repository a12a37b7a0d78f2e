from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from minutia.metrics.checkerboard import checkerboard
from minutia.train.losses import (
    PerceptualLoss,
    checkerboard_loss,
    discriminator_loss,
    flat_region_loss,
    generator_loss,
    ldl_loss,
    moved_window,
    pixel_loss,
)
from minutia.train.objectives import Perceptual


def test_pixel_losses_by_hand() -> None:
    sr, hr = torch.tensor([[[[0.0, 0.5]]]]), torch.tensor([[[[0.0, 0.1]]]])
    assert pixel_loss(sr, hr, "l1").item() == pytest.approx(0.2)
    assert pixel_loss(sr, hr, "mse").item() == pytest.approx(0.08)
    assert pixel_loss(sr, hr, "charbonnier").item() == pytest.approx((1e-3 + math.hypot(0.4, 1e-3)) / 2)


def sigmoid_loss(logit: float) -> float:
    return -math.log(1 / (1 + math.exp(-logit)))


def test_adversarial_losses_by_hand() -> None:
    real, fake = torch.tensor([2.0]), torch.tensor([-1.0])
    vanilla = (sigmoid_loss(2) + sigmoid_loss(1)) / 2
    assert discriminator_loss(real, fake, "vanilla").item() == pytest.approx(vanilla, rel=1e-5)
    assert generator_loss(real, fake, "vanilla").item() == pytest.approx(sigmoid_loss(-1), rel=1e-5)
    assert discriminator_loss(real, fake, "hinge").item() == 0
    assert generator_loss(real, fake, "hinge").item() == 1
    assert discriminator_loss(real, fake, "relativistic").item() == pytest.approx(sigmoid_loss(3), rel=1e-5)
    assert generator_loss(real, fake, "relativistic").item() == pytest.approx(sigmoid_loss(-3), rel=1e-5)


def test_relativistic_generator_sends_no_gradient_into_the_real_logits() -> None:
    real, fake = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)
    generator_loss(real, fake, "relativistic").backward()
    assert real.grad is None
    assert fake.grad is not None


@pytest.mark.parametrize("rescale", ["magnitude", "unit", "paper", "none"])
def test_perceptual_loss_is_zero_for_equal_pictures_and_leads_towards_them(vgg_weights: Path, rescale: str) -> None:
    loss = PerceptualLoss(
        Perceptual.model_validate({"layers": {"conv1_2": 1.0}, "weights": vgg_weights, "rescale": rescale})
    )
    torch.manual_seed(0)
    hr = torch.rand(1, 3, 16, 16)
    sr = (hr + 0.1 * torch.randn_like(hr)).requires_grad_()
    assert loss(hr, hr).item() == 0
    before = loss(sr, hr)
    before.backward()
    assert sr.grad is not None
    step = 1e-3 * sr.grad / sr.grad.abs().max()
    assert 0 < loss(sr.detach() - step, hr).item() < before.item()


def test_features_of_unit_length_do_not_tell_how_strong_they_are(vgg_weights: Path) -> None:
    config = Perceptual(layers={"conv1_2": 1.0}, weights=vgg_weights, rescale="unit", criterion="mse")
    loss = PerceptualLoss(config)
    hr, sr = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    a, b = (loss.vgg(each)["conv1_2"] for each in (sr, hr))
    cosine = torch.cosine_similarity(a, b, dim=1)
    assert loss(sr, hr).item() == pytest.approx((2 - 2 * cosine).mean().item(), rel=1e-4)


def test_weights_of_layers_add_up(vgg_weights: Path) -> None:
    hr, sr = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)

    def distance(layers: dict[str, float]) -> float:
        return PerceptualLoss(Perceptual(layers=layers, weights=vgg_weights))(sr, hr).item()

    both = distance({"conv1_1": 2.0, "conv1_2": 0.5})
    assert both == pytest.approx(2 * distance({"conv1_1": 1.0}) + 0.5 * distance({"conv1_2": 1.0}), rel=1e-5)


@pytest.mark.parametrize(
    ("channels", "bands", "taken"),
    [(4, (3, 1, 1), [3, 1, 1]), (4, None, [0, 1, 2]), (2, None, [0, 0, 0]), (1, None, [0, 0, 0])],
)
def test_perceptual_loss_sees_the_bands_it_is_told(
    vgg_weights: Path, channels: int, bands: tuple[int, ...] | None, taken: list[int]
) -> None:
    sr, hr = torch.rand(2, 1, channels, 16, 16, generator=torch.Generator().manual_seed(0))
    config = Perceptual(layers={"conv1_2": 1.0}, weights=vgg_weights, bands=bands)
    plain = PerceptualLoss(Perceptual(layers={"conv1_2": 1.0}, weights=vgg_weights))
    assert torch.equal(PerceptualLoss(config, channels)(sr, hr), plain(sr[:, taken], hr[:, taken]))


def test_the_window_of_vgg_visits_every_place_of_a_grid() -> None:
    hr = torch.arange(36.0).reshape(1, 1, 6, 6)
    windows = [moved_window(hr + 0.5, hr, 3, step) for step in range(17)]
    assert all(sr.shape == (1, 1, 3, 3) and torch.equal(sr, original + 0.5) for sr, original in windows)
    corners = [original[0, 0, 0, 0].item() for _, original in windows]
    assert sorted(corners[:16]) == [6 * row + column for row in range(4) for column in range(4)]
    assert corners[16] == corners[0]
    assert torch.equal(moved_window(hr, hr, 0, 5)[1], hr)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_loss_of_the_grid_is_the_measure_of_it(scale: int) -> None:
    random = np.random.default_rng(0)
    hr = random.integers(60, 190, (8 * scale, 8 * scale, 1), dtype=np.uint8)
    sr = hr + random.integers(0, 40, (8 * scale, 8 * scale, 1), dtype=np.uint8)
    x, y = (torch.from_numpy(pixels / 255).permute(2, 0, 1)[None] for pixels in (sr, hr))
    luma_of_white = 219 / 255
    assert 255 * luma_of_white * checkerboard_loss(x, y, scale).item() == pytest.approx(
        checkerboard(sr, hr, scale), rel=0.01
    )


def test_a_grid_is_learnt_away_and_noise_is_let_be() -> None:
    hr = torch.zeros(2, 3, 40, 40)
    noise = 0.05 * torch.randn(2, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    pattern = torch.zeros(4, 4)
    pattern[0, 0] = 0.2
    sr = (noise + pattern.repeat(10, 10)).requires_grad_()
    optimiser = torch.optim.SGD([sr], lr=1e-3 * sr.numel())
    for _ in range(100):
        optimiser.zero_grad()
        checkerboard_loss(sr, hr, 4).backward()
        optimiser.step()
    left = sr.detach()
    assert checkerboard_loss(left, hr, 4).item() < 0.2 * checkerboard_loss(noise + pattern.repeat(10, 10), hr, 4).item()
    assert left.std() > 0.8 * noise.std()
    assert checkerboard_loss(torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 20), 4).item() == pytest.approx(1e-4)


def test_artefacts_by_hand() -> None:
    hr = torch.zeros(1, 1, 9, 9)
    sr = hr.clone()
    sr[0, 0, 4, 4] = 0.7  # One pixel is wrong, so it counts alone: every window that holds it has the same variance.
    alone = 0.7**2 / 49  # Variance of one such pixel among 49, and below among 81.
    expected = alone * (0.7**2 / 81) ** 0.2 * 0.7 / 81
    assert ldl_loss(sr, hr, steady=sr).item() == pytest.approx(expected, rel=1e-5)
    worse, better = sr * 1.1, sr * 0.9
    assert ldl_loss(sr, hr, steady=worse).item() == 0
    assert ldl_loss(sr, hr, steady=better).item() == pytest.approx(expected, rel=1e-5)


def test_noise_costs_where_the_original_is_calm() -> None:
    generator = torch.Generator().manual_seed(0)
    hr = torch.full((1, 3, 16, 32), 0.5)
    hr[..., 16:] += 0.1 * torch.randn(1, 3, 16, 16, generator=generator)
    noise = 0.01 * torch.randn(1, 3, 16, 32, generator=generator)
    calm, textured = (noise * (torch.arange(32) // 16 == half) for half in (0, 1))
    assert flat_region_loss(hr, hr).item() == 0
    assert flat_region_loss(hr + calm, hr).item() > 50 * flat_region_loss(hr + textured, hr).item()
    far = noise * (torch.arange(32) < 13)  # From where the texture is within the window on.
    assert flat_region_loss(hr + far, hr).item() == pytest.approx(far.abs().mean().item(), rel=1e-5)


def test_artefacts_are_dearer_than_a_shade() -> None:
    hr = torch.full((1, 3, 16, 16), 0.5)
    noise = 0.1 * torch.sign(torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)) - 0.7)
    shade = noise.abs().repeat(1, 3, 1, 1)
    speckled = (hr + noise.clamp(min=0)).requires_grad_()
    loss = ldl_loss(speckled, hr, steady=speckled)
    assert ldl_loss(hr + shade, hr, steady=hr).item() == pytest.approx(0, abs=1e-9)
    loss.backward()
    assert loss.item() > 1e-4
    assert speckled.grad is not None
    assert (speckled.grad[speckled == hr] == 0).all()
