"""Medians over the rounds, of figures and of ratios."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from scripts.bench.loads import Load
from scripts.bench.results import Results, Turn

# A figure of a contender's turn; None where the turn has none.
Figure = Callable[[Turn], float | None]


class Spread(NamedTuple):
    """A median, and how far the rounds were from it."""

    median: float
    low: float
    high: float


def per_second(load: Load) -> Figure:
    """Return the figure: requests per second under `load`."""
    return lambda turn: turn.samples[load.key].per_second if load.key in turn.samples else None


def of(results: Results, name: str, figure: Figure) -> Spread | None:
    """Return a contender's figure over all rounds; None where it has none."""
    values = [figure(each[name]) for each in results.rounds if name in each]
    return _spread([value for value in values if value is not None])


def ratio(
    results: Results, name: str, figure: Figure, other: str, base: Figure | None = None
) -> Spread | None:
    """Return the ratios of a contender's figure to another's, each within one round.

    The machine's speed drifts from minute to minute; within a round it drifts least.

    Args:
        results: the run.
        name: the contender above the line.
        figure: its figure.
        other: the contender below the line.
        base: the other's figure; by default the same.
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
