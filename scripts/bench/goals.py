"""This server's performance goals relative to the others, and whether it reaches them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from scripts.bench.lineup import BASELINE, LIMIT, SELF
from scripts.bench.networks import CNN, TENSORS, Network
from scripts.bench.results import Figure, Results, Spread, Turn, figure
from scripts.bench.workloads import CROWD, FEW, LARGE, LONE, MANY, MIDDLE, Load

# How much more memory this server may use at rest than FastAPI: a Java runtime, a second worker.
EXTRA_MB = 250


class Goal(NamedTuple):
    """One row of the goals' table.

    Attributes:
        what: name of the figure.
        wanted: the bound.
        at_most: whether the bound is an upper one.
        result: the median over the rounds; None if one side was not measured.
        note: the server it was compared with, if the result determines it.
    """

    what: str
    wanted: float
    at_most: bool
    result: Spread | None
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the median is within the bound; None if it was not measured."""
        if self.result is None:
            return None
        median = self.result.median
        return median <= self.wanted if self.at_most else median >= self.wanted


# Lower bounds for requests per second, as ratios to the best other server.
THROUGHPUT = {LONE: 1.2, FEW: 2.2, MANY: 7.5, CROWD: 12, MIDDLE: 5, LARGE: 3.5}
# Upper bounds for response times, as ratios to the best other server.
LATENCY = {(LONE, "p50_ms"): 0.8, (LONE, "p99_ms"): 1, (FEW, "p99_ms"): 1}
# Lower bounds for requests per second with the image classifier.
CLASSIFIER = dict(zip(TENSORS, (1.8, 1.5), strict=True))


def goals(results: Results) -> list[Goal]:
    """Return every goal for lists of numbers with its result in this run."""
    start = results.ratio(SELF, lambda turn: turn.start_seconds, BASELINE)
    memory = results.ratio(SELF, _rest, BASELINE, lambda turn: _rest(turn) + EXTRA_MB)
    share = results.ratio(SELF, figure(CROWD), LIMIT)
    errors = figure(CROWD, "errors")
    return [
        *_best_others(results, THROUGHPUT),
        *(
            _best_other(results, f"{name[:3]}, {load.title}", figure(load, name), bound, True)
            for (load, name), bound in LATENCY.items()
        ),
        Goal(f"requests/s, {CROWD.title}, {LIMIT}", 0.6, False, share),
        Goal(f"start to first answer, {BASELINE}", 0.95, True, start),
        Goal(f"memory at rest, {BASELINE} + {EXTRA_MB} MB", 0.85, True, memory),
        Goal(f"share of errors, {CROWD.title}", 0, True, results.spread(SELF, errors)),
    ]


def network_goals(network: Network, results: Results) -> list[Goal]:
    """Return the goals for a network with their results in this run."""
    bounds = CLASSIFIER if network is CNN else dict.fromkeys(TENSORS, 1.0)
    return list(_best_others(results, bounds))


def _best_others(results: Results, bounds: dict[Load, float]) -> Iterator[Goal]:
    for load, bound in bounds.items():
        yield _best_other(results, f"requests/s, {load.title}", figure(load), bound)


def _best_other(
    results: Results, what: str, of: Figure, bound: float, at_most: bool = False
) -> Goal:
    # Exclude this server, also at earlier commits, and what is no server of models.
    others = [name for name in results.names if not name.startswith(SELF) and name != LIMIT]
    ratios = {name: spread for name in others if (spread := results.ratio(SELF, of, name))}
    # The best other server gives the smallest ratio, or the largest if less is better.
    pick = max if at_most else min
    name = pick(ratios, key=lambda other: ratios[other].median, default="")
    return Goal(f"{what}, best other server", bound, at_most, ratios.get(name), name)


def _rest(turn: Turn) -> float:
    return turn.rest_mb
