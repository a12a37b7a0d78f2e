"""How fast training is, where the time goes, and what share of the machine's matrix multiplication it reaches.

    python benchmarks/training.py minutia-x4 --hr PICTURES [--vgg VGG19_WEIGHTS] [--steps 8] [--set KEY=VALUE]

For each phase of a recipe: steps per second, the floating-point operations of a step (counted by torch), and the share
of the rate at which large matrices are multiplied in the same run and type; how long the batch takes to be made;
and the operations that take longest. Prints Markdown, for docs/training-speed.md.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from minutia.image.pairs import find_pairs
from minutia.train.batches import batch_seed, make_batch
from minutia.train.config import Recipe
from minutia.train.data import PictureBank, load_pairs
from minutia.train.phases import Phase
from minutia.train.recipe import load_recipe
from minutia.train.setup import describe_device, make_accelerator, make_judge, make_phase, untrained

NUM_PICTURES = 64
"""Enough for batches that differ; more would only take longer to decode."""
NUM_WARM = 2
NUM_ROWS = 8
SIDE = 4096
"""Of the matrices whose product is the limit; on a CPU half of it."""


def main() -> None:
    """Measure each phase of a recipe, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("--hr", type=Path, required=True)
    parser.add_argument("--vgg", type=Path, help="weights of VGG19; without them the loss downloads them")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    given = parser.parse_args()
    weights = [] if given.vgg is None else [f"adversarial.perceptual.weights={given.vgg}"]
    recipe = load_recipe(given.recipe, [*weights, *given.overrides], hr=given.hr)
    accelerator = make_accelerator(recipe.hardware)
    device, judge = accelerator.device, make_judge(recipe, accelerator)
    files = find_pairs(given.hr, None, recipe.network.scale)[:NUM_PICTURES]
    pairs = load_pairs(files, recipe.network.scale, recipe.network.channels)
    bank = PictureBank(pairs, recipe.network.scale, device=device, place=device)
    dtype = torch.float32 if accelerator.mixed_precision == "no" else torch.bfloat16
    limit = matrix_rate(device, dtype)
    print(
        f"`{recipe.name}` on {describe_device(device)}, {str(dtype).removeprefix('torch.')}, torch {torch.__version__}."
    )
    print(f"In the same run, large matrices are multiplied at {limit / 1e12:.3f} TFLOP/s.")
    for name in recipe.phases:
        measure(make_phase(untrained(recipe), name, accelerator, judge), recipe, bank, given.steps, limit)


def measure(phase: Phase, recipe: Recipe, bank: PictureBank, num_steps: int, limit: float) -> None:
    """Measure one phase, and print."""
    config = phase.config
    rate = config.schedule.learning_rate / 10
    seed = batch_seed(recipe, phase.name)

    def cut(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        size = config.num_crops, config.lr_crop
        return make_batch(bank, recipe.data, *size, seed=seed, step=step, candidates=config.candidates).pair

    batch_seconds, step_seconds = [], []
    for step in range(NUM_WARM + num_steps):
        began = synchronised_clock()
        batch = cut(step)
        between = synchronised_clock()
        phase.step(*batch, step, rate)
        ended = synchronised_clock()
        if step >= NUM_WARM:
            batch_seconds.append(between - began)
            step_seconds.append(ended - between)
    with FlopCounterMode(display=False) as counter:
        phase.step(*cut(0), 0, rate)
    flops, seconds, cutting = (
        counter.get_total_flops(),
        statistics.median(step_seconds),
        statistics.median(batch_seconds),
    )
    print(f"\n## {phase.name.capitalize()}: {config.num_crops} crops of {config.lr_crop}x{config.lr_crop} LR pixels\n")
    print("| steps/s | batch, ms | step, ms | GFLOP per step | TFLOP/s | % of matmul |")
    print("|---|---|---|---|---|---|")
    achieved = flops / seconds
    print(
        f"| {1 / (seconds + cutting):.2f} | {1000 * cutting:.0f} | {1000 * seconds:.0f} | {flops / 1e9:.0f} | "
        f"{achieved / 1e12:.3f} | {achieved / limit:.0%} |\n"
    )
    print_profile(phase, cut(1), rate)


def print_profile(phase: Phase, batch: tuple[torch.Tensor, torch.Tensor], rate: float) -> None:
    """Print which operations of a step take longest."""
    on_gpu = batch[0].is_cuda
    kinds = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=kinds) as profiler:
        phase.step(*batch, 1, rate)
        synchronised_clock()
    own = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    place = DeviceType.CUDA if on_gpu else DeviceType.CPU  # Operations carry the time of their kernels, too.
    there = [event for event in profiler.key_averages() if event.device_type == place and not event.is_user_annotation]
    events = sorted(there, key=lambda event: -getattr(event, own))
    total = sum(getattr(event, own) for event in events)
    print("| operation | calls | share of time |")
    print("|---|---|---|")
    for event in events[:NUM_ROWS]:
        print(f"| `{event.key}` | {event.count} | {getattr(event, own) / total:.1%} |")


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Find the floating-point operations a second that a product of large matrices reaches: the best of five."""
    side = SIDE if device.type == "cuda" else SIDE // 2
    a, b = (torch.rand(side, side, device=device).to(dtype) for _ in range(2))
    seconds = []
    for _ in range(6):
        began = synchronised_clock()
        a @ b
        seconds.append(synchronised_clock() - began)
    return 2 * side**3 / min(seconds[1:])


def synchronised_clock() -> float:
    """Read the clock once the device has done all it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


if __name__ == "__main__":
    main()
