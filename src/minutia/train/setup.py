"""What a run needs before its first step: a folder, devices, pictures, networks."""

from __future__ import annotations

import logging
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch
from accelerate import Accelerator
from torch import nn

from minutia import __version__
from minutia.errors import DataError, TrainingError
from minutia.image.pairs import Pair, find_pairs
from minutia.nets.weights import load_generator
from minutia.train.config import Adversarial, Hardware, Recipe
from minutia.train.data import PictureBank, load_pairs
from minutia.train.losses import PerceptualLoss
from minutia.train.phases import AdversarialPhase, ContentPhase, Phase
from minutia.train.recipe import dump_recipe
from minutia.types import Progress

logger = logging.getLogger(__name__)

LIBRARIES = ("torch", "accelerate", "numpy", "Pillow", "safetensors")


def prepare_folder(recipe: Recipe) -> None:
    """Make the run folder and write into it the recipe with all defaults, and the versions it runs with.

    Raises:
        TrainingError: the folder cannot be written.
    """
    folder, text = recipe.folder, dump_recipe(recipe)
    resolved = folder / "recipe.toml"
    if resolved.exists() and resolved.read_text(encoding="utf-8") != text:
        logger.warning("The recipe is not the one this run began with; the run goes on with the new one.")
    versions = {"minutia": __version__, "python": platform.python_version()}
    versions |= {name: version(name) for name in LIBRARIES}
    try:
        for name in ("samples", "weights"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        resolved.write_text(text, encoding="utf-8")
        (folder / "versions.txt").write_text(
            "".join(f"{name}=={number}\n" for name, number in versions.items()), encoding="utf-8"
        )
    except OSError as error:
        raise TrainingError(f"The run folder {folder} cannot be written: {error.strerror}.") from error


def weights_path(folder: Path, phase: str, which: Literal["best", "last"]) -> Path:
    """Where weights of a phase are kept, to be exported or started from."""
    return folder / "weights" / f"{phase}-{which}.safetensors"


def make_accelerator(hardware: Hardware) -> Accelerator:
    """Choose device and precision."""
    cpu = hardware.device == "cpu"
    precision = hardware.precision
    if precision == "auto":
        precision = "bf16" if _multiplies_bf16(cpu=cpu) else "fp32"
    if precision == "fp16" and (cpu or not torch.cuda.is_available()):
        raise TrainingError("hardware.precision = fp16 needs a CUDA device; use bf16 or fp32.")
    return Accelerator(cpu=cpu, mixed_precision="no" if precision == "fp32" else precision)


def describe_device(device: torch.device) -> str:
    """Name a device for the record."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {torch.get_num_threads()} threads"


def load_pictures(recipe: Recipe, device: torch.device, progress: Progress) -> tuple[PictureBank, list[Pair]]:
    """Decode the training pictures into a bank, and the validation pictures.

    Raises:
        DataError: pictures are missing, broken, too small, or do not pair.
    """
    data, wanted, network = recipe.data, recipe.validation, recipe.network
    files = find_pairs(data.hr, data.lr, network.scale)
    if wanted.hr is not None:
        held_out = find_pairs(wanted.hr, wanted.lr, network.scale)
    else:
        if data.num_held_out == 0 or len(files) <= data.num_held_out:
            raise DataError(
                f"{data.hr} has {len(files)} pictures, too few to keep {data.num_held_out} for validation; "
                "name a folder in validation.hr or set data.num_held_out."
            )
        # Spread over the folder, which is often sorted by subject.
        every = len(files) // data.num_held_out
        held_out = files[::every][: data.num_held_out]
        files = [file for file in files if file not in held_out]
    validation = load_pairs(held_out, network.scale, network.channels)
    pairs = load_pairs(files, network.scale, network.channels, progress)
    place = device if data.cache == "device" else torch.device("cpu")
    bank = PictureBank(pairs, network.scale, device=device, place=place)
    for phase in recipe.phases.values():
        if phase.steps:
            bank.check(phase.lr_crop)
    return bank, validation


def make_judge(recipe: Recipe, device: torch.device) -> PerceptualLoss | None:
    """Make the perceptual loss of the adversarial phase, where there is one.

    Raises:
        DataError: its VGG19 weights are missing, broken, or cannot be downloaded.
    """
    phase = recipe.phases.get("adversarial")
    return PerceptualLoss(phase.perceptual).to(device) if isinstance(phase, Adversarial) else None


def make_phase(recipe: Recipe, name: str, accelerator: Accelerator, judge: PerceptualLoss | None) -> Phase:
    """Make the networks of a phase as they are at its first step.

    Raises:
        TrainingError: the weights to start from are of another network.
    """
    torch.manual_seed(recipe.seed)
    if name == "content":
        init = recipe.content.init
        generator = recipe.network.build() if init is None else _load_init(init, recipe)
        return ContentPhase(recipe, accelerator, generator)
    assert recipe.adversarial is not None
    assert judge is not None
    trained = weights_path(recipe.folder, "content", "best")
    start = trained if recipe.content.steps or recipe.content.init is None else recipe.content.init
    generator = _load_init(start, recipe)
    return AdversarialPhase(recipe, recipe.adversarial, accelerator, generator, judge)


def _load_init(path: Path, recipe: Recipe) -> nn.Module:
    spec, network = load_generator(path)
    if spec != recipe.network:
        raise TrainingError(f"The weights {path} are of {spec}, but the recipe's network is {recipe.network}.")
    return network.train()


def _multiplies_bf16(*, cpu: bool) -> bool:
    """Tell whether the device is faster in bf16; on processors without matrix units it is slower."""
    if not cpu and torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not cpu and torch.backends.mps.is_available():
        return False
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))
