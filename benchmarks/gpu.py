"""How fast a GPU enlarges, from the network alone to pictures: python benchmarks/gpu.py [--megapixels 1 4 16].

For each model and size, megapixels of input a second: of the network by itself, all of the picture at once, in fp16; of
the engine, windows that come from the processor's memory and go back there; and of `Upscaler`, from the pixels of a
picture to those of another. Beside them the share of a product of large matrices in the same run. Prints Markdown.
Without a GPU all of it runs on the CPU, in bf16.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from minutia import Upscaler
from minutia.bench.limits import find_products
from minutia.bench.turns import take_turns
from minutia.bench.work import count_flops
from minutia.enlarge.strips import WINDOW
from minutia.nets.weights import load_generator
from minutia.zoo.catalog import find_model, load_model

MODELS = ("minutia-x4-fidelity", "srresnet-x4")
RUNS = 5


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 4, 16])
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    precision = "fp16" if device == "cuda" else "bf16"
    (product,) = (each for each in find_products(device) if each.precision == precision)
    limit = product.flops / take_turns([product.run], RUNS)[0]
    print(
        f"{name}, torch {torch.__version__}; a product of large matrices in {precision}: {limit / 1e12:.1f} TFLOP/s.\n"
    )
    print("| model | input, MP | network, MP/s | of the product | engine, MP/s | of the product | pictures, MP/s |")
    print("|---|---|---|---|---|---|---|")
    for model in MODELS:
        card = find_model(model)
        flops = count_flops(load_model(card), 64, 64) / 64**2
        upscaler = Upscaler(card, engine="torch", device=device, precision=precision)
        for megapixels in options.megapixels:
            side = round((megapixels * 1e6) ** 0.5)
            pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
            window = pixels[:WINDOW, :WINDOW].transpose(2, 0, 1)[None].astype(np.float32) / 255
            run, enlarge = partial(upscaler.engine.run, window), partial(upscaler.upscale, pixels)
            seconds = take_turns([plain(model, side, device, precision), run, enlarge], RUNS)
            num_pixels = (side**2, window[0, 0].size, side**2)
            alone, through, whole = (count / time for count, time in zip(num_pixels, seconds, strict=True))
            print(
                f"| {model} | {megapixels:g} | {alone / 1e6:.2f} | {alone * flops / limit:.0%} | {through / 1e6:.2f} | "
                f"{through * flops / limit:.0%} | {whole / 1e6:.2f} |",
                flush=True,
            )


def plain(model: str, side: int, device: str, precision: str) -> Callable[[], float]:
    """Prepare a network by itself, and a picture of `side` x `side` on its device; it returns when all is computed."""
    _, network = load_generator(Path(model))
    network = network.to(device, memory_format=torch.channels_last)
    dtype = torch.float16 if precision == "fp16" else torch.bfloat16
    x = torch.rand(1, 3, side, side, device=device).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run() -> float:
        with torch.autocast(device, dtype):
            return float(network(x)[0, 0, 0, 0])  # Asking for a value waits for the device.

    return run


if __name__ == "__main__":
    main()
