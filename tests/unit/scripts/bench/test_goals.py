from __future__ import annotations

import pytest

from scripts.bench.goals import Goal, goals
from scripts.bench.lineup import BASELINE, SELF
from tests.unit.scripts.bench.runs import own, run, steady, turn

OLD = f"{SELF} at 0123abc"


def by_title(found: list[Goal], *words: str) -> Goal:
    (goal,) = [goal for goal in found if all(word in goal.what for word in words)]
    return goal


def test_the_best_other_server_is_the_one_that_leaves_the_smallest_ratio() -> None:
    results = run(
        {
            SELF: own(8000, 9000),
            BASELINE: turn(800),
            OLD: turn(8000),
            "X": turn(4000),
            "Y": turn(1000),
        }
    )
    goal = by_title(goals(results), "requests/s", "64 connections", "best other")
    assert goal.got
    assert (goal.note, goal.got.median, goal.reached) == ("X", 2.0, False)


def test_the_best_other_latency_is_the_one_that_leaves_the_largest_ratio() -> None:
    others = {"X": turn(1, p50=2.0), "Y": turn(1, p50=0.5)}
    goal = by_title(goals(run({SELF: own(1, 1, p50=1.0), **others})), "p50", "best other")
    assert goal.got
    assert (goal.note, goal.got.median, goal.reached) == ("Y", 2.0, False)


def test_a_bound_itself_is_reached() -> None:
    goal = by_title(goals(steady(14000, 1000)), "64 connections", BASELINE)
    assert goal.got
    assert (goal.got.median, goal.reached) == (14.0, True)


@pytest.mark.parametrize("words", [("start",), ("memory",), ("p50", BASELINE)])
def test_less_is_better_for_start_memory_and_latency(words: tuple[str, ...]) -> None:
    slow = run({SELF: own(1, 1, start=3, rest=900, p50=2), BASELINE: turn(1)})
    fast = run({SELF: own(1, 1, p50=0.5), BASELINE: turn(1)})
    assert by_title(goals(slow), *words).reached is False
    assert by_title(goals(fast), *words).reached is True


def test_a_run_without_errors_reaches_the_goal_of_none() -> None:
    assert by_title(goals(run({SELF: own(1, 1), BASELINE: turn(1)})), "errors").reached is True


def test_fastapi_may_take_250_megabytes_more() -> None:
    results = run({SELF: own(1, 1, rest=450), BASELINE: turn(1, rest=200)})
    goal = by_title(goals(results), "memory")
    assert goal.got
    assert goal.got.median == 1.0


def test_a_goal_against_a_server_that_was_not_measured_is_open() -> None:
    assert by_title(goals(steady()), "TorchServe, defaults").reached is None
