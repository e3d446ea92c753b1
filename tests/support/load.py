"""Steady load from many clients that know the correct response to each of their requests."""

import functools
import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

from tests.support.raw import PATH
from tests.support.server import JSON
from tests.support.wait import wait_until

CLIENTS = 32
# Seconds: longer than `responseTimeout`, after which a hanging worker is replaced.
PATIENCE = 45
# Seconds that a client waits after a failure.
PAUSE = 0.05


class Request(NamedTuple):
    """A body with the correct response."""

    body: str | bytes
    status: int
    answer: Any
    headers: Mapping[str, str] = JSON


class Failure(NamedTuple):
    """A request without a response, or with an unexpected status."""

    at: float
    what: str
    text: str  # the beginning of the response, if there is one


def many(pick: random.Random, n: int, longest: int = 2_000) -> Request:
    """Return a request with a long list."""
    size = pick.randrange(100, longest)
    return Request(f"[{','.join([str(n)] * size)}]", 200, [2 * n] * size)


def _response(n: int, **head: str) -> dict[str, Any]:
    output = {"name": "output", "shape": [1], "datatype": "INT64", "data": [2 * n]}
    return {"model_name": "doubleit", "model_version": "1.0", **head, "outputs": [output]}


def _v2(n: int) -> Request:
    tensor = {"name": "x", "shape": [1], "datatype": "INT64", "data": [n]}
    body = json.dumps({"id": str(n), "inputs": [tensor]})
    return Request(body, 200, _response(n, id=str(n)))


def _binary(n: int) -> Request:
    size = {"binary_data_size": 8}
    tensor = {"name": "x", "shape": [1], "datatype": "INT64", "parameters": size}
    head = json.dumps({"inputs": [tensor]}).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }
    return Request(head + n.to_bytes(8, "little"), 200, _response(n), headers)


def _multipart(n: int) -> Request:
    part = f'--b\r\nContent-Disposition: form-data; name="data"\r\n\r\n[{n}]\r\n--b--\r\n'
    return Request(part, 200, [2 * n], {"Content-Type": "multipart/form-data; boundary=b"})


def _wrong(n: int) -> Request:
    message = "Expected a number, got str - at $[1]"
    error = {"code": 400, "type": "InvalidInput", "message": message, "error": message}
    return Request(f'[{n}, "{n}"]', 400, error)


def make(pick: random.Random, n: int) -> Request:
    """Return a request of a random kind, whose numbers no other client uses at the same time."""
    kinds: tuple[Callable[[], Request], ...] = (
        lambda: Request(f"[{n}, {n + 2**53}]", 200, [2 * n, 2 * (n + 2**53)]),
        lambda: Request(f"[{n}.5, -0.0]", 200, [2 * n + 1.0, -0.0]),
        lambda: Request(
            f'{{"instances": [[{n}], {n}.25]}}', 200, {"predictions": [[2 * n], 2 * n + 0.5]}
        ),
        lambda: many(pick, n),
        *(functools.partial(kind, n) for kind in (_v2, _binary, _multipart, _wrong)),
    )
    return pick.choice(kinds)()


def doubled(pick: random.Random, _: int) -> Request:
    """Return a request to any version of DoubleIt: a list of up to 8 integers."""
    numbers = [pick.randint(-(2**60), 2**60) for _ in range(pick.randint(0, 8))]
    return Request(json.dumps(numbers), 200, [2 * number for number in numbers])


class Load:
    """Clients that send requests in a loop, each on its own connection. Use as a context manager.

    Attributes:
        sending: an event that the clients wait for before each request.
        requests: the number of requests so far.
        durations: the times in seconds of the requests since a test last cleared it.
        failures: requests without a response, or with another status than the expected one.
        wrong: descriptions of responses with a wrong body.
    """

    def __init__(
        self,
        port: int,
        clients: int = CLIENTS,
        make: Callable[[random.Random, int], Request] = make,
        *,
        path: str = PATH,
        rate: float | None = None,
    ) -> None:
        """Prepare clients that together send `rate` requests per second, or as many as they can."""
        self._port, self._clients, self._make, self._path = port, clients, make, path
        self._interval = clients / rate if rate else 0.0
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._busy = 0
        self.sending = threading.Event()
        self.sending.set()
        self.requests = 0
        self.durations: list[float] = []
        self.failures: list[Failure] = []
        self.wrong: list[str] = []
        self._threads = [
            threading.Thread(target=self._client, args=(seed,), daemon=True)
            for seed in range(clients)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.sending.set()
        for thread in self._threads:
            thread.join(PATIENCE + 5)

    def pause(self) -> None:
        """Stop sending; return once every request in flight has a response."""
        self.sending.clear()
        wait_until(lambda: not self._busy, "a response to each request")

    def wait_for(self, requests: int) -> None:
        """Wait until `requests` more requests have been answered."""
        count = self.requests + requests
        wait_until(lambda: self.requests >= count, f"{count} requests")

    def settle(self, quiet: float = 2, seconds: float = 90) -> None:
        """Wait until no request has failed for `quiet` seconds and some have succeeded."""
        deadline = time.monotonic() + seconds
        since, seen, answered = time.monotonic(), len(self.failures), self.requests
        while time.monotonic() < deadline:
            time.sleep(0.05)
            if len(self.failures) != seen:
                since, seen, answered = time.monotonic(), len(self.failures), self.requests
            elif time.monotonic() - since >= quiet and self.requests > answered + self._clients:
                return
        raise AssertionError(f"still failing after {seconds} s: {self.failures[-1:]}")

    def _client(self, seed: int) -> None:
        pick, n = random.Random(seed), seed * 10_000_000
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        due = time.monotonic() + pick.random() * self._interval
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due += self._interval
            self.sending.wait()
            if self._stop.is_set():
                break
            n += 1
            with self._lock:
                self._busy += 1
            try:
                self._ask(connection, self._make(pick, n))
            finally:
                with self._lock:
                    self._busy -= 1
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, request: Request) -> None:
        """Send one request and check the response; after a failure, the next one reconnects."""
        what, text = "", b""
        began = time.monotonic()
        try:
            connection.request("POST", self._path, request.body, request.headers)
            response = connection.getresponse()
            text = response.read()
            if response.status != request.status:
                what = str(response.status)
            elif json.dumps(json.loads(text)) != json.dumps(request.answer):
                self.wrong.append(f"{request.body[:80]!r}: {text[:200]!r}")
            if response.status < 500 and what:
                self.wrong.append(f"{request.body[:80]!r}: {response.status} {text[:200]!r}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            what = type(error).__name__
        now = time.monotonic()
        with self._lock:
            self.requests += 1
            self.durations.append(now - began)
            if what:
                self.failures.append(Failure(now, what, text[:200].decode(errors="replace")))
        if what:
            connection.close()
            time.sleep(PAUSE)
