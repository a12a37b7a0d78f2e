"""Other networks and other trainings at the same number of steps: short runs, each with one change.

    python benchmarks/networks.py PICTURES RUNS --data Set5 --data Set14 [--only NAME ...]

The base is a fresh MinutiaNet in the content phase of the recipe `minutia-x4`, much shortened, by Adam, crops anywhere.
A change is a key of the recipe, or another block in the place of MinutiaNet's. Printed, as Markdown: PSNR of Y on the
test sets, by what `minutia evaluate` does, and how long OpenVINO takes for an input megapixel, against the base in the
same run. Each run has a folder of its own in RUNS, and goes on where it stands.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import numpy as np
import openvino as ov
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from minutia.bench.turns import take_turns
from minutia.evaluate.benchmark import Method, run_benchmark
from minutia.image.color import from_float, to_float
from minutia.nets import minutianet
from minutia.nets.layers import conv
from minutia.nets.weights import load_weights
from minutia.train.config import Recipe
from minutia.train.folder import weights_path
from minutia.train.loop import train
from minutia.train.recipe import load_recipe
from minutia.types import Picture

BASE = {
    "adversarial.steps": "0",
    "content.optimiser": "adam",
    "content.candidates": "1",
    "content.steps": "500",
    "content.batch_size": "8",
    "content.lr_crop": "24",
    "content.ema_decay": "0.995",
    "content.schedule.learning_rate": "2e-3",
    "content.schedule.warmup_steps": "50",
    "every.log": "100",
    "every.validation": "500",
}
SIDE = 256
"""Of the square picture on which speed is measured."""

Block = Callable[[int], nn.Module]
"""Makes a block of so many features."""


class Branch(nn.Module):
    """MinutiaNet's block with another activation, and room for what becomes of its convolutions and its result."""

    def __init__(
        self,
        width: int,
        *,
        act: Callable[[], nn.Module] = nn.PReLU,
        convolution: Callable[[int, int], nn.Module] = conv,
        finish: Callable[[Tensor], Tensor] = lambda y: y,
    ) -> None:
        super().__init__()
        self.conv1 = convolution(width, width)
        self.act = act()
        self.conv2 = convolution(width, width)
        self.finish = finish
        with torch.no_grad():
            for name, parameter in self.conv2.named_parameters():
                if name.endswith("weight"):  # Of the identity too, where there is one.
                    parameter *= minutianet.BRANCH_START

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Add what the branch finds."""
        return x_NCHW + self.finish(self.conv2(self.act(self.conv1(x_NCHW))))


class Reparameterised(nn.Module):
    """A 3x3 and a 1x1 convolution and the identity, added; once trained they are one convolution (RepVGG, ECB)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.wide = conv(in_channels, out_channels)
        self.point = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.identity_weight = nn.Parameter(torch.ones(()))

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Convolve by the sum of the three kernels."""
        weight = self.wide.weight + F.pad(self.point.weight, (1, 1, 1, 1))
        identity = torch.eye(weight.shape[0], device=weight.device)[:, :, None, None]
        weight = weight + self.identity_weight * F.pad(identity, (1, 1, 1, 1))
        return F.conv2d(x_NCHW, weight, self.wide.bias, padding=1)


class LargeKernel(nn.Module):
    """A 7x7 convolution of each map by itself, then two 1x1 over all maps, the first to twice as many (ConvNeXt)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spatial = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.widen = nn.Conv2d(width, 2 * width, 1)
        self.narrow = nn.Conv2d(2 * width, width, 1)
        with torch.no_grad():
            self.narrow.weight *= minutianet.BRANCH_START

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Add what the branch finds."""
        return x_NCHW + self.narrow(F.gelu(self.widen(self.spatial(x_NCHW))))


@dataclass(frozen=True)
class Change:
    """One difference to the base."""

    title: str
    keys: Mapping[str, str] = field(default_factory=dict)
    block: Block = Branch


def _acts(act: Callable[[], nn.Module]) -> Block:
    return lambda width: Branch(width, act=act)


def _reparameterised(width: int) -> nn.Module:
    return Branch(width, convolution=Reparameterised)


MUON = {"content.optimiser": "muon", "content.schedule.learning_rate": "1e-3"}

CHANGES = {
    "base": Change("none"),
    "seed": Change("another seed", {"seed": "1"}),
    "relu": Change("ReLU", block=_acts(nn.ReLU)),
    "silu": Change("SiLU", block=_acts(nn.SiLU)),
    "gelu": Change("GELU", block=_acts(nn.GELU)),
    "reparameterised": Change("re-parameterised: 3x3 + 1x1 + identity", block=_reparameterised),
    "attention": Change(
        "parameter-free attention: the branch times its own sigmoid",
        block=lambda width: Branch(width, finish=lambda y: 2 * y * y.sigmoid()),
    ),
    "large-kernel": Change("7x7 of each map, two 1x1", block=LargeKernel),
    "deep": Change("36 blocks of 48", {"network.num_blocks": "36", "network.num_features": "48"}),
    "wide": Change("9 blocks of 96", {"network.num_blocks": "9", "network.num_features": "96"}),
    "bilinear-skip": Change("bilinear skip", {"network.skip": "bilinear"}),
    "bicubic-skip": Change("bicubic skip", {"network.skip": "bicubic"}),
    "crop-48": Change("2 crops of 48x48", {"content.batch_size": "2", "content.lr_crop": "48"}),
    "batch-16": Change("16 crops, 250 steps", {"content.batch_size": "16", "content.steps": "250"}),
    "batch-4": Change("4 crops, 1,000 steps", {"content.batch_size": "4", "content.steps": "1000"}),
    "rate-3e-3": Change("peak rate 3e-3", {"content.schedule.learning_rate": "3e-3"}),
    "constant": Change(
        "constant rate of 1e-3",
        {
            "content.schedule.kind": "constant",
            "content.schedule.learning_rate": "1e-3",
            "content.schedule.warmup_steps": "0",
        },
    ),
    "multistep": Change(
        "rate halved after 250, 400, 450, 475",
        {"content.schedule.kind": "multistep", "content.schedule.milestones": "[250, 400, 450, 475]"},
    ),
    "charbonnier": Change("Charbonnier", {"content.criterion": "charbonnier"}),
    "mse": Change("MSE", {"content.criterion": "mse"}),
    "muon": Change("Muon, peak rate 1e-3", MUON),
    "muon-1.4e-3": Change("Muon, peak rate 1.4e-3", {**MUON, "content.schedule.learning_rate": "1.4e-3"}),
    "muon-2e-3": Change("Muon, peak rate 2e-3", {**MUON, "content.schedule.learning_rate": "2e-3"}),
    "candidates": Change(
        "Muon, peak rate 2e-3, of 4 places the one with the most detail",
        {**MUON, "content.schedule.learning_rate": "2e-3", "content.candidates": "4"},
    ),
    "muon-reparameterised": Change("Muon, peak rate 1e-3, and re-parameterised", MUON, _reparameterised),
    "no-ema": Change("no averaged weights", {"content.ema_decay": "0"}),
}


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--only", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    told = parser.parse_args()
    names = list(dict.fromkeys(["base", *told.only]))
    networks = {}
    for name in names:
        change = CHANGES[name]
        keys = {**BASE, **change.keys, "name": name, "run": str(told.runs / name)}
        recipe = load_recipe("minutia-x4", [*(f"{k}={v}" for k, v in keys.items()), *told.overrides], hr=told.pictures)
        with mock.patch.object(minutianet, "_Block", change.block):
            networks[name] = _trained(recipe)
        print(f"{name} is trained.", flush=True)
    seconds = dict(zip(names, take_turns([_passage(networks[name]) for name in names], 5), strict=True))
    methods = [Method(name, 4, _enlarger(network)) for name, network in networks.items()]
    results = [each for each in run_benchmark(methods, told.data) if each.model in networks]
    sets = list(dict.fromkeys(each.data for each in results))
    print(f"\n| change | {' | '.join(sets)} | s per input MP | of the base |\n|---|{'---|' * len(sets)}---|---|")
    for name in names:
        figures = [f"{each.mean['psnr']:.2f}" for each in results if each.model == name]
        speed = f"{seconds[name] / (SIDE / 1000) ** 2:.2f} | {seconds[name] / seconds['base']:.2f}"
        print(f"| {CHANGES[name].title} | {' | '.join(figures)} | {speed} |")


def _trained(recipe: Recipe) -> nn.Module:
    """The network at the end of a run, which goes on where it stands."""
    train(recipe)
    return load_weights(weights_path(recipe.folder, "content", "last")).build()


def _enlarger(network: nn.Module) -> Callable[[Picture], Picture]:
    def enlarge(picture: Picture) -> Picture:
        with torch.inference_mode():
            y = network(torch.from_numpy(to_float(picture.pixels)))[0].numpy()
        return Picture(from_float(y, np.uint8))

    return enlarge


def _passage(network: nn.Module) -> Callable[[], object]:
    """One picture through OpenVINO; kernels that training keeps apart are constants there, and so folded."""
    x = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    model = ov.convert_model(network, example_input=x)
    request = ov.Core().compile_model(model, "CPU", {"PERFORMANCE_HINT": "LATENCY"}).create_infer_request()
    return lambda: request.infer([x.numpy()], share_inputs=True)


if __name__ == "__main__":
    main()
