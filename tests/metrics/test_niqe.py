from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data

from minutia.errors import DataError
from minutia.metrics.niqe import Naturalness, _fit_asymmetric, fit, niqe


def damaged(kind: str, strength: float) -> np.ndarray:
    """A photograph, blurred, noisy, packed by JPEG, or shrunk and enlarged."""
    image = Image.fromarray(data.astronaut()[:384, :384])
    pixels = np.asarray(image).astype(float)
    if kind == "blur":
        return np.asarray(image.filter(ImageFilter.GaussianBlur(strength)))
    if kind == "noise":
        noise = np.random.default_rng(0).normal(0, strength, pixels.shape)
        return np.clip(pixels + noise, 0, 255).astype(np.uint8)
    if kind == "jpeg":
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(strength))
        return np.asarray(Image.open(buffer))
    side = int(384 / strength)
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC).resize((384, 384), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(
    ("kind", "strengths"),
    [("blur", (1, 2, 4)), ("noise", (10, 25, 60)), ("jpeg", (40, 15, 5)), ("enlarged", (2, 3, 4))],
)
def test_every_damage_is_less_natural_and_more_of_it_still_less(kind: str, strengths: tuple[float, ...]) -> None:
    figures = [niqe(data.astronaut()[:384, :384], crop=4)]
    figures += [niqe(damaged(kind, strength), crop=4) for strength in strengths]
    assert figures == sorted(figures)
    assert figures[-1] > figures[0] + 2


def test_shapes_of_known_distributions_are_found() -> None:
    random = np.random.default_rng(0)
    shape, left, right = _fit_asymmetric(random.normal(0, 2, 200_000))
    assert shape == pytest.approx(2, rel=0.03)
    assert left == pytest.approx(2 * np.sqrt(2), rel=0.03)
    assert right == pytest.approx(left, rel=0.03)
    assert _fit_asymmetric(random.laplace(0, 1, 200_000))[0] == pytest.approx(1, rel=0.03)
    skewed = random.normal(0, 1, 200_000)
    skewed[skewed > 0] *= 3
    _, left, right = _fit_asymmetric(skewed)
    assert right / left == pytest.approx(3, rel=0.05)


def test_a_model_can_be_fitted_and_knows_its_own(tmp_path: Path) -> None:
    photos = [data.astronaut(), data.coffee(), data.chelsea()]
    model = fit(photos)
    model.save(tmp_path / "m.npz")
    with np.load(tmp_path / "m.npz") as file:
        again = Naturalness(file["mean"].astype(float), file["covariance"].astype(float))
    assert niqe(data.coffee(), again, crop=0) == pytest.approx(niqe(data.coffee(), model, crop=0), rel=1e-2)
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    assert niqe(data.coffee(), model, crop=0) < niqe(noise, model, crop=0)


def test_grey_counts_as_its_colours_and_small_pictures_are_refused() -> None:
    grey = data.camera()[:200, :200, None]
    assert niqe(grey, crop=4) == pytest.approx(niqe(grey.repeat(3, axis=2), crop=4))
    with pytest.raises(DataError, match="92x92 pixels is too small for NIQE, which needs sides of 96 pixels"):
        niqe(grey[:100, :100], crop=4)
    assert np.isfinite(niqe(np.full((96, 96, 1), 128, np.uint8), crop=0))
