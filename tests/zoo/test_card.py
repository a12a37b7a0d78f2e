from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minutia.errors import ModelError
from minutia.types import Normalisation
from minutia.zoo.card import Figure, ModelCard, read_card, write_card

FIGURE = Figure(data="Set5", psnr=31.9, ssim=0.89, convention="Y", command="minutia evaluate m --data Set5")


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    return ModelCard(
        name="a",
        summary='Says "small" \\ things, ä.',
        scale=4,
        channels=3,
        halo=7,
        pixel_bytes=900,
        licence="Apache-2.0",
        intended_use="Tests.",
        limits="All.",
        sha256="0" * 64,
        network={"kind": "minutianet", "num_blocks": 2},
        training={"data": "none", "steps": 5, "rate": 1e-3},
        figures=(FIGURE, replace(FIGURE, data="Set14", command="")),
        model_path=tmp_path / "model.onnx",
    )


def test_what_is_written_is_read(card: ModelCard, tmp_path: Path) -> None:
    write_card(card, tmp_path)
    assert read_card(tmp_path / "card.toml") == card
    assert [path.name for path in tmp_path.iterdir()] == ["card.toml"]


def test_a_normalisation_is_written_and_read(card: ModelCard, tmp_path: Path) -> None:
    written = replace(card, normalisation=Normalisation((0.1, -2.0, 1e-7), (1e9, 5.0, 0.25)))
    write_card(written, tmp_path)
    assert read_card(tmp_path / "card.toml") == written


@pytest.mark.parametrize(
    "table",
    [
        "low = [0, 0, 0]",
        "low = [0, 0]\nhigh = [1, 1]",
        "low = [0, 0, 1]\nhigh = [1, 1, 1]",
        "low = 0\nhigh = 1",
        'low = ["0", 0, 0]\nhigh = [1, 1, 1]',
        "low = [0, 0, nan]\nhigh = [1, 1, 1]",
        "low = [0, 0, 0]\nhigh = [1, 1, 1]\nmid = 1",
    ],
)
def test_a_normalisation_that_is_none_is_refused(card: ModelCard, tmp_path: Path, table: str) -> None:
    write_card(card, tmp_path)
    path = tmp_path / "card.toml"
    path.write_text(path.read_text(encoding="utf-8") + f"\n[normalisation]\n{table}\n", encoding="utf-8")
    with pytest.raises(
        ModelError, match=r"normalisation in the card .* two lists, low and high, with one number for each"
    ):
        read_card(path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("scale = 4", 'scale = "4"', "needs a whole number called scale"),
        ("scale = 4", "scale = true", "needs a whole number called scale"),
        ('licence = "Apache-2.0"', "licence = 2", "needs a text called licence"),
        ("[network]", "[networks]", "needs a table called network"),
        ("halo = 7", "", "needs a whole number called halo"),
        ("halo = 7", "halo = 7\ncolour = 1", "unknown key colour"),
        ("ssim = 0.89", "size = 1", "tables with the keys data, psnr, ssim, convention"),
        ("psnr = 31.9", 'psnr = "31.9"', "tables with the keys data, psnr, ssim, convention"),
        ("scale = 4", "scale = 0", "scale must be at least 1"),
        ("halo = 7", "halo = -1", "halo must be at least 0"),
        ("pixel_bytes = 900", "pixel_bytes = 0", "pixel_bytes must be at least 1"),
        ("pixel_bytes = 900", "pixel_bytes = 9.5", "pixel_bytes must be a whole number"),
        ("steps = 5", "steps = [5]", r"steps, in \[training\], must be a text or a number"),
        ("[[figures]]", "[figures]", "not valid TOML"),
        ("scale = 4", "scale =", "not valid TOML"),
    ],
)
def test_wrong_cards_are_refused(card: ModelCard, tmp_path: Path, old: str, new: str, sentence: str) -> None:
    write_card(card, tmp_path)
    path = tmp_path / "card.toml"
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ModelError, match=sentence):
        read_card(path)


@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    facts=st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False)
        | st.booleans()
        | st.text('a"\\\n\x7f', max_size=4),
        max_size=4,
    ),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_and_number_survives(
    card: ModelCard, tmp_path: Path, text: str, facts: dict[str, str | float]
) -> None:
    written = replace(card, summary=text, training=facts)
    write_card(written, tmp_path)
    assert read_card(tmp_path / "card.toml") == written


def test_no_card(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"a model is a folder of model\.onnx and card\.toml"):
        read_card(tmp_path / "card.toml")


def test_a_whole_number_is_a_figure(card: ModelCard, tmp_path: Path) -> None:
    write_card(card, tmp_path)
    path = tmp_path / "card.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("psnr = 31.9", "psnr = 31"), encoding="utf-8")
    psnr = read_card(path).figures[0].psnr
    assert (psnr, type(psnr)) == (31.0, float)


def test_a_card_that_may_not_be_read_is_not_called_missing(tmp_path: Path) -> None:
    (tmp_path / "card.toml").mkdir()
    with pytest.raises(ModelError, match=r"card\.toml cannot be read: (is a directory|permission denied)"):
        read_card(tmp_path / "card.toml")
