"""Many concurrent clients: each one gets the response to its own request."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.support.server import JSON, Server, compact

CLIENTS = 64
REQUESTS = 20


def one_client(server: Server, seed: int) -> list[str]:
    """Send valid and invalid requests in turn; return what was wrong with the responses."""
    pick = random.Random(seed)
    wrong = []
    with requests.Session() as session:
        for k in range(REQUESTS):
            own = seed * REQUESTS + k
            body, status, expected = pick.choice(
                [
                    (f"[{own}, {own + 2**53}]", 200, [2 * own, 2 * (own + 2**53)]),
                    (f"[{own}.5]", 200, [2 * own + 1.0]),
                    (
                        f'{{"instances": [[{own}], {own}.25]}}',
                        200,
                        {"predictions": [[2 * own], 2 * own + 0.5]},
                    ),
                    (f'[{own}, "{own}"]', 400, "Expected a number, got str - at $[1]"),
                    (f"[{own * ' '}", 400, f"Not JSON: Input data was truncated (byte {own + 1})"),
                    (
                        "[1e308]",
                        400,
                        "The model's answer is inf, which JSON cannot carry - at $[0]",
                    ),
                ]
            )
            answer = session.post(server.predictions, data=body, headers=JSON, timeout=30)
            got = answer.json() if answer.ok else answer.json()["message"]
            if (answer.status_code, json.dumps(got)) != (status, json.dumps(expected)):
                wrong.append(f"{body}: {answer.status_code} {answer.text}")
    return wrong


def test_64_clients_with_valid_and_invalid_requests_get_their_own_responses(server: Server) -> None:
    workers = server.worker_pids()
    with ThreadPoolExecutor(CLIENTS) as pool:
        wrong = list(pool.map(lambda seed: one_client(server, seed), range(CLIENTS)))
    assert [w for client in wrong for w in client] == []
    # The second worker may have started after the first response.
    assert set(workers) <= set(server.worker_pids())


def long_numbers(factor: float) -> tuple[str, str]:
    """Return 100 000 integers or floats with 17 to 19 digits as JSON, and their doubles."""
    pick = random.Random(factor)
    numbers = [factor * pick.randint(2**52, 2**53) for _ in range(100_000)]
    return compact(numbers), compact([2 * n for n in numbers])


def test_32_clients_with_large_and_small_responses(server: Server) -> None:
    """The responses to a batch of 64 MB need several messages."""
    kinds = [(number, *long_numbers(factor)) for number, factor in ((int, 2**8), (float, 2.0**-8))]

    def client(seed: int) -> None:
        number, numbers, doubles = kinds[seed % 2]
        # The first number makes each client's list another one.
        body = f"[{number(seed)},{numbers[1:]}"
        expected = f"[{number(2 * seed)},{doubles[1:]}"
        # Reusing the connection shows that each response ends in the right place.
        with requests.Session() as session:
            for data, right in ((body, expected), (compact([seed]), compact([2 * seed]))) * 2:
                answer = session.post(server.predictions, data=data, headers=JSON, timeout=120)
                assert answer.status_code == 200, answer.text
                assert answer.content == right.encode()

    workers = server.worker_pids()
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(client, range(32)))
    assert set(workers) <= set(server.worker_pids())
