"""Cloud Run's autoscaler as a model: how many instances a load gets, when, and what they cost.

What Google documents is modelled: scaling towards 60 % of the CPU and 60 % of the concurrency, both
averaged over a minute; instances that are started for requests that none can take; the wait for
them; prices. Not documented is how soon the autoscaler acts and how many instances it starts for
requests that wait. Here it acts at once, and starts as many as the arriving requests need and as
work off the waiting ones before they are refused. So the figures are a best case of the platform.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

# https://cloud.google.com/run/docs/about-instance-autoscaling (2026-11)
TARGET = 0.6
WINDOW_SECONDS = 60.0
# A request waits for an instance this long, or 3.5 times a start if that is more; then it gets 429.
WAIT_SECONDS, WAIT_STARTS = 10.0, 3.5
# Of the service. Cloud Run's default is 100; more is a matter of quota.
MAX_INSTANCES = 1_000
# List prices in us-central1, billing by requests, 2025: https://cloud.google.com/run/pricing
CPU_SECOND, GIB_SECOND, MILLION_REQUESTS = 0.000024, 0.0000025, 0.40
# An instance is billed while it has a request, in steps of this.
BILLING_SECONDS = 0.1
STEP_SECONDS = 0.1


class Server(NamedTuple):
    """An instance of a server.

    Attributes:
        name: the server's.
        cpus: of an instance.
        gib: memory of an instance, in GiB.
        per_second: requests that it answers per second when its CPUs are busy.
        start_seconds: from the start of a container to its first answer.
        concurrency: requests that it gets at a time.
    """

    name: str
    cpus: int
    gib: float
    per_second: float
    start_seconds: float
    concurrency: int


class Outcome(NamedTuple):
    """What became of a load that began at once and stayed.

    Attributes:
        settled: instances in the end.
        peak: the most instances at a time.
        cold_starts: instances that were started.
        longest_wait_seconds: of a request that was answered, before an instance took it.
        caught_up_seconds: after which no request waited any more; infinite where that never came.
        answered: requests.
        refused: requests that waited too long (429).
        waiting: requests that waited or were worked on when the simulation ended.
    """

    settled: int
    peak: int
    cold_starts: int
    longest_wait_seconds: float
    caught_up_seconds: float
    answered: float
    refused: float
    waiting: float


def settled_instances(server: Server, rate: float) -> int:
    """Return the instances that `rate` requests per second get in the long run."""
    return max(1, math.ceil(rate / (TARGET * server.per_second)))


def dollars_per_million(server: Server, rate: float) -> float:
    """Return what a million requests cost at `rate` requests per second."""
    instances = settled_instances(server, rate)
    # The share of time in which an instance has a request, or is billed as if it had one.
    busy = 1 - math.exp(-rate / instances * BILLING_SECONDS)
    second = instances * busy * (server.cpus * CPU_SECOND + server.gib * GIB_SECOND)
    return second / rate * 1e6 + MILLION_REQUESTS


def simulate(
    server: Server, rate: float, seconds: float = 180.0, max_instances: int = MAX_INSTANCES
) -> Outcome:
    """Give one warm instance `rate` requests per second, from one moment on.

    Args:
        server: what runs.
        rate: requests per second.
        seconds: how long.
        max_instances: of the service.

    Returns:
        What became of it.
    """
    ready, starting = 1, deque[float]()
    limit = max(WAIT_SECONDS, WAIT_STARTS * server.start_seconds)
    queue = answered = refused = longest = 0.0
    caught_up, peak, cold_starts = 0.0, 1, 0
    needed: deque[float] = deque(maxlen=round(WINDOW_SECONDS / STEP_SECONDS))
    for step in range(round(seconds / STEP_SECONDS)):
        now = step * STEP_SECONDS
        while starting and starting[0] <= now:
            starting.popleft()
            ready += 1
        queue += rate * STEP_SECONDS
        capacity = ready * server.per_second
        done = min(queue, capacity * STEP_SECONDS)
        queue -= done
        answered += done
        pending = max(0.0, queue - ready * server.concurrency)
        # The oldest one arrived pending / rate seconds ago; it is refused after the limit.
        over = max(0.0, pending - rate * limit)
        refused += over
        queue -= over
        pending -= over
        if pending:
            longest = max(longest, pending / rate)
            caught_up = math.inf
        elif caught_up == math.inf:
            caught_up = now
        needed.append(
            max(
                done / STEP_SECONDS / (TARGET * server.per_second),
                min(queue, ready * server.concurrency) / (TARGET * server.concurrency),
            )
        )
        average = math.ceil(sum(needed) / len(needed) - 1e-9)
        surge = (rate + pending / limit) / (TARGET * server.per_second) if pending else 0.0
        wanted = min(max(average, math.ceil(surge)), max_instances)
        for _ in range(wanted - ready - len(starting)):
            starting.append(now + server.start_seconds)
            cold_starts += 1
        peak = max(peak, ready + len(starting))
        # Idle instances end; Cloud Run keeps them for up to 15 minutes, without charge.
        if not pending and not starting and now > WINDOW_SECONDS:
            ready = max(1, min(ready, average))
    return Outcome(
        settled=ready,
        peak=peak,
        cold_starts=cold_starts,
        longest_wait_seconds=longest,
        caught_up_seconds=caught_up,
        answered=answered,
        refused=refused,
        waiting=queue,
    )
