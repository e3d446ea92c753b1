from __future__ import annotations

from scripts.bench.loads import MANY, PING
from scripts.bench.medians import Spread, of, per_second, ratio
from tests.unit.scripts.bench.runs import run, turn

# In the second round the machine is half as fast; in the third, B has a hiccup.
DRIFT = run(
    {"A": turn(1000), "B": turn(100)},
    {"A": turn(500), "B": turn(50)},
    {"A": turn(1000), "B": turn(20)},
)


def test_a_figure_is_the_median_with_its_lowest_and_highest_round() -> None:
    assert of(DRIFT, "B", per_second(MANY)) == Spread(50, 20, 100)


def test_a_ratio_is_taken_within_a_round_so_that_drift_cancels() -> None:
    assert ratio(DRIFT, "A", per_second(MANY), "B") == Spread(10, 10, 50)


def test_a_round_that_one_of_the_two_missed_does_not_count() -> None:
    results = run({"A": turn(1000)}, {"A": turn(600), "B": turn(200)})
    assert ratio(results, "A", per_second(MANY), "B") == Spread(3, 3, 3)


def test_what_was_not_measured_has_no_figure() -> None:
    assert of(DRIFT, "C", per_second(MANY)) is None
    assert of(DRIFT, "A", per_second(PING)) is None
    assert ratio(DRIFT, "A", per_second(MANY), "C") is None
