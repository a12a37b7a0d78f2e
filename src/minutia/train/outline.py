"""What a run is going to do and what it needs, found before a picture is decoded."""

from __future__ import annotations

import tomllib
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator

from minutia.errors import TrainingError
from minutia.memory import spell_bytes
from minutia.train.config import Recipe
from minutia.train.losses import PerceptualLoss
from minutia.train.memory import SHARE, free_memory, measure_step, shortage_told
from minutia.train.pictures import Chosen
from minutia.train.plan import make_plan
from minutia.train.processes import Processes
from minutia.train.run import Batch, Outline
from minutia.train.setup import describe_device


def plan_run(
    recipe: Recipe,
    files: Chosen,
    accelerator: Accelerator,
    processes: Processes,
    judge: PerceptualLoss | None,
    *,
    resume: bool,
) -> tuple[Recipe, Outline]:
    """Choose the sizes of batches that are left open; count steps and memory.

    Returns:
        The recipe with a number for each batch_size, and the outline.

    Raises:
        TrainingError: a batch does not divide among the processes, or the pictures, or not even two crops, fit into
            the memory.
    """
    network = recipe.network
    num_bytes = files.num_bytes(network.scale, network.channels, normalised=recipe.data.normalisation is not None)
    _require_room(num_bytes, torch.device("cpu"), processes)
    if recipe.data.cache == "device":  # Where they go once all are decoded.
        _require_room(num_bytes, accelerator.device, processes)
    known = processes.decide(partial(_sizes_before, recipe.folder)) if resume else {}
    chosen = {}
    for name, phase in recipe.phases.items():
        if phase.batch_size == "auto" and not phase.is_empty:
            chosen[name] = _choose(recipe, name, accelerator, processes, judge, num_bytes, known.get(name))
    recipe = _resolve(recipe, {name: batch.num_crops for name, batch in chosen.items()})
    for name, phase in recipe.phases.items():
        if not phase.is_empty:
            _check_shares(f"{name}.batch_size", phase.num_crops, processes.count)
    plan = make_plan(recipe, len(files.training))
    numbers = (len(files.training), len(files.held_out), num_bytes)
    precision = "fp32" if accelerator.mixed_precision == "no" else accelerator.mixed_precision
    device = f"{describe_device(accelerator.device)}, {precision}"
    return recipe, Outline(*numbers, plan, chosen, processes.count, device)


def _require_room(num_bytes: int, place: torch.device, processes: Processes) -> None:
    """Check that the pictures fit into the memory, where a run would otherwise be killed while it decodes them."""
    free = processes.smallest(free_memory(place))
    if num_bytes > free:
        raise TrainingError(
            f"The pictures would take {spell_bytes(num_bytes)} of memory, but {spell_bytes(free)} is free; use fewer "
            "or smaller pictures: minutia datasets prepare --count N, or --crop SIDE."
        )


def _choose(
    recipe: Recipe,
    name: str,
    accelerator: Accelerator,
    processes: Processes,
    judge: PerceptualLoss | None,
    num_bytes: int,
    known: int | None,
) -> Batch:
    """Measure a step; take as many crops as fit beside the pictures, or as many as the run began with."""
    device = accelerator.device
    free = processes.smallest(free_memory(device))
    beside = num_bytes if device.type != "cuda" or recipe.data.cache == "device" else 0
    with shortage_told(name, 2, recipe.phases[name].lr_crop):
        memory = measure_step(recipe, name, accelerator, judge)
    num_crops = known or memory.choose(round(SHARE * max(0, free - beside)), processes.count)
    return Batch(num_crops, memory.num_bytes(-(-num_crops // processes.count)), free)


def _resolve(recipe: Recipe, sizes: dict[str, int]) -> Recipe:
    """Put numbers in the place of batch_size = "auto"; a phase without steps gets any."""
    phases = {
        name: phase.model_copy(update={"batch_size": sizes.get(name, 1)})
        for name, phase in recipe.phases.items()
        if phase.batch_size == "auto"
    }
    return recipe.model_copy(update=phases)


def _check_shares(key: str, size: int, num_processes: int) -> None:
    if size % num_processes:
        below = size // num_processes * num_processes
        raise TrainingError(
            f"{key} = {size} crops cannot be shared equally by {num_processes} processes; "
            f"use {f'{below} or ' if below else ''}{below + num_processes}."
        )


def _sizes_before(folder: Path) -> dict[str, int]:
    """Read the sizes of batches with which a run began, by phase; a phase that had no steps may have none."""
    try:
        table = tomllib.loads((folder / "recipe.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"The run's recipe {folder / 'recipe.toml'} cannot be read: {error}.") from error
    sizes = {name: part.get("batch_size") for name, part in table.items() if isinstance(part, dict)}
    return {name: size for name, size in sizes.items() if isinstance(size, int)}
