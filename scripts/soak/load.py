"""The soak's clients: each sends at a steady rate and knows the right response."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from typing import NamedTuple

import numpy as np

HEADERS = {"Content-Type": "application/json"}
TIMEOUT_SECONDS = 30.0


class Exchange(NamedTuple):
    """A request body, and the status and JSON of the right response."""

    body: str
    status: int
    answer: object


def exchange(pick: random.Random) -> Exchange:
    """Return a random exchange: small and large lists, several formats, bad input."""
    n = pick.randrange(10**9)
    kind = pick.randrange(10)
    if kind == 0:
        message = "Expected a number, got str - at $[1]"
        error = {"code": 400, "type": "InvalidInput", "message": message, "error": message}
        return Exchange(f'[{n}, "{n}"]', 400, error)
    if kind == 1:
        return Exchange(
            f'{{"instances": [[{n}], {n}.5]}}', 200, {"predictions": [[2 * n], 2 * n + 1.0]}
        )
    if kind == 2:  # noqa: PLR2004 (the third kind)
        numbers = list(range(n, n + pick.randrange(1000, 20_000)))
        return Exchange(json.dumps(numbers), 200, [2 * number for number in numbers])
    if kind == 3:  # noqa: PLR2004 (the fourth)
        return Exchange(f"[{n}.25, -1]", 200, [2 * n + 0.5, -2.0])
    return Exchange(f"[{n}, {-n}]", 200, [2 * n, -2 * n])


class Clients:
    """The clients. Use as a context manager: they send inside the block."""

    def __init__(self, host: str, port: int, clients: int, rate: float) -> None:
        """Prepare clients that together send `rate` requests per second."""
        self._address, self._every = (host, port), clients / rate
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._durations: list[float] = []
        self.requests = 0
        self.faults: list[str] = []
        self._threads = [
            threading.Thread(target=self._client, args=(seed,), daemon=True)
            for seed in range(clients)
        ]

    def __enter__(self) -> Clients:
        """Start sending."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop sending."""
        self._stop.set()
        for thread in self._threads:
            thread.join(TIMEOUT_SECONDS + 1)

    def p99(self) -> float:
        """Return the 99th percentile of the response times since the last call, in milliseconds."""
        with self._lock:
            durations, self._durations = self._durations, []
        return float(np.percentile(durations, 99)) * 1000 if durations else float("nan")

    def _client(self, seed: int) -> None:
        pick = random.Random(seed)  # noqa: S311 (loads, not secrets)
        connection = http.client.HTTPConnection(*self._address, timeout=TIMEOUT_SECONDS)
        due = time.monotonic() + pick.random() * self._every
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due += self._every
            wanted = exchange(pick)
            began = time.perf_counter()
            fault = _ask(connection, wanted)
            duration = time.perf_counter() - began
            with self._lock:
                self.requests += 1
                self._durations.append(duration)
                if fault:
                    self.faults.append(fault)
        connection.close()


def _ask(connection: http.client.HTTPConnection, wanted: Exchange) -> str:
    """Send a request; return what is wrong with the response, or an empty string."""
    try:
        connection.request("POST", "/predictions/doubleit", wanted.body, HEADERS)
        response = connection.getresponse()
        got = response.status, json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        connection.close()
        return f"{wanted.body[:60]}: {error!r}"
    return "" if got == (wanted.status, wanted.answer) else f"{wanted.body[:60]}: {str(got)[:200]}"
