"""Weights of a generator in a safetensors file that also says which network they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from minutia.errors import ModelError
from minutia.files import replacing
from minutia.nets.generators import GeneratorSpec, parse_spec
from minutia.types import Normalisation
from minutia.zoo.card import parse_normalisation


@dataclass(frozen=True, slots=True)
class Weights:
    """What a weights file holds."""

    path: Path
    spec: GeneratorSpec
    state: dict[str, Tensor]
    training: dict[str, Any]
    """How the weights came about: recipe, steps, seconds, device."""
    normalisation: Normalisation | None = None
    """Of the pictures that were trained on."""

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
    """
    metadata = {"network": json.dumps(asdict(spec)), "training": json.dumps(dict(training or {}))}
    if normalisation is not None:
        metadata["normalisation"] = json.dumps(asdict(normalisation))
    with replacing(path) as temporary:
        save_file({name: value.detach().cpu().contiguous() for name, value in state.items()}, temporary, metadata)


def load_weights(path: Path) -> Weights:
    """Read a weights file.

    Raises:
        ModelError: no such file, or not one written here.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except FileNotFoundError as error:
        raise ModelError(f"The weights {path} do not exist.") from error
    except (SafetensorError, OSError) as error:
        raise ModelError(f"The weights {path} cannot be read: {error}.") from error
    try:
        network, training = json.loads(metadata["network"]), json.loads(metadata.get("training", "{}"))
        normalisation = json.loads(metadata.get("normalisation", "null"))
    except (KeyError, json.JSONDecodeError):
        network = training = normalisation = None
    if not isinstance(network, dict) or not isinstance(training, dict):
        raise ModelError(f"The weights {path} do not say of which network they are; they are no weights of Minutia.")
    spec = parse_spec(network)
    by = None if normalisation is None else parse_normalisation(normalisation, spec.channels, str(path))
    return Weights(path, spec, state, training, by)


def load_generator(path: Path) -> tuple[GeneratorSpec, nn.Module]:
    """Build the network of a weights file, in evaluation mode.

    Raises:
        ModelError: no such file, or weights that do not fit the network they name.
    """
    weights = load_weights(path)
    return weights.spec, weights.build()
