"""What many tests need: a photograph, a small model as `minutia export` makes it, folders that are closed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from skimage import data


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is compiled out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def close(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let folders of a name be such as may not be searched."""

    def close(name: str) -> None:
        real = os.scandir

        def scandir(path: str) -> object:
            if Path(path).name == name:
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        monkeypatch.setattr(os, "scandir", scandir)

    return close


@pytest.fixture(scope="session")
def photo() -> np.ndarray:
    """(96, 112, 3) uint8."""
    return np.ascontiguousarray(data.astronaut()[20:116, 160:272])


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a MinutiaNet of two blocks with random weights, x4, halo 7."""
    import torch

    from minutia.export import export
    from minutia.nets.minutianet import MinutiaNetSpec
    from minutia.nets.weights import save_weights

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("models")
    spec = MinutiaNetSpec(num_blocks=2, num_features=8)
    network = spec.build()
    with torch.no_grad():
        network.tail.weight *= 0.3
    save_weights(folder / "weights.safetensors", spec, network.state_dict(), {"recipe": "none", "content_steps": 0})
    export(folder / "weights.safetensors", folder / "tiny", summary="Random weights.", licence="Apache-2.0")
    return folder / "tiny"
