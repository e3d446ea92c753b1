"""Clients that send requests continuously and check every response."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from types import TracebackType
from urllib.parse import urlsplit

from tests.support.server import JSON
from tests.support.wait import wait_until


class Load:
    """Clients that send requests to the default version in a loop, each on its own connection.

    Use as a context manager. `counts` has the numbers of answered, wrong and failed requests.
    """

    def __init__(self, predictions: str, clients: int = 32) -> None:
        address = urlsplit(predictions)
        assert address.hostname
        assert address.port
        self._host, self._port, self._path = address.hostname, address.port, address.path
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=[n]) for n in range(clients)]
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []

    def _ask(self, seed: int) -> None:
        numbers = random.Random(seed)
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        while not self._stopping.is_set():
            body = [numbers.randint(-(2**60), 2**60) for _ in range(numbers.randint(0, 8))]
            try:
                connection.request("POST", self._path, json.dumps(body), JSON)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    self._count("failed", f"{answer.status} {text!r}")
                elif json.loads(text) != [number * 2 for number in body]:
                    self._count("wrong", f"{body}: {text!r}")
                else:
                    self._count("answered")
            except (OSError, http.client.HTTPException) as error:
                self._count("failed", repr(error))
                connection.close()
        connection.close()

    def _count(self, outcome: str, fault: str = "") -> None:
        with self._lock:
            self.counts[outcome] += 1
            if fault:
                self.faults.append(fault)

    def wait_for(self, requests: int) -> None:
        """Wait until `requests` more requests have been answered."""
        wanted = self.counts["answered"] + requests
        wait_until(lambda: self.counts["answered"] >= wanted, f"{wanted} answered requests")

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(60)
