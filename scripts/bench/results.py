"""What was measured, and bench.json, which holds it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One load on one contender in one round.

    Attributes:
        per_second: requests with a right status, per second.
        errors: the share of the others, 0 to 1.
        p50_ms: the median request's milliseconds.
        p99_ms: the milliseconds that one request in a hundred exceeds.
        cpu_ms: processor milliseconds of all the contender's processes for a request, which are
            also the processor seconds for a thousand.
        memory_mb: megabytes of all the contender's processes in the middle of the load.
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
        start_seconds: from the start of its process to its first right answer.
        rest_mb: megabytes of all its processes once it has answered and nothing is asked of it.
        samples: a sample for each load, by the load's key.
    """

    start_seconds: float
    rest_mb: float
    samples: dict[str, Sample]


@dataclass
class Results:
    """A run of the benchmark.

    Attributes:
        machine: what it ran on, in words, by title.
        rounds: in each the turns by the contender's name, in the order in which they were taken.
        missing: why a contender has no figures, by its name.
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
