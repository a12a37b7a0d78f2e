from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from minutia.train.advice import advise
from minutia.train.charts import Line, draw_chart, find_ticks
from minutia.train.config import Recipe
from minutia.train.report import find_best

VOID = {"meta", "img", "br"}


class Nesting(HTMLParser):
    """Notes elements that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value for name, value in attrs if name in {"src", "href"} and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_is_one_page_that_needs_nothing_else(finished: Recipe) -> None:
    page = (finished.folder / "report.html").read_text(encoding="utf-8")
    nesting = Nesting()
    nesting.feed(page)
    assert nesting.open == []
    # Bicubic, two validations of each phase and the original, of both pictures held out; and the newest sheet.
    assert len(nesting.sources) == 2 * 6 + 1
    assert all(source.startswith("data:image/") for source in nesting.sources)
    assert "http" not in page.replace("http-equiv", "")
    assert "Finished." in page
    assert "num_blocks = 1" in page
    assert "torch==" in page
    assert page.count("<svg") == 7


def test_readme_of_a_run_names_what_there_is(finished: Recipe) -> None:
    words = (finished.folder / "README.txt").read_text(encoding="utf-8")
    named = re.findall(r"^  ([\w.]+(?:/[\w]*/?)?)\s{2,}", words, re.MULTILINE)
    assert {"report.html", "weights/", "samples/crops/", "last.safetensors"} <= set(named)
    assert all((finished.folder / name).exists() for name in named)


def test_charts_draw_every_line_within_the_frame() -> None:
    line, empty = Line("a<b", [(1.0, 2.0), (2.0, 5.0), (4.0, 3.0)]), Line("none", [])
    chart = ElementTree.fromstring(draw_chart([line, empty], "step", ends=[2.0], best=[(2.0, 5.0)]))  # noqa: S314 (our own)
    assert chart.get("aria-label") == "a<b"
    (drawn,) = chart.iter("polyline")
    places = [tuple(map(float, place.split(","))) for place in drawn.get("points", "").split()]
    assert len(places) == 3
    assert places[1][1] < places[2][1] < places[0][1]
    (ring,) = [circle for circle in chart.iter("circle") if circle.get("class") == "best"]
    assert (float(ring.get("cx", 0)), float(ring.get("cy", 0))) == places[1]
    assert draw_chart([empty], "step") == ""
    assert draw_chart([Line("flat", [(1.0, 0.0)])], "step")


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 10, [0, 5, 10]), (0.9, 4.1, [1, 2, 3, 4]), (-0.05, 0.05, [-0.05, 0, 0.05])],
)
def test_ticks_are_round(low: float, high: float, ticks: list[float]) -> None:
    assert find_ticks(low, high) == pytest.approx(ticks)


def validation(step: int, psnr: float, **figures: float) -> dict[str, str | int | float]:
    return {"phase": "adversarial", "step": step, "psnr": psnr} | figures


def balance(step: int, real: float, fake: float) -> dict[str, str | int | float]:
    return {"phase": "adversarial", "step": step, "logit_real": real, "logit_fake": fake}


def test_best_is_by_distance_where_there_is_one() -> None:
    content = [{"phase": "content", "step": step, "psnr": psnr} for step, psnr in ((1, 20.0), (2, 22.0), (3, 21.0))]
    game = [validation(1, 25.0, perceptual=0.5), validation(2, 24.0, perceptual=0.3)]
    by = {"content": "psnr", "adversarial": "perceptual"}
    assert find_best([*content, *game], by) == [content[1], game[1]]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([validation(n, 25 - 0.1 * n, training_psnr=25 + 0.1 * n) for n in range(4)], "the network overfits"),
        ([validation(1, 25.0, colour_drift=-3.0)], r"a channel of the outputs is -3.0/255"),
        ([validation(n, 25.0, perceptual=0.5 + 0.1 * n) for n in range(3)], "40% farther from the originals"),
        ([balance(n, 5.0, -4.0) for n in range(10)], r"far ahead \(logits \+5\.0 for real"),
        ([balance(n, 0.01, 0.0) for n in range(10)], "cannot tell pictures apart"),
        ([validation(n, 25 + n / 1000) | {"phase": "content"} for n in range(6)], "PSNR rose by 0.00 dB"),
    ],
)
def test_advice_names_what_looks_wrong(rows: list[dict[str, str | int | float]], words: str) -> None:
    (sentence,) = advise(rows)
    assert re.search(words, sentence)


def test_advice_compares_with_bicubic_in_both_phases() -> None:
    content = {"phase": "content"}
    below = [validation(n, 25 + n / 10, bicubic_psnr=26.0) | content for n in range(3)]
    (sentence,) = advise(below)
    assert "0.80 dB below bicubic" in sentence
    assert advise([*below, balance(1, 1.0, -1.0)]) == [sentence]
    assert advise([validation(n, 25 + n, bicubic_psnr=26.0) | content for n in range(3)]) == []


def test_advice_is_silent_where_all_is_well() -> None:
    assert advise([]) == []
    good = [validation(n, 25 + n, training_psnr=25 + n, perceptual=1 / (n + 1), colour_drift=0.5) for n in range(6)]
    assert advise([*good, *(balance(n, 1.0, -1.0) for n in range(10))]) == []
    assert advise([balance(n, 5.0, -4.0) for n in range(9)]) == []
    assert advise([{"phase": "adversarial", "step": n, "perceptual": 1.0} for n in range(20)]) == []
