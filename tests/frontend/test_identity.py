"""The ID token, fetched by google-auth from a fake metadata server."""

import base64
import json
import sys
import time
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.frontend.api import NOWHERE, Api, answer
from tests.support.containers import run
from tests.support.web import Reply, respond_with

# Runs in a separate process, because google-auth reads the metadata server's URL when imported.
CALLS = """
import os
import numpy as np
from frontend import settings
from frontend.client import Client
from frontend.model import numbers
from frontend.errors import ApiError
try:
    client = Client(settings.read(os.environ))
    for _ in range(2):
        client.infer(numbers(np.array([1]), None))
except ApiError as error:
    print(error.state.name, error)
"""


class Metadata:
    """Issues tokens that are valid for `lifetime` seconds, each with its own number."""

    def __init__(self) -> None:
        self.lifetime = 3600
        self.identity = True
        self.audiences: list[str] = []
        self.tokens: list[str] = []

    def token(self, audience: str) -> str:
        now = int(time.time())
        claims = {"aud": audience, "exp": now + self.lifetime, "iat": now, "jti": len(self.tokens)}
        parts = [json.dumps(part).encode() for part in ({"alg": "RS256"}, claims)]
        encoded = [base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in [*parts, b"sig"]]
        self.audiences.append(audience)
        self.tokens.append(".".join(encoded))
        return self.tokens[-1]

    def respond(self, path: str) -> Reply:
        url, content, kind = urlsplit(path), b"", "text/plain"
        if url.path.endswith("/service-accounts/default/identity"):
            content = self.token(parse_qs(url.query)["audience"][0]).encode()
        elif url.path.endswith("/service-accounts/default/"):
            content, kind = b'{"email": "page@example.com"}', "application/json"
        known = self.identity or "/service-accounts/" not in url.path
        headers = {"Metadata-Flavor": "Google", "Content-Type": kind}
        return 200 if known else 404, content, headers


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[Metadata]:
    found = Metadata()
    with respond_with(found.respond) as url:
        for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
            monkeypatch.setenv(name, url.removeprefix("http://"))
        yield found


def call_twice(api: Api) -> str:
    settings = {"BACKEND_URL": api.url, "BACKEND_AUTH": "id-token"}
    done = run([sys.executable, "-c", CALLS], settings)
    assert not done.stderr
    return done.stdout


@pytest.mark.parametrize(("lifetime", "count"), [(3600, 1), (120, 2)])
def test_requests_carry_a_token_for_the_api_that_is_renewed_in_its_last_minutes(
    api: Api, metadata: Metadata, lifetime: int, count: int
) -> None:
    metadata.lifetime = lifetime
    api.replies = [answer([2])]
    assert not call_twice(api)
    assert metadata.audiences == [api.url] * count
    sent = [request["headers"]["authorization"] for request in api.requests]
    assert sent == [f"Bearer {metadata.tokens[0]}", f"Bearer {metadata.tokens[-1]}"]


def test_a_refused_token_is_not_tried_again(api: Api, metadata: Metadata) -> None:
    api.replies = [(401, b"")]
    assert call_twice(api).startswith("NOT_ALLOWED")
    assert len(api.requests) == len(metadata.tokens) == 1


def test_an_identity_without_tokens_is_an_error(api: Api, metadata: Metadata) -> None:
    metadata.identity = False
    assert call_twice(api).startswith("NOT_ALLOWED The page has to identify itself")
    assert api.requests == []


def test_a_machine_without_identity_is_an_error(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GCE_METADATA_HOST", "GCE_METADATA_IP"):
        monkeypatch.setenv(name, NOWHERE.removeprefix("http://"))
    monkeypatch.setenv("GCE_METADATA_DETECT_RETRIES", "1")
    said = call_twice(api)
    assert said.startswith("NOT_ALLOWED The page has to identify itself (BACKEND_AUTH=id-token)")
    assert api.requests == []
