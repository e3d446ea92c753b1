"""curl, with each of its ways to send a body."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.containers import output
from tests.support.server import Server

LARGE = 300_000


def curl(server: Server, *arguments: str) -> tuple[int, str]:
    """Return status and body."""
    command = ["curl", "-s", "-m", "30", "-w", "\n%{http_code}", *arguments, server.predictions]
    body, _, status = output(command).rpartition("\n")
    return int(status), body


JSON = ("-H", "Content-Type: application/json")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "[1, 2, 3]"),
        (*JSON, "-d", "@FILE"),
        (*JSON, "--data-binary", "@FILE"),
        ("-H", "Content-Type:", "--data-binary", "@FILE"),
        ("-F", "data=[1, 2, 3]"),
        ("-F", "body=@FILE;type=application/json"),
        ("-F", "data=@FILE", "-F", "comment=fields of other names are ignored"),
        ("-X", "POST", "-T", "FILE"),
        (*JSON, "-H", "Transfer-Encoding: chunked", "-d", "[1, 2, 3]"),
        (*JSON, "-H", "Expect: 100-continue", "-d", "[1, 2, 3]"),
        ("--http1.0", *JSON, "-d", "[1, 2, 3]"),
        ("--http2", *JSON, "-d", "[1, 2, 3]"),  # an upgrade, which the server may decline
    ],
)
def test_a_body_is_taken_however_it_is_sent(
    server: Server, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    file = tmp_path / "numbers.json"
    file.write_text("[1, 2,\n3]\n")
    sent = (argument.replace("FILE", str(file)) for argument in arguments)
    assert curl(server, *sent) == (200, "[2,4,6]")


@pytest.mark.parametrize("option", ["-d", "--data-urlencode"])
def test_what_curl_sends_by_itself_is_a_415_that_names_the_header(
    server: Server, option: str
) -> None:
    status, answer = curl(server, option, "[1]")
    assert status == 415
    assert "Content-Type: application/json" in answer


def test_a_large_form_reaches_the_handler_whole(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    path.write_text(f"[{','.join(['7'] * LARGE)}]")
    assert curl(server, "-F", f"data=@{path}") == (200, f"[{','.join(['14'] * LARGE)}]")
    fields = [argument for n in range(200) for argument in ("-F", f"{n}=1")]
    assert curl(server, *fields)[0] == 400
    assert curl(server, "-d", "a=%zz" + "&" * 100_000)[0] == 415
