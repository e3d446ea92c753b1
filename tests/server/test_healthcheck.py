"""The container's health check, with a real server."""

import pytest

from server import healthcheck, settings
from tests.support.server import Server, free_port

PORT = str(free_port())


@pytest.mark.parametrize(
    ("environment", "output"),
    [
        ({}, ""),
        (
            {"MANAGEMENT_PORT": PORT},
            f"no server responds at http://127.0.0.1:{PORT}/models?next_page_token=0: Connection "
            "refused",
        ),
        ({"MODEL_NAME": "other"}, "{management} has no model other; it has doubleit"),
        ({"PORT": PORT}, "doubleit 1.0 is not ready"),
    ],
    ids=["ready", "no server", "no model", "not ready"],
)
def test_a_server_is_healthy_once_its_models_are_ready(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    environment: dict[str, str],
    output: str,
) -> None:
    for name, value in {**server.environment, **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(settings, "MODEL_NAME", environment.get("MODEL_NAME", "doubleit"))
    assert healthcheck.main() == bool(output)
    expected = f"healthcheck: {output.format(management=server.management)}\n" if output else ""
    assert capsys.readouterr().out == expected
