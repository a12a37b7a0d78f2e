from __future__ import annotations

import threading

import pytest

from minutia.datasets import workers


def test_results_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers.os, "cpu_count", lambda: 2)
    another_is_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert another_is_done.wait(5)
        else:
            another_is_done.set()
        return number * number

    assert list(workers.in_order(work, range(20))) == [number * number for number in range(20)]


def test_an_error_ends_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MAX_WORKERS", 1)
    begun: list[int] = []
    go_on = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        if number == 1:
            raise ValueError("broken")
        go_on.wait(0.01)

    with pytest.raises(ValueError, match="broken"):
        list(workers.in_order(work, range(100)))
    assert len(begun) < 50
