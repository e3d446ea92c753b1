import re
from pathlib import Path

import pytest

from server import memory, settings
from server.store.paths import ROOT
from server.torchserve import java


def test_every_variable_of_the_configuration_has_a_default() -> None:
    named = set(re.findall(r"\$\$(\w+)\$\$", settings.CONFIG.read_text()))
    # $$NAME$$ in the comment is not a variable, and java.py derives EVENT_LOOPS from the cores.
    limits = memory.limits(1 << 30, workers=1).variables()
    assert named - {"NAME", "EVENT_LOOPS"} <= {*settings.DEFAULTS, *limits}
    assert named >= set(settings.DEFAULTS)


def test_a_url_that_kubernetes_sets_for_a_service_is_no_port() -> None:
    links = dict.fromkeys(settings.PORTS, "tcp://10.0.0.1:80")
    assert settings.read("m", "1.0", links).variables == settings.DEFAULTS


def test_what_configures_the_programs_is_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    names = "TS_CONFIG_FILE JAVA_TOOL_OPTIONS _JAVA_OPTIONS CLASSPATH PYTHONPATH UV_SYSTEM_PYTHON"
    caller = dict.fromkeys(names.split(), "x")
    stay = {"TS_DEFAULT_WORKERS_PER_MODEL": "2", "PYTHONUNBUFFERED": "1", "HF_HOME": "x"}
    for name, value in {**caller, **stay}.items():
        monkeypatch.setenv(name, value)
    inherited = settings.inherited()
    assert not caller.keys() & inherited.keys()
    assert inherited.items() >= stay.items()


def test_addresses_are_what_a_client_on_this_machine_reaches() -> None:
    server = settings.read("m", "1.0", {"HOST": "0.0.0.0", "PORT": "9000"})
    ports = (9000, 8081, 8082)
    assert server.addresses == ("m", *(f"http://127.0.0.1:{port}" for port in ports))


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PORT": "http"}, "PORT=http is not a port"),
        ({"PORT": "70000"}, "PORT=70000 is not a port"),
        ({"PORT": "8081"}, "MANAGEMENT_PORT and PORT are both 8081"),
        ({"HOST": "::1"}, "HOST=::1: TorchServe cannot listen on an IPv6 address"),
        ({"MEMORY": "much"}, "MEMORY=much is not a size such as 1GiB or 512MiB"),
        ({"TS_DEFAULT_WORKERS_PER_MODEL": "0"}, "0 is not a number from 1 to 9999"),
    ],
)
def test_what_cannot_be_is_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(settings.SettingsError, match=message):
        settings.read("m", "1.0", environment)


def test_the_model_store_may_be_elsewhere(tmp_path: Path) -> None:
    assert settings.read("m", "1.0", {"MODEL_STORE": str(tmp_path)}).model_store == tmp_path
    assert settings.read("m", "1.0", {"MODEL_STORE": ""}).model_store == ROOT / "model_store"


def test_the_java_flags_come_from_the_configuration() -> None:
    assert "-XX:+UseSerialGC" in java.vmargs()
