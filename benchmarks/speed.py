"""How long upscaling takes, as whole commands and as the network alone, beside torch fp32 with the same network.

    python benchmarks/speed.py [--runs 5] [--model minutia-x4]

Needs the `torch` extra. Commands take turns, so that a machine that slows down slows all of them; printed are
medians, and ratios of medians. The output is Markdown, for docs/speed.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from minutia.bench.machine import processor
from minutia.bench.turns import take_turns
from minutia.engines import open_engine
from minutia.zoo.catalog import find_model

TORCH = ("--engine", "torch", "--precision", "fp32")
SIDES = (64, 256, 512)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", default="minutia-x4")
    options = parser.parse_args()
    print(f"{processor()}, {os.cpu_count()} cores; medians of {options.runs} runs\n")
    print("| picture | `minutia upscale`, s | time with torch fp32, s | ratio | ratio of the network alone |")
    print("|---|---|---|---|---|")
    for side in SIDES:
        whole = take_turns([command(side, options.model, extra) for extra in ((), TORCH)], options.runs)
        alone = take_turns([network(side, options.model, extra) for extra in ((), TORCH)], options.runs)
        print(
            f"| {side}x{side} | {whole[0]:.2f} | {whole[1]:.2f} | {whole[1] / whole[0]:.1f} | "
            f"{alone[1] / alone[0]:.1f} |",
            flush=True,
        )


def command(side: int, model: str, extra: tuple[str, ...]) -> Callable[[], None]:
    """From process start to file written."""
    folder = Path(tempfile.mkdtemp())
    picture = folder / "in.png"
    Image.fromarray(pixels(side)).save(picture)
    words = [sys.executable, "-m", "minutia", "upscale", str(picture), "-m", model]
    words += ["-o", str(folder / "out.png"), "--overwrite", *extra]
    return lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL)  # type: ignore[return-value]


def network(side: int, model: str, extra: tuple[str, ...]) -> Callable[[], None]:
    """The network alone, already loaded."""
    card = find_model(model)
    engine = open_engine(card, engine="torch", precision="fp32") if extra else open_engine(card)
    x = np.ascontiguousarray(pixels(side).transpose(2, 0, 1)[None], dtype=np.float32) / 255
    return lambda: engine.run(x)  # type: ignore[return-value]


def pixels(side: int) -> np.ndarray:
    """A picture of soft noise; speed does not depend on what is on it."""
    small = np.random.default_rng(0).integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


if __name__ == "__main__":
    main()
