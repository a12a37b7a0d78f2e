"""Measure models on degraded photographs: python benchmarks/photographs.py DEGRADED VGG19_WEIGHTS [MODEL ...].

DEGRADED is what `benchmarks/degraded.py` made, for x4 and x2; the models are what others have published, as
`benchmarks/published.py` and `minutia export` make folders of it. Writes docs/photographs.md, and beside it a sheet of
pictures in the public domain, which scikit-image carries.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from skimage import data

from minutia.evaluate.benchmark import Method, run_benchmark
from minutia.evaluate.measures import FIDELITY, NIQE, vgg_distance
from minutia.evaluate.report import to_markdown
from minutia.image.pairs import Pair
from minutia.image.resize import downscale, upscale_bicubic
from minutia.image.sheet import Panel, draw_sheet
from minutia.train.batches import degrade_pair
from minutia.train.degrade.pipeline import load_degradation
from minutia.upscaler import Upscaler

DOCS = Path(__file__).parent.parent / "docs"
STRENGTHS = ("clean", "light", "medium", "heavy")
SHOWN = {"light": (data.astronaut, 0, 150), "medium": (data.chelsea, 60, 140), "heavy": (data.coffee, 70, 200)}
"""Photographs, and where the part of them begins that is shown."""
SIDE = 256
QUALITY = 90

WORDS = """# Real-world photographs

Each picture of Set14 was downscaled in four fixed ways: `clean` by bicubic alone; `light` like a phone picture with one
good JPEG; `medium` like a picture that comes back from the web; `heavy` like the output of an old camera
([degradations.md](degradations.md)). The models then enlarge the results; bicubic is listed for comparison. PSNR and
SSIM favour blurred results; the VGG distance and NIQE (lower is better in both) are closer to human perception. The
originals have a NIQE of 4.0; a value below that is not better.

`--denoise` blends the weights with those of a model trained on light degradation: 1 removes noise, 0 keeps grain.

    python benchmarks/degraded.py Set14/x4/HR degraded
    python benchmarks/degraded.py Set14/x2/HR degraded --scale 2
    python benchmarks/photographs.py degraded VGG19_WEIGHTS realesrgan-x4plus realesr-animevideov3-x4

VGG19_WEIGHTS is a file with the weights of VGG19 ([evaluation.md](evaluation.md)).

Two models of Real-ESRGAN's authors are listed beside Minutia's: RRDBNet with 16.7 million parameters, and the compact
network with 0.6 million (`benchmarks/published.py` says where they are from). They were trained for heavy degradation,
on sharpened originals. On clean pictures `minutia-x4-photo` is ahead of both in PSNR, SSIM and VGG; RRDBNet is ahead in
NIQE. On degraded pictures `minutia-x4-photo` has the higher PSNR, and RRDBNet the lower VGG distance, the more so the
heavier the degradation: RRDBNet is far ahead on the cup, and alters the face. Both run in Minutia
([third-party-weights.md](third-party-weights.md)). Minutia's photo models were trained with the tables `photo`,
`medium` and `heavy`, though on none of these pictures; Real-ESRGAN was trained with other degradations.

The scores of `clean` differ by up to 0.02 dB from those in the model cards: those are in fp32 and on the low-resolution
pictures that come with Set14, these in the machine's fastest precision and on pictures made by `degraded.py`.

![Three photographs, each with another degradation, as the models enlarge them](photographs.webp)

*From top to bottom: light, medium, heavy. Photographs: Eileen Collins by NASA; Chelsea the cat by Stefan van der Walt;
a cup of coffee by Rachel Michetti; all in the public domain, in scikit-image.*

"""


def main() -> None:
    """Measure, draw and write."""
    degraded, weights, *published = map(Path, sys.argv[1:])
    methods = [
        as_contestant("minutia-x4"),
        as_contestant("minutia-x4-photo-fidelity"),
        as_contestant("minutia-x4-photo"),
        as_contestant("minutia-x4-photo", denoise=0.5),
        as_contestant("minutia-x4-photo", denoise=0),
        as_contestant("minutia-x2-fidelity"),
        as_contestant("minutia-x2-photo-fidelity"),
        as_contestant("minutia-x2-photo"),
        as_contestant("minutia-x2-photo", denoise=0),
        *map(as_contestant, published),
    ]
    measures = [*FIDELITY, vgg_distance(weights), NIQE]
    results = run_benchmark(methods, [degraded / name for name in STRENGTHS], measures=measures)
    (DOCS / "photographs.md").write_text(WORDS + to_markdown(results), encoding="utf-8")
    rows = [draw_row(name, number, published[:1]) for number, name in enumerate(SHOWN)]
    draw_sheet(rows).save(DOCS / "photographs.webp", quality=QUALITY, method=6)


def as_contestant(model: str | Path, *, denoise: float = 1.0) -> Method:
    """Let a model take part."""
    upscaler = Upscaler(model, denoise=denoise)
    words = Path(model).name if denoise == 1 else f"{model}, denoise {denoise:g}"
    return Method(words, upscaler.scale, upscaler.upscale)


def draw_row(strength: str, number: int, published: list[Path]) -> list[Panel]:
    """Draw one photograph as the models see it, and as they enlarge it."""
    load, top, left = SHOWN[strength]
    original = np.ascontiguousarray(load()[top : top + SIDE, left : left + SIDE])
    clean = Pair(strength, original, downscale(original, 4))
    small = degrade_pair(clean, load_degradation(strength), 4, number).lr
    return [
        Panel(upscale_bicubic(small, 4), ["bicubic"]),
        Panel(Upscaler("minutia-x4").upscale(small), ["minutia-x4"]),
        Panel(Upscaler("minutia-x4-photo", denoise=0).upscale(small), ["photo, --denoise 0"]),
        Panel(Upscaler("minutia-x4-photo").upscale(small), ["minutia-x4-photo"]),
        *(Panel(Upscaler(model).upscale(small), [model.name]) for model in published),
        Panel(original, ["original"]),
    ]


if __name__ == "__main__":
    main()
