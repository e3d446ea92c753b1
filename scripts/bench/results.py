"""The results of a benchmark run, and bench.json, where they are stored."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


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

    def save(self, path: Path) -> None:
        """Write bench.json."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read bench.json."""
        found: dict[str, Any] = json.loads(path.read_text())
        rounds = [{name: _turn(turn) for name, turn in each.items()} for each in found["rounds"]]
        return cls(found["machine"], rounds, found["missing"])


def _turn(found: dict[str, Any]) -> Turn:
    samples = {key: Sample(**sample) for key, sample in found["samples"].items()}
    return Turn(found["start_seconds"], found["rest_mb"], samples)
