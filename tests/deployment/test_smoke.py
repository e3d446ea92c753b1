"""The smoke test against a correct server and against faulty ones."""

import re

import pytest
import requests
import typer
from typer.testing import CliRunner

from scripts.deploy import smoke
from tests.support.server import Server, free_port
from tests.support.web import respond_with

METADATA = '{"name":"flowers","versions":["1.0"],"platform":"pytorch_torchscript"}'


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command line; return the exit status and the output."""
    app = typer.Typer()
    app.command()(smoke.main)
    result = CliRunner().invoke(app, [*arguments], env=environment)
    return result.exit_code, result.output + str(result.exception or "")


def flowers(metadata: str) -> tuple[int, str]:
    """Run the command line against a server of another model, with this metadata."""
    ready = '{"name":"flowers","version":"1.0","ready":true}'
    bodies = {"metadata": metadata, "ready": ready}
    with respond_with(lambda path: (200, bodies[path.rpartition("/")[2]].encode())) as url:
        return run(url, "--wait", "0", BACKEND_MODEL="flowers")


def test_a_deployment_that_is_right_passes_every_check(server: Server) -> None:
    status, output = run(server.url)
    assert status == 0, output
    checks = [line.split()[1] for line in output.splitlines()]
    assert checks == ["ready", "prediction", "exact_integer", "error"]


def test_a_version_that_is_not_there_and_no_response_fail_after_the_wait(server: Server) -> None:
    status, output = run(server.url, "--version", "9.9", "--wait", "0")
    assert status == 1
    assert re.search(r"/predictions/doubleit/9\.9/ready: expected 200 .*got 404", output)
    status, output = run(f"http://127.0.0.1:{free_port()}", "--wait", "0.5")
    assert status == 1
    assert "Connection refused" in output


@pytest.mark.parametrize(("code", "wait"), [(403, "60"), (200, "0")])
def test_a_refused_caller_or_another_server_fails_at_once(code: int, wait: str) -> None:
    # A second request would fail, as there is no second answer.
    answers = iter([(code, b"<html>\nhello")])
    with respond_with(lambda _: next(answers)) as url:
        status, output = run(url, "--wait", wait)
    assert status == 1
    assert f"got {code} <html> hello" in output


def test_the_identity_token_goes_along(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    def send(_: object, request: requests.PreparedRequest, **__: object) -> requests.Response:
        sent.append(request.headers["Authorization"])
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "send", send)
    run("http://127.0.0.1:9", "--wait", "0", "--id-token", "abc")
    run("http://127.0.0.1:9", "--wait", "0", ID_TOKEN="def")
    assert sent == ["Bearer abc", "Bearer def"]


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


def test_of_another_model_readiness_and_metadata_are_checked_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    status, output = flowers(METADATA)
    assert status == 0, output
    assert [line.split()[1] for line in output.splitlines()] == ["ready", "metadata"]
    metadata = METADATA.replace("1.0", "2.0")
    status, output = flowers(metadata)
    assert status == 1
    assert f'expected 200 {{"name":"flowers","versions":["1.0"], got 200 {metadata}' in output
