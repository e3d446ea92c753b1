"""curl, with each of its ways to send a body."""

from pathlib import Path

import pytest

from tests.support.containers import output
from tests.support.server import Server

JSON = ("-H", "Content-Type: application/json")


def curl(server: Server, *arguments: str) -> tuple[int, str]:
    """Return status and body."""
    command = ["curl", "-s", "-m", "30", "-w", "\n%{http_code}", *arguments, server.predictions]
    body, _, status = output(command).rpartition("\n")
    return int(status), body


@pytest.mark.parametrize(
    "arguments",
    [
        ("--json", "[1, 2, 3]"),
        (*JSON, "--data-binary", "@FILE"),
        ("-H", "Content-Type:", "--data-binary", "@FILE"),
        ("-F", "body=@FILE;type=application/json"),
        ("-F", "data=@FILE", "-F", "comment=fields of other names are ignored"),
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


def test_a_large_form_reaches_the_handler_whole(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "numbers.json"
    path.write_text(f"[7{',7' * 300_000}]")
    assert curl(server, "-F", f"data=@{path}") == (200, f"[14{',14' * 300_000}]")
