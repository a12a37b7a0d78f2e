"""How much memory a step takes, and how many crops there is room for.

A step on one crop and one on two are made, on networks that are thrown away, and after each operation it is noted how
many bytes of tensors there are. Each of these numbers grows in proportion to the crops, so that the two steps tell the
peak of any other. What operations need within themselves is not seen; SHARE leaves room for it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from minutia import memory
from minutia.errors import TrainingError
from minutia.train.config import Recipe
from minutia.train.losses import PerceptualLoss
from minutia.train.setup import make_phase, untrained

SHARE = 0.5
"""Part of the free memory that is counted on; on a processor a step was seen to need up to 1.6 of what is measured."""

MAX_CROPS = 64
"""Of a batch of automatic size; larger ones learn little more from a step."""


@dataclass(frozen=True, slots=True)
class StepMemory:
    """Peaks of a step's memory, by the number of crops."""

    base: tuple[int, ...]
    """Bytes after each operation, of no crops."""
    per_crop: tuple[int, ...]

    def num_bytes(self, num_crops: int) -> int:
        """Tell the peak of a step on so many crops; networks, gradients and the optimiser's state are in it."""
        return max(base + num_crops * slope for base, slope in zip(self.base, self.per_crop, strict=True))

    def choose(self, num_free: int, num_processes: int) -> int:
        """Find the largest batch that fits: a power of two for each process, MAX_CROPS of all, one each at least.

        Args:
            num_free: bytes that one process may take.
        """
        crops = 1
        while 2 * crops * num_processes <= MAX_CROPS and self.num_bytes(2 * crops) <= num_free:
            crops *= 2
        return crops * num_processes


def measure_step(recipe: Recipe, name: str, accelerator: Accelerator, judge: PerceptualLoss | None) -> StepMemory:
    """Measure a step of the phase `name`, from fresh networks, which leaves nothing behind."""
    hardware = recipe.hardware.model_copy(update={"compile": False})
    fresh = untrained(recipe).model_copy(update={"hardware": hardware})
    scaling = accelerator.scaler.state_dict() if accelerator.scaler is not None else None
    one, two = (_run_steps(fresh, name, accelerator, judge, num_crops) for num_crops in (1, 2))
    if scaling is not None:
        accelerator.scaler.load_state_dict(scaling)
    pairs = list(zip(one, two, strict=False))
    return StepMemory(tuple(2 * a - b for a, b in pairs), tuple(b - a for a, b in pairs))


def free_memory(device: torch.device) -> int:
    """Tell how many bytes are free on the device, for one process of those on this machine."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return torch.cuda.mem_get_info(device)[0]
    return memory.free_memory() // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


@contextmanager
def shortage_told(name: str, num_crops: int, lr_crop: int) -> Iterator[None]:
    """Say plainly that a step of the phase `name` does not fit.

    Raises:
        TrainingError: in place of what torch says of a lack of memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not memory.is_shortage(error):
            raise
        raise TrainingError(
            f"A step of {num_crops} crops of {lr_crop}x{lr_crop} does not fit into memory; reduce "
            f'{name}.batch_size or {name}.lr_crop, or set batch_size = "auto".'
        ) from error


def _run_steps(
    recipe: Recipe, name: str, accelerator: Accelerator, judge: PerceptualLoss | None, num_crops: int
) -> list[int]:
    network = recipe.network
    side = recipe.phases[name].lr_crop
    with _Meter() as meter:
        phase = make_phase(recipe, name, accelerator, judge)
        lr = torch.rand(num_crops, network.channels, side, side, device=accelerator.device)
        hr = torch.rand(num_crops, network.channels, side * network.scale, side * network.scale, device=lr.device)
        # The first makes what the optimiser remembers, which the second has beside all the rest.
        for step in range(2):
            phase.step(lr, hr, step, 0.0)
    del phase
    accelerator.free_memory()
    curve: list[int] = meter.curve
    return curve


@final
class _Meter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes after each operation how many bytes of tensors there are that did not exist before it began."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.curve: list[int] = []
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        for leaf in tree_leaves((args, kwargs)):
            if isinstance(leaf, Tensor):
                self._note(leaf.untyped_storage(), 0)
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self._note(leaf.untyped_storage(), leaf.untyped_storage().nbytes())
        self.curve.append(self.now)
        return out

    def _note(self, storage: torch.UntypedStorage, num_bytes: int) -> None:
        if id(storage) not in self.known:
            self.known.add(id(storage))
            self.now += num_bytes
            weakref.finalize(storage, self._forget, id(storage), num_bytes).atexit = False

    def _forget(self, key: int, num_bytes: int) -> None:
        self.known.discard(key)
        self.now -= num_bytes
