"""Medians over the rounds, of figures and of ratios."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from scripts.bench.loads import Load
from scripts.bench.results import Results, Turn

# Returns a figure of a contender's turn, or None if the turn lacks it.
Figure = Callable[[Turn], float | None]


class Spread(NamedTuple):
    """The median, lowest and highest value over the rounds."""

    median: float
    low: float
    high: float


def per_second(load: Load) -> Figure:
    """Return a function that returns the requests per second under `load`."""
    return lambda turn: turn.samples[load.key].per_second if load.key in turn.samples else None


def of(results: Results, name: str, figure: Figure) -> Spread | None:
    """Return the spread of a contender's figure over all rounds, or None if there is none."""
    values = [figure(each[name]) for each in results.rounds if name in each]
    return _spread([value for value in values if value is not None])


def ratio(
    results: Results, name: str, figure: Figure, other: str, base: Figure | None = None
) -> Spread | None:
    """Return the spread of the ratio of one contender's figure to another's.

    Each ratio is taken within one round, because the machine's speed drifts over time.

    Args:
        results: the run.
        name: the contender in the numerator.
        figure: its figure.
        other: the contender in the denominator.
        base: the other's figure; by default `figure`.
    """
    values = []
    for each in results.rounds:
        if name in each and other in each:
            above, below = figure(each[name]), (base or figure)(each[other])
            if above is not None and below:
                values.append(above / below)
    return _spread(values)


def _spread(values: list[float]) -> Spread | None:
    return Spread(median(values), min(values), max(values)) if values else None
