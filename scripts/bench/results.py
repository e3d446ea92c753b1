"""The results of a benchmark run: the file where they are stored, medians and ratios."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple, Self

import msgspec

from scripts.bench.workloads import Load


@dataclass(frozen=True)
class Sample:
    """One load on one contender in one round.

    Attributes:
        per_second: successful requests per second.
        errors: the share of failed requests, 0 to 1.
        p50_ms: median response time in milliseconds.
        p99_ms: 99th percentile of the response times in milliseconds.
        cpu_ms: CPU milliseconds per request of all the contender's processes, equal to CPU seconds
            per 1 000 requests.
        memory_mb: megabytes of all the contender's processes, halfway through the load.
    """

    per_second: float
    errors: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    memory_mb: float


@dataclass(frozen=True)
class Turn:
    """One contender in one round.

    Attributes:
        start_seconds: from the start of its process to its first correct response.
        rest_mb: megabytes of all its processes when idle after its first response.
        samples: the samples by the key of the load.
    """

    start_seconds: float
    rest_mb: float
    samples: dict[str, Sample]


# Returns a figure of a contender's turn, or None if the turn lacks it.
Figure = Callable[[Turn], float | None]


def figure(load: Load, name: str = "per_second") -> Figure:
    """Return a function that returns the attribute `name` of the sample of `load`."""
    return lambda turn: getattr(turn.samples.get(load.key), name, None)


class Spread(NamedTuple):
    """The median, lowest and highest value over the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self | None:
        """Return the spread of `values`, or None if there are none."""
        numbers = list(values)
        return cls(median(numbers), min(numbers), max(numbers)) if numbers else None


@dataclass
class Results:
    """A run of the benchmark.

    Attributes:
        machine: the conditions of the run, by title.
        rounds: for each round the turns by contender name, in the order of measurement.
        missing: the reasons why contenders have no figures, by contender name.
    """

    machine: dict[str, str]
    rounds: list[dict[str, Turn]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The contenders that had a turn."""
        return list(dict.fromkeys(name for turns in self.rounds for name in turns))

    def spread(self, name: str, of: Figure) -> Spread | None:
        """Return the spread of a contender's figure over all rounds, or None if there is none."""
        values = [of(turns[name]) for turns in self.rounds if name in turns]
        return Spread.of(value for value in values if value is not None)

    def ratio(
        self, name: str, of: Figure, other: str, other_of: Figure | None = None
    ) -> Spread | None:
        """Return the spread of the ratio of one contender's figure to another's (`other_of`).

        Each ratio is taken within one round, because the machine's speed drifts over time.
        """
        both = [turns for turns in self.rounds if name in turns and other in turns]
        pairs = [(of(turns[name]), (other_of or of)(turns[other])) for turns in both]
        return Spread.of(above / below for above, below in pairs if above is not None and below)

    def median(self, name: str, of: Figure) -> float:
        """Return the median of a contender's figure over all rounds; 0 if there is none."""
        return (self.spread(name, of) or Spread(0, 0, 0)).median

    def save(self, path: Path) -> None:
        """Write the results as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a file that `save` wrote."""
        return msgspec.json.decode(path.read_bytes(), type=cls)
