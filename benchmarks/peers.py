"""How long networks take per megapixel: Minutia's in Minutia's engines and in others, and two that people use today.

    python benchmarks/peers.py [--runs 5] [--side 256] [--rrdb-side 128] [--model minutia-x4]

Needs the extras `torch` and `onnxruntime`; ncnn is measured where `benchmarks/requirements-peers.txt` is installed.
All take turns in one process; printed are medians, as Markdown. The same network must give the same picture in every
engine before it is measured. The two others have random weights, which do not affect the speed.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from minutia.bench.machine import processor, version
from minutia.bench.turns import take_turns
from minutia.engines import open_engine
from minutia.errors import EngineError
from minutia.nets.compact import CompactSpec
from minutia.nets.generators import parse_spec
from minutia.nets.rrdb import RRDBSpec
from minutia.zoo.card import ModelCard
from minutia.zoo.catalog import find_model, load_model
from minutia.zoo.weights import read_weights

MAX_DIFFERENCE = 1e-3
"""Of a pixel in [0, 1], between engines that compute the same network in fp32."""

Run = Callable[[np.ndarray], np.ndarray]
"""(1, 3, H, W) to (1, 3, 4 H, 4 W), float32."""


@dataclass(frozen=True)
class Peer:
    """A network in an engine, and the side of the square picture it is measured on."""

    title: str
    side: int
    run: Run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rrdb-side", type=int, default=128)
    parser.add_argument("--model", default="minutia-x4")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        peers = find_peers(find_model(options.model), options.side, options.rrdb_side, Path(folder))
    seconds = take_turns([action(peer) for peer in peers], options.runs)
    per_megapixel = [each / (peer.side**2 / 1e6) for peer, each in zip(peers, seconds, strict=True)]
    names = ("openvino", "torch", "onnxruntime", "ncnn")
    versions = ", ".join(f"{name} {version(name)}" for name in names if version(name) is not None)
    print(f"{processor()}, {os.cpu_count()} cores; {versions}; medians of {options.runs} runs in turns\n")
    print("| network and engine | input | s per input megapixel | time relative to Minutia |")
    print("|---|---|---|---|")
    for peer, each in zip(peers, per_megapixel, strict=True):
        print(f"| {peer.title} | {peer.side}x{peer.side} | {each:.1f} | {each / per_megapixel[0]:.2f} |")


def find_peers(card: ModelCard, side: int, rrdb_side: int, folder: Path) -> list[Peer]:
    """Prepare all that can be measured here; the first is what `minutia upscale` uses on this CPU."""
    default = open_engine(card, engine="openvino", device="cpu")
    exact = open_engine(card, engine="openvino", device="cpu", precision="fp32")
    peers = [Peer(f"**{card.name}, OpenVINO {default.precision}: `minutia upscale`**", side, default.run)]
    if default.precision != "fp32":
        peers.append(Peer(f"{card.name}, OpenVINO fp32", side, exact.run))
    same: dict[str, Run | None] = {
        "ONNX Runtime fp32": open_engine(card, engine="onnxruntime").run,
        "torch fp32, channels last (Minutia's engine)": open_engine(
            card, engine="torch", device="cpu", precision="fp32"
        ).run,
        "torch fp32": torch_runner(build(card)),
        "ncnn fp32": ncnn_runner(card, folder),
    }
    for title, run in same.items():
        if run is None:
            print(f"{title} is left out: install benchmarks/requirements-peers.txt.", file=sys.stderr)
            continue
        require_equal(title, run, exact.run)
        peers.append(Peer(f"{card.name}, {title}", side, run))
    peers.append(
        Peer("compact, 64 features and 32 convolutions, torch fp32", side, torch_runner(CompactSpec().build()))
    )
    peers.append(Peer("RRDB of 23 blocks, torch fp32", rrdb_side, torch_runner(RRDBSpec().build())))
    return peers


def action(peer: Peer) -> Callable[[], object]:
    """One picture for a peer; speed does not depend on what is on it."""
    x = np.random.default_rng(0).random((1, 3, peer.side, peer.side), np.float32)
    return lambda: peer.run(x)


def require_equal(title: str, run: Run, wanted: Run) -> None:
    """Check that an engine computes the same network."""
    x = np.random.default_rng(0).random((1, 3, 40, 56), np.float32)
    difference = float(np.abs(run(x) - wanted(x)).max())
    if difference > MAX_DIFFERENCE:
        raise EngineError(f"{title} differs by {difference:.2g}; it does not compute the same network.")


def build(card: ModelCard) -> nn.Module:
    """The network of a model, with its weights."""
    network = parse_spec(card.network).build().eval()
    network.load_state_dict({name: torch.from_numpy(array) for name, array in read_weights(load_model(card)).items()})
    return network


def torch_runner(network: nn.Module) -> Run:
    """torch as it comes: fp32, its own layout in memory, no compilation."""
    network.eval()

    def run(x: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(x)).numpy()

    return run


def ncnn_runner(card: ModelCard, folder: Path) -> Run | None:
    """ncnn with the model's weights, converted by pnnx; None where either is not installed."""
    beside = Path(sys.executable).parent
    pnnx = shutil.which("pnnx", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if pnnx is None or importlib.util.find_spec("ncnn") is None:
        return None
    import ncnn

    with torch.inference_mode():
        torch.jit.trace(build(card), torch.rand(1, 3, 64, 64)).save(folder / "network.pt")
    # Two shapes tell pnnx that height and width are free.
    words = [pnnx, "network.pt", "inputshape=[1,3,64,64]", "inputshape2=[1,3,96,80]", "fp16=0"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    net = ncnn.Net()
    net.opt.num_threads = os.cpu_count()
    for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic"):
        setattr(net.opt, option, False)
    net.load_param(str(folder / "network.ncnn.param"))
    net.load_model(str(folder / "network.ncnn.bin"))

    def run(x: np.ndarray) -> np.ndarray:
        extractor = net.create_extractor()
        # A copy lies as ncnn's kernels want it; memory of numpy's need not.
        extractor.input("in0", ncnn.Mat(x[0]).clone())
        _, y = extractor.extract("out0")
        return np.array(y)[None]

    return run


if __name__ == "__main__":
    main()
