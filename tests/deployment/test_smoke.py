"""The smoke test against a correct server and against faulty ones."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import typer
from typer.testing import CliRunner

from scripts.deploy import smoke
from tests.support.server import Server, free_port


def run(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str]:
    """Run the command line; return the exit status and the output."""
    app = typer.Typer()
    app.command()(smoke.main)
    result = CliRunner().invoke(app, [*arguments], env=environment)
    return result.exit_code, result.output + str(result.exception or "")


@contextmanager
def answering(status: int, text: str, **others: str) -> Iterator[tuple[str, list[str | None]]]:
    """Run an HTTP server with fixed responses; yield its URL and the recorded requests.

    Args:
        status: the status of all responses.
        text: the body of all responses.
        others: the bodies for the paths that end with these names.
    """
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            self.send_response(status)
            self.end_headers()
            self.wfile.write(others.get(self.path.rsplit("/", 1)[1], text).encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def test_a_deployment_that_is_right_passes_every_check(server: Server) -> None:
    status, output = run(server.url)
    assert status == 0, output
    checks = [line.split()[1] for line in output.splitlines()]
    assert checks == ["ready", "prediction", "exact_integer", "error"]


def test_a_version_that_is_not_there_fails_and_says_what_answered(server: Server) -> None:
    status, output = run(server.url, "--version", "9.9", "--wait", "0")
    assert status == 1
    assert "/predictions/doubleit/9.9/ready: expected 200" in output
    assert "got 404" in output


def test_another_server_that_returns_200_fails() -> None:
    with answering(200, "<html>\nhello") as (url, _):
        status, output = run(url, "--wait", "0")
    assert status == 1
    assert "got 200 <html> hello" in output


def test_no_response_fails_after_the_wait() -> None:
    status, output = run(f"http://127.0.0.1:{free_port()}", "--wait", "0.5")
    assert status == 1
    assert "Connection refused" in output


@pytest.mark.parametrize("refused", [401, 403])
def test_a_refused_caller_fails_at_once(refused: int) -> None:
    with answering(refused, "no") as (url, asked):
        status, output = run(url, "--wait", "60")
    assert status == 1
    assert f"got {refused} no" in output
    assert len(asked) == 1


@pytest.mark.parametrize("way", ["option", "variable"])
def test_the_identity_token_goes_along(way: str) -> None:
    with answering(403, "no") as (url, asked):
        if way == "option":
            run(url, "--id-token", "abc")
        else:
            run(url, environment={"ID_TOKEN": "abc"})
    assert asked == ["Bearer abc"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["127.0.0.1:8080"], "is not a URL"),
        (["http://example.com", "--id-token", "abc"], "https:// only"),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments: list[str], message: str) -> None:
    status, output = run(*arguments)
    assert status == 2
    assert message in " ".join(output.replace("│", " ").split())


METADATA = (
    '{"name":"flowers","versions":["1.0"],"inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}],'
    '"outputs":[{"name":"y","datatype":"FP32","shape":[-1,3]}]}'
)
READY = '{"name":"flowers","version":"1.0","ready":true}'


@pytest.mark.parametrize("way", ["option", "variable"])
def test_of_another_model_readiness_and_metadata_are_checked(way: str) -> None:
    with answering(200, READY, metadata=METADATA) as (url, _):
        if way == "option":
            status, output = run(url, "--model", "flowers")
        else:
            status, output = run(url, environment={"BACKEND_MODEL": "flowers"})
    assert status == 0, output
    assert [line.split()[1] for line in output.splitlines()] == ["ready", "metadata"]


@pytest.mark.parametrize(
    "metadata",
    [
        "<html>",
        "[]",
        METADATA.replace("flowers", "other"),
        METADATA.replace("1.0", "2.0"),
        METADATA.replace('"inputs"', '"other"'),
    ],
)
def test_wrong_metadata_fails_and_is_shown(metadata: str) -> None:
    with answering(200, READY, metadata=metadata) as (url, _):
        status, output = run(url, "--model", "flowers", "--wait", "0")
    assert status == 1
    assert "expected 200 and metadata of flowers 1.0, got 200" in output
    assert metadata[:20] in output


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_proxy_is_used_for_loopback(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    with answering(200, READY, metadata=METADATA) as (url, _):
        status, output = run(url.replace("127.0.0.1", host), "--model", "flowers", "--wait", "0")
    assert status == 0, output
