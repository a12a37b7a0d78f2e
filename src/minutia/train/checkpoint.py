"""The whole state of a run in one safetensors file, written by rename: nothing half-written, nothing unpickled."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from minutia.errors import TrainingError
from minutia.nets.weights import write_tensors
from minutia.train.phases import Phase

Tensors = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run stands: which phase, how many of its steps are done, how long all took, what was best."""

    phase: str
    step: int = 0
    seconds: float = 0.0
    best: float | None = None
    """Goodness of the best weights of this phase, higher is better: see `minutia.train.rows.goodness`."""
    num_worse: int = 0
    """Validations since those of the best weights."""
    rate_factor: float = 1.0
    """On the learning rates, below 1 after the run broke down and went back."""
    since: int = 0
    """Step after which figures can be compared: those before it were measured differently."""
    ended: dict[str, int] = field(default_factory=dict)
    """Phases before this one, and after how many steps they ended."""


def save_checkpoint(path: Path, phase: Phase, place: Place) -> None:
    """Write networks, averages and optimisers of a phase and where it stands.

    Raises:
        MinutiaError: the file cannot be written.
    """
    tensors = _prefixed("ema", phase.ema.state_dict())
    scalars: dict[str, Any] = {"place": asdict(place)}
    for name, part in phase.parts().items():
        tensors |= _prefixed(name, part.bare.state_dict())
        for index, state in part.optimiser.state_dict()["state"].items():
            tensors |= _prefixed(f"{name}.optimiser.{index}", state)
        scalars[f"{name}.optimiser"] = part.kind
        scaler = part.accelerator.scaler
        scalars["scaler"] = scaler.state_dict() if scaler is not None else {}
    # Copies, because safetensors wants each tensor contiguous and in memory of its own.
    tensors = {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
    write_tensors(path, tensors, {"state": json.dumps(scalars)})


def read_place(path: Path) -> Place:
    """Tell where the run of a checkpoint stands.

    Raises:
        TrainingError: no checkpoint, a broken one, or one of another version.
    """
    try:
        return Place(**_read_scalars(path)["place"])
    except (KeyError, TypeError) as error:
        raise TrainingError(f"The checkpoint {path} is of another version of Minutia.") from error


def load_checkpoint(path: Path, phase: Phase) -> None:
    """Bring a phase to the state of a checkpoint, bit for bit.

    Raises:
        TrainingError: a broken checkpoint, or one of another network or another optimiser.
    """
    scalars = _read_scalars(path)
    for name, part in phase.parts().items():
        kind = scalars.get(f"{name}.optimiser", part.kind)
        if kind != part.kind:
            raise TrainingError(
                f"The checkpoint {path} is of the optimiser {kind}; add --set {phase.name}.optimiser={kind} to "
                "continue."
            )
    with safe_open(path, framework="pt") as file:
        tensors: Tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
    try:
        phase.ema.load_state_dict(_under("ema", tensors))
        for name, part in phase.parts().items():
            state = _under(name, tensors)
            optimiser = _under("optimiser", state)
            part.bare.load_state_dict(_without_optimiser(state))
            part.optimiser.load_state_dict(_optimiser_state(optimiser, part.optimiser.state_dict()))
            if part.accelerator.scaler is not None and scalars["scaler"]:  # None of a run in other precision.
                part.accelerator.scaler.load_state_dict(scalars["scaler"])
    except (RuntimeError, ValueError) as error:
        raise TrainingError(f"The checkpoint {path} is of another network than that of the recipe.") from error


def load_discriminator(path: Path, network: nn.Module) -> None:
    """Bring a discriminator to where it stands in a checkpoint; the generator of that run may be another.

    Raises:
        TrainingError: no checkpoint, a broken one, or one without a discriminator or with another.
    """
    _read_scalars(path)
    with safe_open(path, framework="pt") as file:
        names = [name for name in file.keys() if name.startswith("discriminator.")]  # noqa: SIM118 (no mapping)
        tensors: Tensors = {name: file.get_tensor(name) for name in names}
    state = _without_optimiser(_under("discriminator", tensors))
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        told = "no discriminator" if not state else "another discriminator than the recipe's"
        raise TrainingError(f"The checkpoint {path} has {told}.") from error


def _optimiser_state(tensors: Tensors, fresh: dict[str, Any]) -> dict[str, Any]:
    """Put "<index>.<name>" tensors back into the nesting of torch's optimisers."""
    state: dict[int, Tensors] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        state.setdefault(int(index), {})[name] = value
    return {"state": state, "param_groups": fresh["param_groups"]}


def _prefixed(prefix: str, tensors: dict[str, Tensor]) -> Tensors:
    return {f"{prefix}.{key}": torch.as_tensor(value) for key, value in tensors.items()}


def _under(prefix: str, tensors: Tensors) -> Tensors:
    return {key.removeprefix(f"{prefix}."): value for key, value in tensors.items() if key.startswith(f"{prefix}.")}


def _without_optimiser(state: Tensors) -> Tensors:
    return {key: value for key, value in state.items() if not key.startswith("optimiser.")}


def _read_scalars(path: Path) -> dict[str, Any]:
    try:
        with safe_open(path, framework="pt") as file:
            scalars: dict[str, Any] = json.loads(file.metadata()["state"])
    except FileNotFoundError as error:
        raise TrainingError(f"There is no checkpoint to continue from: {path} does not exist.") from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise TrainingError(f"The checkpoint {path} is damaged: {error}.") from error
    return scalars
