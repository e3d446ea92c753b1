"""What this server is to reach against the others, and whether it does."""

from __future__ import annotations

from typing import NamedTuple

from scripts.bench.lineup import BASELINE, SELF, STOCK
from scripts.bench.loads import CROWD, LARGE, LONE, MANY, PING, Load
from scripts.bench.medians import Figure, Spread, of, per_second, ratio
from scripts.bench.results import Results, Turn

# Megabytes that this server may take at rest beyond FastAPI's: a Java runtime and a second worker.
EXTRA_MB = 250


class Goal(NamedTuple):
    """One row of the goals' table.

    Attributes:
        what: the figure.
        wanted: the bound.
        at_most: whether less is better.
        got: the median over the rounds; None where one side was not measured.
        note: whom it was against, where that is part of the result.
    """

    what: str
    wanted: float
    at_most: bool
    got: Spread | None
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the median is within the bound; None where it was not measured."""
        if self.got is None:
            return None
        return self.got.median <= self.wanted if self.at_most else self.got.median >= self.wanted


def goals(results: Results) -> list[Goal]:
    """Return every goal with what this run says of it."""

    def against(other: str, figure: Figure, base: Figure | None = None) -> Spread | None:
        return ratio(results, SELF, figure, other, base)

    def best(load: Load, wanted: float) -> Goal:
        # Not this server itself, nor what it was at an earlier commit.
        rest = {n for each in results.rounds for n in each if not n.startswith(SELF)}
        found = {name: spread for name in rest if (spread := against(name, per_second(load)))}
        # The strongest of the others is the one that leaves the smallest ratio.
        name = min(found, key=lambda n: found[n].median, default="")
        what = f"requests/s, {load.title}, against the best other server"
        return Goal(what, wanted, False, found.get(name), name)

    return [
        _throughput(MANY, 10, BASELINE, against(BASELINE, per_second(MANY))),
        best(MANY, 4),
        _throughput(CROWD, 20, BASELINE, against(BASELINE, per_second(CROWD))),
        best(CROWD, 8),
        _throughput(MANY, 10, STOCK, against(STOCK, per_second(MANY))),
        Goal(
            f"requests/s, {CROWD.title}, against this server's own /ping",
            0.5,
            False,
            against(SELF, per_second(CROWD), per_second(PING)),
        ),
        Goal(f"p50, {LONE.title}, against {BASELINE}", 1.5, True, against(BASELINE, _lone_p50)),
        _throughput(LARGE, 5, BASELINE, against(BASELINE, per_second(LARGE))),
        Goal(f"start to first answer, against {BASELINE}", 1, True, against(BASELINE, _start)),
        Goal(
            f"memory at rest, against {BASELINE} + {EXTRA_MB} MB",
            1,
            True,
            against(BASELINE, _rest, lambda turn: turn.rest_mb + EXTRA_MB),
        ),
        Goal(f"share of errors, {CROWD.title}", 0, True, of(results, SELF, _crowd_errors)),
    ]


def _throughput(load: Load, wanted: float, other: str, got: Spread | None) -> Goal:
    return Goal(f"requests/s, {load.title}, against {other}", wanted, False, got)


def _lone_p50(turn: Turn) -> float | None:
    return turn.samples[LONE.key].p50_ms if LONE.key in turn.samples else None


def _crowd_errors(turn: Turn) -> float | None:
    return turn.samples[CROWD.key].errors if CROWD.key in turn.samples else None


def _start(turn: Turn) -> float:
    return turn.start_seconds


def _rest(turn: Turn) -> float:
    return turn.rest_mb
