import pytest
import torch

from minutia.train.degrade.operations import compress, gaussian_noise, normal, poisson_noise, quantise, resize

KEYS = torch.tensor([5, 2**61 + 7, 2**33])
COLOUR = torch.zeros(3, dtype=torch.bool)


def test_normal_numbers_are_normal() -> None:
    z = normal(KEYS, (3, 200, 201))
    assert z.shape == (3, 3, 200, 201)
    assert z.dtype == torch.float32
    assert float(z.mean()) == pytest.approx(0, abs=0.01)
    assert float(z.std()) == pytest.approx(1, abs=0.01)
    assert float((z**4).mean()) == pytest.approx(3, abs=0.1)
    assert float((z[:, :, 1:] * z[:, :, :-1]).mean()) == pytest.approx(0, abs=0.01)
    assert float((z[0] * z[1]).mean()) == pytest.approx(0, abs=0.01)


def test_noise_depends_on_its_key_alone() -> None:
    assert torch.equal(normal(KEYS, (3, 8, 8))[1:2], normal(KEYS[1:2], (3, 8, 8)))
    assert not torch.equal(normal(KEYS, (3, 8, 8))[0], normal(KEYS, (3, 8, 8))[2])


def test_noise_of_the_first_version_stays_the_same() -> None:
    # Models are compared on pictures with this noise.
    wanted = torch.tensor([0.10687329, 0.80002546, 3.47334146, 0.25948989])
    assert torch.allclose(normal(torch.tensor([1]), (4,))[0], wanted, atol=1e-5)


def test_gaussian_noise_has_the_strength_asked_for() -> None:
    x = torch.full((3, 3, 100, 100), 0.5)
    y = gaussian_noise(x, torch.tensor([0.0, 0.02, 0.05]), COLOUR, KEYS)
    assert torch.equal(y[0], x[0])
    assert float(y[1].std()) == pytest.approx(0.02, rel=0.05)
    assert float(y[2].std()) == pytest.approx(0.05, rel=0.05)


def test_grey_noise_is_the_same_in_all_channels() -> None:
    x = torch.rand(3, 1, 20, 20).expand(3, 3, 20, 20) * 0.5 + 0.25
    grey = torch.tensor([True, False, True])
    for y in (
        gaussian_noise(x, torch.full((3,), 0.05), grey, KEYS),
        poisson_noise(x, torch.full((3,), 0.5), grey, KEYS),
    ):
        assert torch.allclose(y[0, 0], y[0, 1], atol=1e-6)
        assert not torch.allclose(y[1, 0], y[1, 1], atol=1e-2)


def test_photon_noise_grows_with_light_as_a_poisson_process() -> None:
    levels = torch.tensor([0.05, 0.3, 0.8])
    x = levels[:, None, None, None].expand(3, 1, 300, 300)
    y = poisson_noise(x, torch.ones(3), COLOUR, KEYS)
    for level, noisy in zip(levels, y, strict=True):
        assert float(noisy.mean()) == pytest.approx(float(level), rel=0.01)
        assert float(noisy.var()) == pytest.approx(float(level) / 255, rel=0.06)
    dark = y[0] * 255
    skewness = float(((dark - dark.mean()) ** 3).mean() / dark.std() ** 3)
    assert skewness == pytest.approx((0.05 * 255) ** -0.5, abs=0.06)


def test_no_light_is_never_negative() -> None:
    y = poisson_noise(torch.zeros(3, 3, 50, 50), torch.full((3,), 3.0), COLOUR, KEYS)
    assert float(y.max()) < 0.01
    assert float(y.min()) >= 0


def test_a_rounding_difference_stays_one() -> None:
    x = torch.rand(3, 3, 40, 40)
    near = (x + 1e-6).clamp(0, 1)
    scales = torch.ones(3)
    difference = poisson_noise(x, scales, COLOUR, KEYS) - poisson_noise(near, scales, COLOUR, KEYS)
    assert float(difference.abs().max()) < 1e-3


@pytest.mark.parametrize("codec", ["jpeg", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_less_quality_is_further_away(codec: str, channels: int) -> None:
    torch.manual_seed(0)
    x = torch.nn.functional.interpolate(torch.rand(4, channels, 8, 8), (64, 64), mode="bicubic").clamp(0, 1)
    y = compress(x, codec, [None, 90, 50, 10])  # type: ignore[arg-type]
    assert torch.equal(y[0], x[0])
    far = [(a - b).abs().mean().item() for a, b in zip(x[1:], y[1:], strict=True)]
    assert 0 < far[0] < 0.03
    assert far[2] > far[0]


def test_quantised_pictures_have_the_values_of_files() -> None:
    y = quantise(torch.rand(2, 3, 9, 9) * 1.2 - 0.1) * 255
    assert torch.allclose(y, y.round(), atol=1e-4)
    assert float(y.min()) >= 0
    assert float(y.max()) <= 255


@pytest.mark.parametrize("resampling", ["area", "bilinear", "bicubic"])
def test_resizing_gives_the_size_asked_for_within_range(resampling: str) -> None:
    y = resize((torch.rand(2, 3, 20, 30) > 0.5).float(), 33, 17, resampling)  # type: ignore[arg-type]
    assert y.shape == (2, 3, 33, 17)
    assert float(y.min()) >= 0
    assert float(y.max()) <= 1
