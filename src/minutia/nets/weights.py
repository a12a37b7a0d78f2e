"""Weights of a generator: from a safetensors file that names its network, from a model, or as others published them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from minutia.errors import MinutiaError, ModelError
from minutia.files import replacing
from minutia.nets.generators import GeneratorSpec, parse_spec
from minutia.nets.published import recognise
from minutia.types import Normalisation
from minutia.zoo.card import ModelCard, parse_normalisation
from minutia.zoo.catalog import find_model, load_model
from minutia.zoo.weights import read_weights

SUFFIX = ".safetensors"
PICKLE_SUFFIXES = (".pth", ".pt", ".ckpt")
"""Of files written by torch.save."""

DAMAGE = (pickle.UnpicklingError, RuntimeError, EOFError, OSError, LookupError, ValueError, TypeError, AttributeError)
"""What torch.load may raise when a file holds anything else."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What a weights file holds."""

    path: Path
    """Path of the file, or the name of the model."""
    spec: GeneratorSpec
    state: dict[str, Tensor]
    training: dict[str, Any]
    """How the weights came about: recipe, steps, seconds, device."""
    normalisation: Normalisation | None = None
    """Normalisation of the training pictures."""

    def build(self) -> nn.Module:
        """Build the network, in evaluation mode.

        Raises:
            ModelError: the weights do not fit the network they name.
        """
        network = self.spec.build()
        try:
            network.load_state_dict(self.state)
        except RuntimeError as error:
            raise ModelError(f"The weights {self.path} do not fit the network they name.") from error
        return network.eval()


def save_weights(
    path: Path,
    spec: GeneratorSpec,
    state: Mapping[str, Tensor],
    training: Mapping[str, Any] | None = None,
    normalisation: Normalisation | None = None,
) -> None:
    """Write a state dictionary and the description of its network, by rename.

    Args:
        training: facts about how the weights came about, to be read in the model's card.
        normalisation: of the pictures that were trained on, for the card too.

    Raises:
        MinutiaError: the file cannot be written.
    """
    metadata = {"network": json.dumps(asdict(spec)), "training": json.dumps(dict(training or {}))}
    if normalisation is not None:
        metadata["normalisation"] = json.dumps(asdict(normalisation))
    write_tensors(path, {name: value.detach().cpu().contiguous() for name, value in state.items()}, metadata)


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file whole, or leave what was there.

    Raises:
        MinutiaError: the place cannot be written.
    """
    try:
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata)
    except (SafetensorError, OSError) as error:
        why = str(error).rpartition("I/O error: ")[2]
        raise MinutiaError(f"{path} cannot be written: {why}; the existing file is kept.") from error


def load_weights(source: Path) -> Weights:
    """Read a weights file; or the weights of a model, which is called by its folder, its model.onnx or its name.

    Raises:
        ModelError: no such file or model, a file of no network that is known here, or a model that is not of this
            package.
    """
    if source.suffix in PICKLE_SUFFIXES:
        return _published(source, read_pickle(source))
    if source.suffix != SUFFIX:
        return _weights_of(find_model(source))
    try:
        with safe_open(source, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except FileNotFoundError as error:
        raise ModelError(f"The weights {source} do not exist.") from error
    except (SafetensorError, OSError) as error:
        raise ModelError(f"The weights {source} cannot be read: {error}.") from error
    if "network" not in metadata:
        return _published(source, state)
    try:
        network, training = json.loads(metadata["network"]), json.loads(metadata.get("training", "{}"))
        normalisation = json.loads(metadata.get("normalisation", "null"))
    except json.JSONDecodeError:
        network = training = normalisation = None
    if not isinstance(network, dict) or not isinstance(training, dict):
        raise ModelError(f"The weights {source} do not name their network; they were not written by Minutia.")
    spec = parse_spec(network)
    by = None if normalisation is None else parse_normalisation(normalisation, spec.channels, str(source))
    return Weights(source, spec, state, training, by)


def read_pickle(source: Path) -> dict[str, Any]:
    """Read what torch.save wrote; weights_only admits tensors and plain values, and runs nothing of the file.

    Raises:
        ModelError: no such file, or one that holds anything else.
    """
    try:
        held = torch.load(source, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise ModelError(f"The weights {source} do not exist.") from error
    except DAMAGE as error:
        raise ModelError(
            f"The weights {source} cannot be read: the file is damaged, or holds more than tensors and plain values."
        ) from error
    return held if isinstance(held, dict) else {}


def _published(source: Path, file: Mapping[str, Any]) -> Weights:
    spec, state = recognise(file, source)
    return Weights(source, spec, state, {"recipe": f"none; published as {source.name}"})


def _weights_of(card: ModelCard) -> Weights:
    state = {name: torch.from_numpy(array) for name, array in read_weights(load_model(card)).items()}
    return Weights(Path(card.name), parse_spec(card.network), state, dict(card.training), card.normalisation)


def load_generator(source: Path) -> tuple[GeneratorSpec, nn.Module]:
    """Build the network of a weights file or a model, in evaluation mode.

    Raises:
        ModelError: as `load_weights`, or weights that do not fit the network they name.
    """
    weights = load_weights(source)
    return weights.spec, weights.build()
