"""A benchmark run: in each round, every contender is measured in turn, alone."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from scripts.bench import machine, process
from scripts.bench.environments import NotInstallable
from scripts.bench.generator import Generator
from scripts.bench.lineup import SELF, Contender
from scripts.bench.loads import PING, PREDICTIONS, WARM_UP, Load
from scripts.bench.measure import measure, memory_mb
from scripts.bench.process import Failed, Running
from scripts.bench.results import Results, Sample, Turn

# The warm-up takes this many times the duration of a load; its sample is discarded. Just-in-time
# compilers and pools need some requests.
WARM_UP_ROUNDS = 2
# Idle time before memory at rest is measured: a second worker may still be loading.
REST_SECONDS = 2.0


class Run(NamedTuple):
    """How to measure.

    Attributes:
        generator: the load generator.
        rounds: the number of rounds.
        seconds: the duration of each load.
        folder: a folder for bodies and logs.
        say: called with progress messages.
    """

    generator: Generator
    rounds: int
    seconds: float
    folder: Path
    say: Callable[[str], None]

    def measure(self, contenders: Sequence[Contender]) -> Results:
        """Measure `contenders`; the results also list the ones that could not be measured."""
        self.folder.mkdir(parents=True, exist_ok=True)
        results = Results(machine.describe(self.generator.name, self.rounds, self.seconds))
        ready = [each for each in contenders if self._prepared(each, results)]
        for number in range(self.rounds):
            turns: dict[str, Turn] = {}
            # Rotate, so that no contender is always first.
            shift = number * len(ready) // self.rounds
            for contender in [*ready[shift:], *ready[:shift]]:
                try:
                    turn = turns[contender.name] = self._turn(contender)
                except Failed as error:
                    self.say(f"round {number + 1}: {contender.name} has no turn: {error}")
                    continue
                rate = f"{turn.samples[WARM_UP.key].per_second:.0f} requests/s ({WARM_UP.title})"
                self.say(f"round {number + 1}: {contender.name}, {rate}")
            results.rounds.append(turns)
        return results

    def _prepared(self, contender: Contender, results: Results) -> bool:
        """Install, build and start a contender once, so that its files are in the page cache.

        Return whether that worked; if not, the reason is added to `results`.
        """
        begin = time.monotonic()
        try:
            process.build(contender)
            with process.running(contender, self._log(contender)) as target:
                _check(target)
        except (NotInstallable, Failed) as error:
            results.missing[contender.name] = str(error)
            self.say(f"{contender.name} is left out: {error}")
            return False
        took = f"{time.monotonic() - begin:.0f} s"
        self.say(f"{contender.name}: {contender.how}: responds correctly ({took})")
        return True

    def _turn(self, contender: Contender) -> Turn:
        with process.running(contender, self._log(contender)) as target:
            time.sleep(REST_SECONDS)
            rest = memory_mb(target.processes())
            _check(target)

            def sample(load: Load, seconds: float) -> Sample:
                return measure(self.generator, target, load, seconds, self.folder)

            sample(WARM_UP, WARM_UP_ROUNDS * self.seconds)
            loads = [*PREDICTIONS, PING] if contender.name == SELF else PREDICTIONS
            samples = {load.key: sample(load, self.seconds) for load in loads}
            return Turn(target.start_seconds, rest, samples)

    def _log(self, contender: Contender) -> Path:
        return self.folder / f"{re.sub(r'[^a-z0-9]+', '-', contender.name.lower())}.log"


def _check(target: Running) -> None:
    """Check the contender's responses to the list of each load before it is measured."""
    for count in sorted({load.numbers for load in PREDICTIONS}):
        target.check(count)
