from __future__ import annotations

import pytest

from frontend import settings
from frontend.settings import Settings, SettingsError


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Settings("http://127.0.0.1:8080", id_token=False, poll=5)),
        ({"BACKEND_URL": "", "BACKEND_AUTH": "", "BACKEND_POLL": ""}, Settings()),
        ({"BACKEND_URL": "http://api:8080/"}, Settings("http://api:8080")),
        ({"BACKEND_URL": "https://example.com/base/"}, Settings("https://example.com/base")),
        ({"BACKEND_URL": "http://[::1]:8080"}, Settings("http://[::1]:8080")),
        ({"BACKEND_POLL": "0"}, Settings(poll=0)),
        ({"BACKEND_MODEL": "my_model.2"}, Settings(model="my_model.2")),
        ({"UI_MAX_NUMBERS": "1000000"}, Settings(max_numbers=1_000_000)),
        (
            {"UI_HOSTS": "page.example.com, *.run.app"},
            Settings(hosts=(*settings.DEFAULT_HOSTS, "page.example.com", "*.run.app")),
        ),
        (
            {"BACKEND_URL": "https://api.run.app", "BACKEND_AUTH": "id-token"},
            Settings("https://api.run.app", id_token=True),
        ),
        (
            {"BACKEND_URL": "http://localhost:1", "BACKEND_AUTH": "id-token"},
            Settings("http://localhost:1", id_token=True),
        ),
    ],
)
def test_environment_is_read(environment: dict[str, str], expected: Settings) -> None:
    assert settings.read(environment) == expected


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "BACKEND_URL",
            [
                "127.0.0.1:8080",
                "ftp://example.com",
                "http://",
                "http://example.com:0",
                "http://example.com:http",
                "http://[::1",
                "http://user:password@example.com",
                "http://example.com?a=b",
            ],
        ),
        ("BACKEND_AUTH", ["token"]),
        ("BACKEND_POLL", ["soon", "-1", "nan"]),
        ("BACKEND_MODEL", ["a/b", "../a"]),
        ("UI_HOSTS", ["http://example.com"]),
        ("UI_MAX_NUMBERS", ["many", "0", "99999999"]),
    ],
)
def test_unusable_values_are_named(name: str, values: list[str]) -> None:
    for value in values:
        with pytest.raises(SettingsError, match=f'^{name} is "'):
            settings.read({name: value})


def test_a_token_does_not_travel_unencrypted() -> None:
    with pytest.raises(SettingsError, match="https://"):
        settings.read({"BACKEND_URL": "http://10.0.0.1", "BACKEND_AUTH": "id-token"})
