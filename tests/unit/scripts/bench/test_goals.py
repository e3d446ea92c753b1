from __future__ import annotations

import pytest

from scripts.bench.goals import Goal, goals
from scripts.bench.lineup import BASELINE, LIMIT, SELF
from scripts.bench.results import Results, Sample, Turn
from scripts.bench.workloads import CNN, LISTS
from tests.unit.scripts.bench.runs import run, steady, turn

OLD = f"{SELF} at 0123abc"


def by_title(results: Results, *words: str) -> Goal:
    (goal,) = [
        goal
        for goal in goals(LISTS, results)
        if all(word in goal.what for word in words) and "gRPC" not in goal.what
    ]
    return goal


def test_the_best_other_server_leaves_the_smallest_ratio_and_the_limit_is_no_server() -> None:
    others = {OLD: turn(8000), LIMIT: turn(16000), "X": turn(4000), "Y": turn(1000)}
    results = run({SELF: turn(8000), BASELINE: turn(800), **others})
    goal = by_title(results, "requests/s", "64 connections", "best other")
    assert goal.result
    assert (goal.note, goal.result.median, goal.reached) == ("X", 2.0, False)
    share = by_title(results, LIMIT)
    assert share.result
    assert (share.result.median, share.reached) == (0.5, False)


def test_the_best_other_latency_is_the_one_that_leaves_the_largest_ratio() -> None:
    others = {"X": turn(1, p50=2.0), "Y": turn(1, p50=0.5)}
    results = run({SELF: turn(1, p50=1.0), **others})
    goal = by_title(results, "p50", "best other")
    assert goal.result
    assert (goal.note, goal.result.median, goal.reached) == ("Y", 2.0, False)


def test_a_bound_itself_is_reached() -> None:
    goal = by_title(steady(7500, 1000), "64 connections")
    assert goal.result
    assert (goal.result.median, goal.reached) == (7.5, True)


@pytest.mark.parametrize("words", [("start",), ("memory",), ("p50",)])
def test_less_is_better_for_start_memory_and_latency(words: tuple[str, ...]) -> None:
    slow = run({SELF: turn(1, start=3, rest=900, p50=2), BASELINE: turn(1)})
    fast = run({SELF: turn(1, start=1, rest=300, p50=0.5), BASELINE: turn(1)})
    assert by_title(slow, *words).reached is False
    assert by_title(fast, *words).reached is True


def test_a_run_without_errors_reaches_the_goal_of_none() -> None:
    assert by_title(steady(), "errors").reached is True


def test_a_goal_against_a_server_that_was_not_measured_is_open() -> None:
    assert by_title(run({SELF: turn(1)}), "start").reached is None


def test_formats_are_compared_with_the_best_server_of_each() -> None:
    def tensors(*rates: float) -> Turn:
        loads = zip(CNN.loads, rates, strict=False)
        return Turn(1, 100, {load.key: Sample(rate, 0, 1, 2, 3, 100) for load, rate in loads})

    turns = {SELF: tensors(200, 900, 600), BASELINE: tensors(100), "Triton": tensors(150, 450, 200)}
    found = goals(CNN, Results({}, [turns]))
    assert [(goal.note, goal.result and goal.result.median) for goal in found] == [
        ("Triton", 200 / 150),
        ("Triton", 2.0),
        ("Triton", 3.0),
    ]
