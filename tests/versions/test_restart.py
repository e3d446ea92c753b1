"""A server that was stopped or killed starts again with the same versions."""

import shutil
import signal
from pathlib import Path

from tests.support.load import Load, doubled
from tests.support.measuring import COVERAGE
from tests.support.operators import ONE_WORKER, Operator
from tests.support.server import Server
from tests.support.wait import wait_until

RATE = 100  # requests per second to each model


def state(operator: Operator) -> dict[str, tuple[object, ...]]:
    """Return what a restart must preserve: each default, the previous one, and the workers."""
    found: dict[str, tuple[object, ...]] = {}
    for model in operator.models():
        shown = operator.show(model)
        workers = {each["version"]: len(each["workers"]) for each in shown["versions"]}
        found[model] = (shown["default"], shown["previous"], shown["recorded"], workers)
    return found


def test_two_models_lose_nothing_over_register_rollout_and_restart(
    two_versions: Path, tmp_path: Path
) -> None:
    log, store = tmp_path / "log", shutil.copytree(two_versions, tmp_path / "store")
    environment = {**ONE_WORKER, **COVERAGE}
    with Server(store, log, "doubleit,other", environment=environment) as server:
        operator, port = Operator(server), server.ports["PORT"]
        first, second = (f"{server.url}/predictions/{name}" for name in ("doubleit", "other"))
        with (
            Load(port, 8, doubled, rate=RATE) as one,
            Load(port, 8, doubled, path="/predictions/other", rate=RATE) as two,
        ):
            operator.do("register", "2.0", "--workers", "2")
            operator.do("--name", "other", "rollout", "2.0")
            operator.do("--name", "other", "unregister", "1.0")
            for load in (one, two):
                load.wait_for(RATE)
            before = state(operator)
            server.process.send_signal(signal.SIGTERM)
        assert one.failures + two.failures == []
        assert one.wrong + two.wrong == []
        assert server.process.wait(60) == 0
        assert before == {
            "doubleit": ("1.0", None, True, {"1.0": 1, "2.0": 2}),
            "other": ("2.0", "1.0", True, {"2.0": 1}),
        }

        for _ in range(2):
            log.unlink()
            server.start().wait_ready()
            assert server.output().startswith(
                f"{store}/doubleit.json: the default is doubleit 1.0, also 2.0\n"
                f"{store}/other.json: the default is other 2.0\n"
            )
            assert f"doubleit 1.0 is ready at {first}\nother 2.0 is ready at {second}\n" in (
                server.output()
            )
            assert state(operator) == before
            for model in ("doubleit", "other"):
                assert server.post("[1]", f"/predictions/{model}").text == "[2]"
            server.stop(signal.SIGKILL)
            wait_until(lambda: operator.run("list")[0] != 0, "the server's end")
