"""Measure a model over --strength, and draw the curve: python benchmarks/interpolation.py TEST_SET VGG19_WEIGHTS.

Writes docs/interpolation.md and docs/interpolation.svg.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl

from minutia.evaluate.benchmark import Method, Result, run_benchmark
from minutia.evaluate.measures import FIDELITY, NIQE, vgg_distance
from minutia.evaluate.report import to_markdown
from minutia.upscaler import Upscaler
from minutia.zoo.catalog import find_model

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "minutia"

DOCS = Path(__file__).parent.parent / "docs"
MODEL = "minutia-x4"
STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
WORDS = """# Network interpolation (--strength)

`--strength` blends the weights of an adversarial model with those of its fidelity model (network interpolation, Wang et
al. 2018, section 3.4): 1 is the adversarial model, 0 the fidelity model.

Made by `python benchmarks/interpolation.py TEST_SET VGG19_WEIGHTS`; VGG19_WEIGHTS is a file with the weights of VGG19
([evaluation.md](evaluation.md)).

![PSNR and VGG distance by strength](interpolation.svg)

"""


def main() -> None:
    """Measure the model at several strengths, and write the table and the curve."""
    test_set, weights = Path(sys.argv[1]), Path(sys.argv[2])
    card = find_model(MODEL)
    methods = [
        Method(f"{card.name} at {share:g}", card.scale, Upscaler(card, strength=share).upscale) for share in STRENGTHS
    ]
    results = run_benchmark(methods, [test_set], measures=[*FIDELITY, NIQE, vgg_distance(weights)])
    (DOCS / "interpolation.md").write_text(WORDS + to_markdown(results), encoding="utf-8")
    draw(results[1:-1])  # Without bicubic and the originals.


def draw(results: list[Result]) -> None:
    """Draw PSNR against the VGG distance; the upper left is best."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    x, y = ([result.mean[key] for result in results] for key in ("vgg", "psnr"))
    axes.plot(x, y, "o-")
    for share, left, bottom in zip(STRENGTHS, x, y, strict=True):
        axes.annotate(f"{share:g}", (left, bottom), textcoords="offset points", xytext=(6, 4))
    axes.set(xlabel="VGG distance (lower looks more like the original)", ylabel="PSNR-Y, dB")
    axes.set_title(f"{MODEL} on {results[0].data}, by strength")
    figure.savefig(DOCS / "interpolation.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
