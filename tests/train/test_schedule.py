from __future__ import annotations

import pytest

from minutia.train.schedule import Schedule, learning_rate


def test_warm_up_is_linear_then_held_then_cosine() -> None:
    schedule = Schedule(learning_rate=1.0, warmup_steps=4, hold_steps=6, final_learning_rate=0.1)
    assert [learning_rate(schedule, step, 111) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert {learning_rate(schedule, step, 111) for step in range(4, 11)} == {1.0}
    assert learning_rate(schedule, 60, 111) == pytest.approx(0.55)
    assert learning_rate(schedule, 110, 111) == pytest.approx(0.1)


def test_multistep_multiplies_at_each_milestone() -> None:
    schedule = Schedule(kind="multistep", learning_rate=1.0, milestones=(10, 20), gamma=0.1)
    rates = [learning_rate(schedule, step, 30) for step in (9, 10, 19, 20)]
    assert rates == pytest.approx([1.0, 0.1, 0.1, 0.01])


def test_constant_stays() -> None:
    schedule = Schedule(kind="constant", learning_rate=0.5)
    assert {learning_rate(schedule, step, 3) for step in range(3)} == {0.5}


def test_a_phase_of_one_step_has_a_rate() -> None:
    assert learning_rate(Schedule(learning_rate=0.5), 0, 1) == 0.5
