"""Devices and networks of a run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator, DistributedType
from accelerate.state import AcceleratorState
from accelerate.utils import InitProcessGroupKwargs
from torch import nn

from minutia.engines.torch import multiplies_bf16
from minutia.errors import TrainingError
from minutia.nets.weights import load_generator
from minutia.train.checkpoint import load_discriminator
from minutia.train.config import Hardware, Recipe
from minutia.train.folder import CHECKPOINT, weights_path
from minutia.train.losses import PerceptualLoss
from minutia.train.phase_config import Adversarial
from minutia.train.phases import AdversarialPhase, ContentPhase, Phase
from minutia.train.processes import PATIENCE, num_started

PLAIN = (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU)
"""Each process has the whole network."""


def make_accelerator(hardware: Hardware) -> Accelerator:
    """Choose device and precision, and connect the processes that a launcher has started.

    Raises:
        TrainingError: the device cannot do what is wanted, or the processes are to share one network.
    """
    cpu = hardware.device == "cpu" or (num_started() > 1 and not torch.cuda.is_available())
    precision = hardware.precision
    if precision == "auto":
        precision = "bf16" if _is_faster_in_bf16(cpu=cpu) else "fp32"
    if precision == "fp16" and (cpu or not torch.cuda.is_available()):
        raise TrainingError("hardware.precision = fp16 needs a CUDA device; use bf16 or fp32.")
    # A run before this one, in the same process, may have had another precision or, where it was alone, device.
    AcceleratorState._reset_state(reset_partial_state=num_started() == 1)
    accelerator = Accelerator(
        cpu=cpu,
        mixed_precision="no" if precision == "fp32" else precision,
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
    )
    if accelerator.num_processes != num_started() or accelerator.distributed_type not in PLAIN:
        raise TrainingError(
            f"Accelerate controls {accelerator.num_processes} of {num_started()} processes "
            f"({accelerator.distributed_type.value}); launch plain processes, without DeepSpeed, FSDP or similar."
        )
    return accelerator


def describe_device(device: torch.device) -> str:
    """Name a device for the record."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def make_judge(recipe: Recipe, accelerator: Accelerator) -> PerceptualLoss | None:
    """Make the perceptual loss of the adversarial phase, where there is one.

    Raises:
        DataError: its VGG19 weights are missing, broken, or cannot be downloaded.
    """
    phase = recipe.phases.get("adversarial")
    if not isinstance(phase, Adversarial):
        return None
    # One process of a machine downloads weights that are missing.
    with accelerator.local_main_process_first():
        return PerceptualLoss(phase.perceptual, recipe.network.channels).to(accelerator.device)


def make_phase(recipe: Recipe, name: str, accelerator: Accelerator, judge: PerceptualLoss | None) -> Phase:
    """Make the networks of a phase as they are at its first step.

    Raises:
        TrainingError: the weights to start from are of another network.
    """
    torch.manual_seed(recipe.seed)
    accelerator.free_memory()  # Of the phase before, whose networks it holds.
    if recipe.hardware.compile:
        torch.compiler.reset()  # What was compiled for crops of another size would count against this phase.
    start = recipe.content.init
    if name == "content":
        return ContentPhase(recipe, accelerator, _make_generator(start, recipe))
    assert recipe.adversarial is not None
    assert judge is not None
    if not recipe.content.is_empty:
        start = weights_path(recipe.folder, "content", "best")
    return AdversarialPhase(recipe, recipe.adversarial, accelerator, _make_generator(start, recipe), judge)


def start_discriminator(phase: Phase) -> None:
    """Bring the discriminator of a phase that begins to where the recipe wants it to start.

    Raises:
        TrainingError: there is none there, or another.
    """
    if isinstance(phase, AdversarialPhase) and phase.config.discriminator_init is not None:
        load_discriminator(phase.config.discriminator_init / CHECKPOINT, phase.discriminator.bare)


def require_starts(recipe: Recipe) -> None:
    """Check what networks are to start from.

    Raises:
        TrainingError: files are missing, broken, or of other networks.
        ModelError: the same of weights.
    """
    if recipe.content.init is not None:
        _make_generator(recipe.content.init, recipe)
    adversarial = recipe.phases.get("adversarial")
    if isinstance(adversarial, Adversarial) and adversarial.discriminator_init is not None:
        side = adversarial.lr_crop * recipe.network.scale
        network = adversarial.discriminator.build(recipe.network.channels, side)
        load_discriminator(adversarial.discriminator_init / CHECKPOINT, network)


def untrained(recipe: Recipe) -> Recipe:
    """Give a recipe each of whose phases begins with fresh networks: for measurements."""
    nothing = recipe.content.model_copy(update={"steps": 0, "epochs": None, "init": None})
    return recipe.model_copy(update={"content": nothing})


def _make_generator(start: Path | None, recipe: Recipe) -> nn.Module:
    """Make a fresh network, or one that starts from weights."""
    if start is None:
        return recipe.network.build()
    spec, network = load_generator(start)
    if spec != recipe.network:
        theirs, ours = asdict(spec), asdict(recipe.network)
        other = ", ".join(f"{key} = {theirs[key]!r}" for key in theirs if theirs[key] != ours.get(key))
        raise TrainingError(f"The weights {start} are of another network than that of the recipe: it has {other}.")
    return network.train()


def _is_faster_in_bf16(*, cpu: bool) -> bool:
    """Tell whether the device is faster in bf16."""
    if not cpu and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not cpu and torch.backends.mps.is_available():
        return False
    return multiplies_bf16()
