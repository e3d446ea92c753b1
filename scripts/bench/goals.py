"""This server's performance goals relative to the others, and whether it reaches them."""

from __future__ import annotations

from typing import NamedTuple

from scripts.bench.lineup import BASELINE, SELF, STOCK
from scripts.bench.loads import CROWD, FEW, LARGE, LONE, MANY, MIDDLE, Load
from scripts.bench.medians import Figure, Spread, of, per_second, ratio
from scripts.bench.results import Results, Turn

# How much more memory this server may use at rest than FastAPI: a Java runtime, a second worker.
EXTRA_MB = 250


class Goal(NamedTuple):
    """One row of the goals' table.

    Attributes:
        what: name of the figure.
        wanted: the bound.
        at_most: whether the bound is an upper one.
        got: the median over the rounds; None if one side was not measured.
        note: the server it was compared with, if the result determines it.
    """

    what: str
    wanted: float
    at_most: bool
    got: Spread | None
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the median is within the bound; None if it was not measured."""
        if self.got is None:
            return None
        return self.got.median <= self.wanted if self.at_most else self.got.median >= self.wanted


# Goals for requests per second: ratio to FastAPI, and to the best other server.
THROUGHPUT: dict[Load, tuple[float | None, float | None]] = {
    LONE: (1.3, None),
    FEW: (4, 1.8),
    MANY: (14, 5.5),
    CROWD: (22, 8),
    MIDDLE: (None, 3),
    LARGE: (8, 2.5),
}
# Upper bounds for the p50 with one connection, as ratios to the same two.
LONE_P50 = (0.7, 1.2)
TIMES_STOCK = 12


def goals(results: Results) -> list[Goal]:
    """Return every goal with its result in this run."""

    def against(other: str, figure: Figure, base: Figure | None = None) -> Spread | None:
        return ratio(results, SELF, figure, other, base)

    def best(what: str, figure: Figure, wanted: float, *, at_most: bool = False) -> Goal:
        # Exclude this server, also at earlier commits.
        rest = {n for each in results.rounds for n in each if not n.startswith(SELF)}
        found = {name: spread for name in rest if (spread := against(name, figure))}
        # The best other server gives the smallest ratio, or the largest if less is better.
        pick = max if at_most else min
        name = pick(found, key=lambda n: found[n].median, default="")
        return Goal(f"{what}, best other server", wanted, at_most, found.get(name), name)

    lone = f"p50, {LONE.title}"
    found = [
        Goal(f"{lone}, {BASELINE}", LONE_P50[0], True, against(BASELINE, _lone_p50)),
        best(lone, _lone_p50, LONE_P50[1], at_most=True),
    ]
    for load, (of_baseline, of_best) in THROUGHPUT.items():
        what, figure = f"requests/s, {load.title}", per_second(load)
        if of_baseline is not None:
            found.append(Goal(f"{what}, {BASELINE}", of_baseline, False, against(BASELINE, figure)))
        if of_best is not None:
            found.append(best(what, figure, of_best))
        if load is MANY:
            found.append(Goal(f"{what}, {STOCK}", TIMES_STOCK, False, against(STOCK, figure)))
    return [
        *found,
        Goal(f"start to first answer, {BASELINE}", 1, True, against(BASELINE, _start)),
        Goal(
            f"memory at rest, {BASELINE} + {EXTRA_MB} MB",
            1,
            True,
            against(BASELINE, _rest, lambda turn: turn.rest_mb + EXTRA_MB),
        ),
        Goal(f"share of errors, {CROWD.title}", 0, True, of(results, SELF, _crowd_errors)),
    ]


def _lone_p50(turn: Turn) -> float | None:
    return turn.samples[LONE.key].p50_ms if LONE.key in turn.samples else None


def _crowd_errors(turn: Turn) -> float | None:
    return turn.samples[CROWD.key].errors if CROWD.key in turn.samples else None


def _start(turn: Turn) -> float:
    return turn.start_seconds


def _rest(turn: Turn) -> float:
    return turn.rest_mb
