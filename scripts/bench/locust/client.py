"""Locust's client: each user asks, waits for the answer, and asks again."""

import json
import os
from pathlib import Path

from locust import FastHttpUser, task

URL, BODY = os.environ["BENCH_URL"], os.environ["BENCH_BODY"]
DATA = Path(BODY).read_bytes() if BODY else None
HEADERS = json.loads(os.environ["BENCH_HEADERS"])


class Client(FastHttpUser):
    """Sends one kind of request."""

    host = URL

    @task
    def ask(self) -> None:
        """Send the request; a status that is not 2xx counts as a failure."""
        self.client.request("POST" if DATA else "GET", URL, data=DATA, headers=HEADERS, name="ask")
