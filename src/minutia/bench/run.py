"""Measure a machine: matrix multiplication, networks, and commands, all in turns."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np

from minutia.bench.limits import Product, find_products
from minutia.bench.machine import describe_machine
from minutia.bench.report import Limit, Report, Speed, Start
from minutia.bench.starts import START, WHOLE, Command, help_command, upscale_command
from minutia.bench.turns import take_turns
from minutia.bench.work import count_flops
from minutia.errors import EngineError, MissingExtra
from minutia.types import Engine, EngineName, Precision, Progress, ignore_progress
from minutia.upscaler import Upscaler
from minutia.zoo.card import ModelCard
from minutia.zoo.catalog import load_model

MEGA, TERA = 1e6, 1e12


@dataclass(frozen=True, slots=True)
class _Network:
    """A model in an engine, and what one run of it takes."""

    card: ModelCard
    engine: Engine
    flops: int
    run: Callable[[], object]


def run_bench(
    cards: Sequence[ModelCard],
    *,
    engines: Sequence[EngineName] = (),
    device: str = "auto",
    precision: Precision = "auto",
    side: int = 256,
    runs: int = 5,
    progress: Progress = ignore_progress,
) -> Report:
    """Measure models in engines beside what their devices can do at most, and how long commands take to start.

    Args:
        cards: models; the first is the one that commands are started with.
        engines: empty for all that are installed here.
        device: as for `open_engine`.
        precision: as for `open_engine`.
        side: of the picture, in pixels.
        runs: rounds, of which medians are taken.
        progress: called with (done, total) pieces of work.

    Raises:
        ModelError: a model is damaged, or its operations cannot be counted.
        EngineError: none of the engines can run there, or one that was asked for cannot.
        MissingExtra: an engine that was asked for is not installed.
    """
    engines = list(dict.fromkeys(engines))
    networks, left_out = _open_all(cards, engines, device, precision, side)
    devices = dict.fromkeys(network.engine.device for network in networks)
    products = [product for each in devices for product in find_products(each)]
    with tempfile.TemporaryDirectory() as place:
        commands = _prepare_commands(cards[0], engines or ("auto",), device, precision, Path(place))
        actions: list[Callable[[], object]] = [product.run for product in products]
        actions += [network.run for network in networks]
        actions += [command.run for command, _ in commands]
        seconds = iter(take_turns(actions, runs, progress))
    limits = [_limit(product, next(seconds)) for product in products]
    return Report(
        machine=describe_machine(),
        side=side,
        runs=runs,
        limits=tuple(limits),
        speeds=tuple(_speed(network, side, next(seconds), limits) for network in networks),
        starts=tuple(_start(command, network, next(seconds), limits) for command, network in commands),
        left_out=tuple(left_out),
    )


def _open_all(
    cards: Sequence[ModelCard], engines: Sequence[EngineName], device: str, precision: Precision, side: int
) -> tuple[list[_Network], list[str]]:
    """Load every model into every engine; those that were not asked for by name may be missing, which is told."""
    networks: list[_Network] = []
    left_out: list[str] = []
    flops = [count_flops(load_model(card), side, side) for card in cards]
    for name in engines or [name for name in get_args(EngineName) if name != "auto"]:
        try:
            opened = [Upscaler(card, engine=name, device=device, precision=precision).engine for card in cards]
        except (EngineError, MissingExtra) as error:
            if engines:
                raise
            left_out.append(f"{name} is left out: {error}")
            continue
        for card, engine, work in zip(cards, opened, flops, strict=True):
            x = np.random.default_rng(0).random((1, card.channels, side, side), np.float32)
            networks.append(_Network(card, engine, work, partial(engine.run, x)))
    if not networks:
        raise EngineError(f"No engine can run here: {' '.join(left_out)}")
    return networks, left_out


def _prepare_commands(
    card: ModelCard, engines: Sequence[EngineName], device: str, precision: Precision, place: Path
) -> list[tuple[Command, _Network | None]]:
    """Prepare whole commands, and the network of those in which it is what takes time."""
    commands: list[tuple[Command, _Network | None]] = [(help_command(), None)]
    flops = count_flops(load_model(card), WHOLE, WHOLE)
    for name in engines:
        folder = place / name
        folder.mkdir()
        options = [*_option("--engine", name), *_option("--device", device), *_option("--precision", precision)]
        engine = Upscaler(card, engine=name, device=device, precision=precision).engine
        whole = upscale_command(card, WHOLE, options, folder)
        commands.append((upscale_command(card, START, options, folder), None))
        commands.append((whole, _Network(card, engine, flops, whole.run)))
    return commands


def _option(name: str, value: str) -> list[str]:
    """Write an option as a person would, who leaves out what is the default."""
    return [] if value == "auto" else [name, value]


def _limit(product: Product, seconds: float) -> Limit:
    return Limit(product.device, product.precision, product.flops / seconds / TERA)


def _speed(network: _Network, side: int, seconds: float, limits: Sequence[Limit]) -> Speed:
    engine = network.engine
    fitting = [each for each in limits if (each.device, each.precision) == (engine.device, engine.precision)]
    return Speed(
        model=network.card.name,
        engine=engine.description,
        device=engine.device,
        precision=engine.precision,
        input_megapixels=side * side / MEGA,
        tflop=network.flops / TERA,
        seconds=seconds,
        limit=fitting[0] if fitting else None,
    )


def _start(command: Command, network: _Network | None, seconds: float, limits: Sequence[Limit]) -> Start:
    share = None if network is None else _speed(network, WHOLE, seconds, limits).share_of_limit
    return Start(command.title, seconds, share)
