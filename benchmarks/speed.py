"""How long upscaling takes, as whole commands and as the network alone, beside torch fp32 with the same network.

    python benchmarks/speed.py [--runs 5] [--model minutia-x4]

Needs the `torch` extra. Commands take turns, so that a machine that slows down slows all of them; printed are
medians, and ratios of medians. The output is Markdown, for docs/speed.md.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from minutia.bench.machine import processor
from minutia.bench.starts import upscale_command
from minutia.bench.turns import take_turns
from minutia.engines import open_engine
from minutia.zoo.card import ModelCard
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
    card = find_model(options.model)
    for side in SIDES:
        with TemporaryDirectory() as folder:
            commands = [upscale_command(card, side, extra, Path(folder)).run for extra in ((), TORCH)]
            whole = take_turns(commands, options.runs)
        alone = take_turns([network(side, card, extra) for extra in ((), TORCH)], options.runs)
        print(
            f"| {side}x{side} | {whole[0]:.2f} | {whole[1]:.2f} | {whole[1] / whole[0]:.1f} | "
            f"{alone[1] / alone[0]:.1f} |",
            flush=True,
        )


def network(side: int, card: ModelCard, extra: tuple[str, ...]) -> Callable[[], None]:
    """The network alone, already loaded."""
    engine = open_engine(card, engine="torch", precision="fp32") if extra else open_engine(card)
    x = np.random.default_rng(0).random((1, 3, side, side), np.float32)  # Speed does not depend on what it is.
    return lambda: engine.run(x)  # type: ignore[return-value]


if __name__ == "__main__":
    main()
