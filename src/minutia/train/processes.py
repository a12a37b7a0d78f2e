"""Several processes that train as one: each has its share of every batch, and together they do what one would do.

Whoever starts them (`torchrun`, `accelerate launch`) tells each its number; Accelerate connects them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, final

import torch
from torch import Tensor, distributed, nn

from minutia.errors import MinutiaError, TrainingError

PATIENCE = timedelta(days=1)
"""How long processes wait for one that downloads, decodes or validates; when one has died the launcher ends all."""

T = TypeVar("T")


def num_started() -> int:
    """Tell how many processes the launcher has started; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Tell whether this process is the one that speaks and writes, before any are connected."""
    return int(os.environ.get("RANK", "0")) == 0


def are_several() -> bool:
    """Tell whether processes are connected."""
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


@torch.compiler.disable  # type: ignore[untyped-decorator]
def mean_over_processes(value: Tensor) -> Tensor:
    """Average a tensor of any shape over all processes, on its device; by itself where there is one.

    Gradients are averaged in the same way on their way back. With `average_gradients` after it, weights get the
    gradient of the mean of all processes' losses.
    """
    return _Mean.apply(value) if are_several() else value  # type: ignore[no-untyped-call]


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace gradients by their means over all processes, in one message."""
    if not are_several():
        return
    gradients = [weight.grad for weight in parameters if weight.grad is not None]
    flat = _averaged(torch.cat([gradient.flatten() for gradient in gradients]))
    parts = torch.split(flat, [gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view(gradient.shape))


def share_weights(network: nn.Module) -> None:
    """Give all processes the first one's weights and buffers; machines may draw random numbers in their own ways."""
    if are_several():
        for tensor in network.state_dict().values():
            # Contiguous, because a message is: weights may lie channels last in memory.
            copy = tensor.contiguous(memory_format=torch.contiguous_format)
            distributed.broadcast(copy, src=0)
            tensor.copy_(copy)


@final
@dataclass(frozen=True, slots=True)
class Processes:
    """Those of a run, and how they agree."""

    index: int = 0
    count: int = 1
    control: Any = None
    """A connection of its own for what is agreed: it waits for no device, and long where it has to."""

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that speaks and writes."""
        return self.index == 0

    def own(self, num_crops: int) -> slice:
        """Tell which crops of a batch of `num_crops` are this process's."""
        share = num_crops // self.count
        return slice(self.index * share, (self.index + 1) * share)

    def any(self, holds: bool) -> bool:
        """Tell whether it holds in any process."""
        return self.smallest(0 if holds else 1) == 0

    def smallest(self, value: int) -> int:
        """Find the smallest of all processes' values."""
        if self.count == 1:
            return value
        box = torch.tensor(value)
        with _ends_told():
            distributed.all_reduce(box, distributed.ReduceOp.MIN, group=self.control)
        return int(box)

    def decide(self, ask: Callable[[], T]) -> T:
        """Let the main process answer for all; the others wait. Answers are sent pickled.

        Raises:
            MinutiaError: in all processes, what it raises in the main one.
        """
        if self.count == 1:
            return ask()
        box: list[Any] = [None]
        if self.is_main:
            try:
                box = [ask()]
            except MinutiaError as error:
                box = [error]
        with _ends_told():
            distributed.broadcast_object_list(box, src=0, group=self.control)
        if isinstance(box[0], MinutiaError):
            raise box[0]
        answer: T = box[0]
        return answer


def connect() -> Processes:
    """Learn which processes there are, once Accelerate has connected them."""
    if not are_several():
        return Processes()
    group = distributed.new_group(backend="gloo", timeout=PATIENCE)
    return Processes(distributed.get_rank(), distributed.get_world_size(), group)


def disconnect() -> None:
    """Leave the others; without it a process that ends is told off for it."""
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


@final
class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, value: Tensor) -> Tensor:
        del ctx
        return _averaged(value.clone(memory_format=torch.contiguous_format))

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        del ctx
        return _averaged(gradient.clone(memory_format=torch.contiguous_format))


def _averaged(value: Tensor) -> Tensor:
    with _ends_told():
        distributed.all_reduce(value)
    return value.div_(distributed.get_world_size())


@contextmanager
def _ends_told() -> Iterator[None]:
    """Say plainly that another process has gone; its own message tells why."""
    try:
        yield
    except RuntimeError as error:
        raise TrainingError(f"Another process of the run has ended, or cannot be reached ({error}).") from error
