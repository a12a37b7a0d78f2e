"""From trained weights to a model folder: model.onnx with float16 weights, and its card.

Nothing is accepted before OpenVINO has been seen to compute what the network computes.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from minutia.engines import open_engine
from minutia.engines.footprint import measure_pixel_bytes
from minutia.errors import ModelError
from minutia.files import reason
from minutia.nets.folding import fold_batch_norm
from minutia.nets.generators import GeneratorSpec
from minutia.nets.weights import PICKLE_SUFFIXES, SUFFIX, load_weights
from minutia.zoo.card import CARD_NAME, MODEL_NAME, ModelCard, write_card

RUN_WEIGHTS = ("weights/adversarial-best.safetensors", "weights/content-best.safetensors")
"""Which weights of a run are taken, the first that exists."""

OPSET = 18
MAX_DIFFERENCE = 1e-3
"""Largest difference of a pixel in [0, 1] between the exported model and the network with the same weights, on noise:
a quarter of a step of 8 bits. The order of sums alone has made 1.1e-4."""

NUM_PARITY_CHECKS = 4


def export(
    source: Path,
    folder: Path,
    *,
    summary: str = "",
    licence: str = "not stated",
    training_data: str = "not stated",
    intended_use: str = "not stated",
    limits: str = "not stated",
    fidelity: str = "",
    grain: str = "",
    halo: int | None = None,
    overwrite: bool = False,
) -> ModelCard:
    """Make a model folder, whose name becomes the model's, from a run folder or a weights file.

    Args:
        fidelity: name, or folder beside this one, of the content model it can be blended with.
        grain: the same of a model that leaves grain.
        halo: input pixels around a tile; None is all that an output pixel can depend on, and less makes tiles inexact.

    Raises:
        ModelError: no weights there, the folder exists or has a name that no card can hold, a halo beyond what the
            network sees, or the exported model differs from the network.
    """
    source, name = _find_weights(source), _name_of(folder)
    if folder.exists() and not overwrite:
        raise ModelError(f"{folder} exists; add --overwrite to replace it.")
    weights = load_weights(source)
    spec, network = fold_batch_norm(weights.spec, weights.build())
    if halo is not None and not 0 <= halo <= spec.halo():
        raise ModelError(f"--halo must be between 0 and {spec.halo()}, the receptive radius of this network.")
    _round_to_float16(network)
    with _making(folder) as made:
        write_onnx(network, spec, made / MODEL_NAME)
        card = ModelCard(
            name=name,
            summary=summary or f"{spec.kind}, x{spec.scale}",
            scale=spec.scale,
            channels=spec.channels,
            halo=spec.halo() if halo is None else halo,
            pixel_bytes=measure_pixel_bytes(made / MODEL_NAME),
            licence=licence,
            intended_use=intended_use,
            limits=limits,
            fidelity=fidelity,
            grain=grain,
            sha256=hashlib.sha256((made / MODEL_NAME).read_bytes()).hexdigest(),
            network=asdict(spec),
            training={"data": training_data} | weights.training,
            figures=(),
            normalisation=weights.normalisation,
            model_path=made / MODEL_NAME,
        )
        check_parity(card, network)
        write_card(card, made)
    return replace(card, model_path=folder / MODEL_NAME)


def write_onnx(network: nn.Module, spec: GeneratorSpec, path: Path) -> None:
    """Write a network for batches of any size, its parameters under their own names and as float16.

    The bytes depend on the weights and the versions of torch and onnx only.
    """
    example = torch.rand(2, spec.channels, 24, 32)
    dynamic = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    with _quietly():
        program = torch.onnx.export(
            network.eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["lr"],
            output_names=["sr"],
            dynamic_shapes=(dynamic,),
            optimize=False,  # folding constants would fold parameters away
        )
    assert program is not None
    model = program.model_proto
    _store_as_float16(model.graph, set(network.state_dict()))
    _forget_origin(model.graph)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def check_parity(card: ModelCard, network: nn.Module) -> None:
    """Compare a model with the network it was made from, on random pictures of random sizes.

    Raises:
        ModelError: they differ by more than `MAX_DIFFERENCE` somewhere.
    """
    engine = open_engine(card, engine="openvino", device="cpu", precision="fp32")
    random = np.random.default_rng(0)
    for num_pictures in range(1, NUM_PARITY_CHECKS + 1):
        height, width = random.integers(1, 60, size=2)
        x = random.random((num_pictures, card.channels, height, width), dtype=np.float32)
        with torch.inference_mode():
            wanted = network(torch.from_numpy(x)).numpy()
        difference = float(np.abs(engine.run(x) - wanted).max())
        if not difference <= MAX_DIFFERENCE:
            raise ModelError(
                f"The exported model differs from the network by {difference:.2g} on a {width}x{height} picture; "
                "it was not kept."
            )


def _name_of(folder: Path) -> str:
    """Call a model by its folder; the working folder has a name too."""
    name = Path(os.path.normpath(folder.absolute())).name
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise ModelError(f"The name {name} is not UTF-8, in which cards are written; choose another.") from error
    return name


def _find_weights(source: Path) -> Path:
    for name in RUN_WEIGHTS:
        if (source / name).is_file():
            return source / name
    if (source / MODEL_NAME).is_file():
        raise ModelError(f"{source} is already a model; give a run folder or a weights file.")
    if source.suffix in {SUFFIX, *PICKLE_SUFFIXES}:
        return source
    if not source.is_dir():
        raise ModelError(
            f"{source} is neither a run folder nor a weights file ({SUFFIX}, {', '.join(PICKLE_SUFFIXES)})."
        )
    raise ModelError(f"{source} holds no trained weights; a run writes {RUN_WEIGHTS[1]} at its first validation.")


def _round_to_float16(network: nn.Module) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.half().float())


def _store_as_float16(graph: onnx.GraphProto, parameters: set[str]) -> None:
    """Halve the stored size of the named parameters: each becomes float16 and is cast where it is used."""
    casts = []
    for tensor in graph.initializer:
        if tensor.name in parameters and tensor.data_type == TensorProto.FLOAT:
            half = numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(half, tensor.name))
            casts.append(tensor.name)
    for node in graph.node:
        for index, name in enumerate(node.input):
            if name in casts:
                node.input[index] = f"{name}:float32"
    for name in reversed(casts):
        graph.node.insert(0, helper.make_node("Cast", [name], [f"{name}:float32"], to=TensorProto.FLOAT))


def _forget_origin(graph: onnx.GraphProto) -> None:
    """Remove the exporter's notes: they hold the paths of the source files on the machine that exported."""
    for part in (graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
    # Shapes and types of intermediate values are inferred anew by whoever reads the file.
    del graph.value_info[:]


@contextmanager
def _making(folder: Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder`; its files move there at the end, or vanish after an error.

    Raises:
        ModelError: the folder cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as made:
            yield Path(made)
            folder.mkdir(exist_ok=True)
            for name in (MODEL_NAME, CARD_NAME):
                (Path(made) / name).replace(folder / name)
    except OSError as error:
        raise ModelError(f"{folder} cannot be written: {reason(error)}.") from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep the exporter's remarks about itself from the user; its errors are exceptions."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
