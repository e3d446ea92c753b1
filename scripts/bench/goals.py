"""This server's performance goals relative to the others, and whether it reaches them."""

from collections.abc import Iterator
from typing import NamedTuple

from scripts.bench.lineup import BASELINE, LIMIT, SELF
from scripts.bench.results import Figure, Results, Spread, figure
from scripts.bench.workloads import CNN, CROWD, FEW, LISTS, LONE, MLP, Workload

# How much more memory this server may use at rest than FastAPI: a Java runtime, a second worker.
EXTRA_MB = 250
# Lower bounds for requests per second, as ratios to the best other server.
THROUGHPUT = {
    **dict(zip(LISTS.loads, (1.2, 2.2, 7.5, 12, 5, 3.5, 1.0, 1.0, 1.0), strict=True)),
    **dict(zip(CNN.loads, (1.8, 1.5, 1.0), strict=True)),
    **dict.fromkeys(MLP.loads, 1.0),
}
# Upper bounds for response times, as ratios to the best other server.
LATENCY = {(LONE, "p50_ms"): 0.8, (LONE, "p99_ms"): 1, (FEW, "p99_ms"): 1}


class Goal(NamedTuple):
    """One row of the goals' table.

    Attributes:
        what: name of the figure.
        bound: the least value, or the largest.
        at_most: whether the bound is an upper one.
        result: the median over the rounds; None if one side was not measured.
    """

    what: str
    bound: float
    at_most: bool
    result: Spread | None

    @property
    def reached(self) -> bool | None:
        """Whether the median is within the bound; None if it was not measured."""
        if self.result is None:
            return None
        median = self.result.median
        return median <= self.bound if self.at_most else median >= self.bound


def goals(workload: Workload, results: Results) -> Iterator[Goal]:
    """Yield every goal for a workload with its result in this run."""
    for load in workload.loads:
        what = f"requests/s, {load.title}"
        yield _best_other(results, what, figure(load), THROUGHPUT[load], at_most=False)
    if workload is LISTS:
        for (load, name), bound in LATENCY.items():
            what = f"{name[:3]}, {load.title}"
            yield _best_other(results, what, figure(load, name), bound, at_most=True)
        start = results.ratio(SELF, lambda turn: turn.start_seconds, BASELINE)
        memory = results.ratio(
            SELF, lambda turn: turn.rest_mb, BASELINE, lambda turn: turn.rest_mb + EXTRA_MB
        )
        share = results.ratio(SELF, figure(CROWD), LIMIT)
        errors = results.spread(SELF, figure(CROWD, "errors"))
        yield Goal(f"requests/s, {CROWD.title}, {LIMIT}", 0.6, False, share)
        yield Goal(f"start to first answer, {BASELINE}", 0.95, True, start)
        yield Goal(f"memory at rest, {BASELINE} + {EXTRA_MB} MB", 0.85, True, memory)
        yield Goal(f"share of errors, {CROWD.title}", 0, True, errors)


def _best_other(results: Results, what: str, of: Figure, bound: float, *, at_most: bool) -> Goal:
    # Exclude this server, also at earlier commits, and what is no server of models.
    others = [name for name in results.names if not name.startswith(SELF) and name != LIMIT]
    ratios = {name: spread for name in others if (spread := results.ratio(SELF, of, name))}
    # The best other server gives the smallest ratio, or the largest if less is better.
    pick = max if at_most else min
    name = pick(ratios, key=lambda other: ratios[other].median, default="")
    what = f"{what}, best other server" + (f" ({name})" if name else "")
    return Goal(what, bound, at_most, ratios.get(name))
