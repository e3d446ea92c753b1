"""Clients that ask all the time, and check every answer."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from types import TracebackType
from urllib.parse import urlsplit

from tests.support.server import JSON


class Load:
    """Clients in a loop against the default version, each on a connection of its own.

    Use as a context manager; `counts` has answered, wrong and failed requests afterwards.
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
        numbers, counts = random.Random(seed), Counter[str]()
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        while not self._stopping.is_set():
            body = [numbers.randint(-(2**60), 2**60) for _ in range(numbers.randint(0, 8))]
            try:
                connection.request("POST", self._path, json.dumps(body), JSON)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    counts["failed"] += 1
                    self.faults.append(f"{answer.status} {text!r}")
                elif json.loads(text) != [number * 2 for number in body]:
                    counts["wrong"] += 1
                    self.faults.append(f"{body}: {text!r}")
                else:
                    counts["answered"] += 1
            except (OSError, http.client.HTTPException) as error:
                counts["failed"] += 1
                self.faults.append(repr(error))
                connection.close()
        connection.close()
        with self._lock:
            self.counts += counts

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
