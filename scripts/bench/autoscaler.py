"""A model of Cloud Run's autoscaler: how many instances a load gets, when, and at what cost.

The model follows Google's documentation: scaling towards 60 % CPU and 60 % concurrency, both
averaged over a minute; new instances for requests that no instance can take; how long such requests
wait; prices. The documentation does not say how soon the autoscaler acts and how many instances it
starts for waiting requests. The model acts immediately, and starts enough instances for the
arriving requests and for the waiting ones before they are rejected. So the figures are a best case.
"""

import math
from collections import deque
from typing import NamedTuple

# https://cloud.google.com/run/docs/about-instance-autoscaling (2026-11)
TARGET = 0.6
WINDOW_SECONDS = 60.0
# A request waits for an instance for 10 s, or 3.5 times the start-up time if that is longer. Then
# it gets 429.
WAIT_SECONDS, WAIT_STARTS = 10.0, 3.5
# Cloud Run sends an instance at most so many requests per second over HTTP/1, however fast it is:
# https://cloud.google.com/run/quotas (2026-11). TorchServe and uvicorn do not speak HTTP/2.
HTTP1_PER_SECOND = 800.0
# Limit of the service. Cloud Run's default is 100; more needs a higher quota.
MAX_INSTANCES = 1_000
# List prices in us-central1 with request-based billing, 2025: https://cloud.google.com/run/pricing
CPU_SECOND, GIB_SECOND, MILLION_REQUESTS = 0.000024, 0.0000025, 0.40
GIB_PER_CPU = 1.0
# An instance is billed while it processes requests, rounded up to this step.
BILLING_SECONDS = 0.1
# The simulation's step and length.
STEP_SECONDS, SIMULATED_SECONDS = 0.1, 180.0


class Instance(NamedTuple):
    """The properties of one instance of a server, as measured under full load.

    Attributes:
        server: the server's name.
        cpus: number of CPUs.
        per_second: requests per second.
        p50_ms: median response time in milliseconds.
        start_seconds: from the start of its process to its first response.
        concurrency: the maximum number of concurrent requests.
    """

    server: str
    cpus: int
    per_second: float
    p50_ms: float
    start_seconds: float
    concurrency: int

    @property
    def planned(self) -> float:
        """Requests per second that the autoscaler plans for an instance."""
        return min(TARGET * self.per_second, HTTP1_PER_SECOND)


class Outcome(NamedTuple):
    """The result of a simulation with a sudden, constant load.

    Attributes:
        cold_starts: instances that were started.
        longest_wait_seconds: the longest time that a served request waited for an instance.
        caught_up_seconds: time after which no request waited any more; infinite if there was none.
        refused: share of the requests that waited too long and got 429.
    """

    cold_starts: int
    longest_wait_seconds: float
    caught_up_seconds: float
    refused: float


def settled_instances(instance: Instance, rate: float) -> int:
    """Return the number of instances for a steady load of `rate` requests per second."""
    return max(1, math.ceil(rate / instance.planned))


def dollars_per_million(instance: Instance, rate: float) -> float:
    """Return the cost of a million requests at `rate` requests per second."""
    count = settled_instances(instance, rate)
    # The share of time for which an instance is billed.
    busy = 1 - math.exp(-rate / count * BILLING_SECONDS)
    second = count * busy * instance.cpus * (CPU_SECOND + GIB_PER_CPU * GIB_SECOND)
    return second / rate * 1e6 + MILLION_REQUESTS


def simulate(instance: Instance, rate: float) -> Outcome:
    """Simulate a sudden load of `rate` requests per second on one warm instance."""
    ready, starting = 1, deque[float]()
    limit = max(WAIT_SECONDS, WAIT_STARTS * instance.start_seconds)
    queue = refused = longest = caught_up = 0.0
    cold_starts = 0
    needed: deque[float] = deque(maxlen=round(WINDOW_SECONDS / STEP_SECONDS))
    for step in range(round(SIMULATED_SECONDS / STEP_SECONDS)):
        now = step * STEP_SECONDS
        while starting and starting[0] <= now:
            starting.popleft()
            ready += 1
        queue += rate * STEP_SECONDS
        capacity = ready * min(instance.per_second, HTTP1_PER_SECOND)
        done = min(queue, capacity * STEP_SECONDS)
        queue -= done
        pending = max(0.0, queue - ready * instance.concurrency)
        # The oldest request arrived pending / rate seconds ago; it is rejected after `limit`.
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
                done / STEP_SECONDS / instance.planned,
                min(queue, ready * instance.concurrency) / (TARGET * instance.concurrency),
            )
        )
        average = math.ceil(sum(needed) / len(needed) - 1e-9)
        surge = (rate + pending / limit) / instance.planned if pending else 0.0
        target = min(max(average, math.ceil(surge)), MAX_INSTANCES)
        started = max(0, target - ready - len(starting))
        starting.extend([now + instance.start_seconds] * started)
        cold_starts += started
        # Stop idle instances. Cloud Run keeps them for up to 15 minutes, without charge.
        if not pending and not starting and now > WINDOW_SECONDS:
            ready = max(1, min(ready, average))
    return Outcome(cold_starts, longest, caught_up, refused / (rate * SIMULATED_SECONDS))
