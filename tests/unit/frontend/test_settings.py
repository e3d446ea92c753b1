import pytest

from frontend import settings
from frontend.settings import Settings, SettingsError


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, Settings("http://127.0.0.1:8080", id_token=False, poll=5)),
        ({"BACKEND_URL": "", "BACKEND_AUTH": "", "BACKEND_POLL": ""}, Settings()),
        ({"BACKEND_URL": "http://api:8080/"}, Settings("http://api:8080")),
        ({"BACKEND_URL": "http://[::1]:8080"}, Settings("http://[::1]:8080")),
        ({"BACKEND_POLL": "0"}, Settings(poll=0)),
        ({"BACKEND_MODEL": "my_model.2"}, Settings(model="my_model.2")),
        (
            {"UI_HOSTS": "page.example.com, *.run.app"},
            Settings(hosts=(*settings.DEFAULT_HOSTS, "page.example.com", "*.run.app")),
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
    ("name", "value"),
    [
        *(("BACKEND_URL", url) for url in ("127.0.0.1:8080", "ftp://example.com", "http://")),
        *(("BACKEND_URL", f"http://example.com{end}") for end in (":0", ":http", "?a=b")),
        *(("BACKEND_URL", url) for url in ("http://[::1", "http://user:password@example.com")),
        ("BACKEND_AUTH", "token"),
        *(("BACKEND_POLL", text) for text in ("soon", "-1", "nan")),
        *(("BACKEND_MODEL", text) for text in ("a/b", "../a")),
        ("UI_HOSTS", "http://example.com"),
        *(("UI_MAX_NUMBERS", text) for text in ("many", "0", "99999999")),
    ],
)
def test_unusable_values_are_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f'^{name} is "'):
        settings.read({name: value})


def test_a_token_does_not_travel_unencrypted() -> None:
    with pytest.raises(SettingsError, match="https://"):
        settings.read({"BACKEND_URL": "http://10.0.0.1", "BACKEND_AUTH": "id-token"})
