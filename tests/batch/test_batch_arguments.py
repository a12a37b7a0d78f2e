from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from minutia.batch import Encoding, arguments, choose_model, mark, read_range, read_target, unused_settings
from minutia.errors import ModelError, PictureError
from minutia.image.target import Target
from minutia.zoo.catalog import find_model


@pytest.mark.parametrize(
    ("given", "wanted"), [(None, None), ("auto", "auto"), ("0,1", (0, 1)), ("-1e3, 8", (-1000, 8))]
)
def test_ranges(given: str | None, wanted: object) -> None:
    assert read_range(given) == wanted


@pytest.mark.parametrize("given", ["", "1", "1,1", "2,1", "nan,1", "0,inf", "0,1,2", "a,b", "full"])
def test_ranges_that_are_none(given: str) -> None:
    with pytest.raises(PictureError, match=r"is not a valid range; write LOW,HIGH, as in --range 0,1, or auto"):
        read_range(given)


def test_one_wish() -> None:
    assert read_target({"scale": None, "width": None}) is None
    assert read_target({"scale": 2.5, "width": None}) == Target("scale", 2.5)
    assert read_target({"long_side": 2048}) == Target("long_side", 2048)
    for words in ("3840x2160", " 3840 X 2160", "3840×2160"):
        assert read_target({"fit": words}) == Target("fit", 3840, 2160)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"width": 10, "long_side": 20}, "--width and --long-side cannot be combined"),
        ({"scale": 0.5}, "--scale must be at least 1, not 0.5; Minutia does not downscale"),
        ({"scale": 0.0}, "--scale must be a positive number, not 0"),
        ({"scale": float("nan")}, "--scale must be a positive number, not nan"),
        ({"megapixels": -1.0}, "--megapixels must be a positive number, not -1"),
        ({"fit": "3840"}, "3840 is not a valid size"),
        ({"fit": "0x9"}, "0x9 is not a valid size"),
    ],
)
def test_wishes_that_cannot_be_are_refused(given: dict[str, float | str], sentence: str) -> None:
    with pytest.raises(PictureError, match=sentence):
        read_target(given)


def test_a_scale_chooses_the_smallest_model_that_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {scale: replace(find_model(), name=f"x{scale}", scale=scale) for scale in (2, 4)}
    monkeypatch.setattr(arguments, "default_models", lambda: list(cards.values()))
    monkeypatch.setattr(arguments, "find_model", lambda name: cards[int(name)])
    for value, scale, left in ((2, 2, False), (1.5, 2, True), (2.5, 4, True), (4, 4, False), (9, 4, True)):
        target = Target("scale", value)
        assert choose_model(None, target) == (cards[scale], target if left else None), value
    assert choose_model("4", Target("scale", 2)) == (cards[4], Target("scale", 2))
    assert choose_model("4", Target("scale", 4)) == (cards[4], None)
    assert choose_model("2", Target("width", 9)) == (cards[2], Target("width", 9))


def test_other_wishes_take_the_default_model() -> None:
    assert choose_model(None, Target("fit", 9, 9))[0].name == "minutia-x4-photo"
    assert choose_model(None, None) == (find_model(), None)
    with pytest.raises(ModelError, match="did you mean minutia-x4"):
        choose_model("minutia-x5", Target("scale", 2))


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (None, "_x4"),
        (Target("scale", 2.5), "_x2.5"),
        (Target("scale", 8), "_x8"),
        (Target("width", 1920), "_w1920"),
        (Target("height", 1080), "_h1080"),
        (Target("long_side", 2048), "_long2048"),
        (Target("short_side", 1080), "_short1080"),
        (Target("megapixels", 12.5), "_12.5mp"),
        (Target("fit", 3840, 2160), "_3840x2160"),
    ],
)
def test_names_say_the_wish(target: Target | None, expected: str) -> None:
    assert mark(find_model(), target) == expected


def test_wishes_that_no_output_can_have_are_named() -> None:
    png, jpeg, tiff = Path("a.png"), Path("a.JPG"), Path("a.tif")
    every = Encoding(quality=80, compression="none", pyramid=True)
    of_png, of_both = ([words.split()[0] for words in unused_settings(every, paths)] for paths in ([png], [png, tiff]))
    assert of_png == ["--quality", "--compression", "--pyramid"]
    assert of_both == ["--quality"]
    assert unused_settings(every, [jpeg, tiff]) == unused_settings(Encoding(), [png, jpeg, tiff]) == []
