"""scripts/deploy/infra_setup.sh --key: the key is stored in GitHub and nowhere else."""

import os
import signal

import pytest

from tests.iac.workplace import Workplace
from tests.support.wait import wait_until


def test_a_key_of_each_deployer_goes_to_github_once_and_its_file_is_deleted(
    workplace: Workplace,
) -> None:
    workplace.run("infra_setup.sh")
    assert not any("keys" in call or "secret" in call for call in workplace.calls())
    printed = workplace.run("infra_setup.sh", "--key")
    assert "A-PRIVATE-KEY" not in printed
    assert "A-PRIVATE-KEY" in workplace.github("GCP_CREDENTIALS", "dev")
    assert "A-PRIVATE-KEY" in workplace.github("GCP_CREDENTIALS", "prod")
    accounts = [call.split()[7] for call in workplace.calls() if "keys create" in call]
    assert accounts == ["the-deployer_dev", "the-deployer_prod"]
    assert workplace.valid_keys() == ["key-0123abc"]
    assert workplace.key_files() == []
    workplace.forget_calls()
    workplace.run("infra_setup.sh", "--key")
    assert workplace.changes() == []


@pytest.mark.parametrize(
    ("failing", "message", "left"),
    [
        ("gh secret set", "the key was not stored: deleting it again", []),
        (
            "gh secret set\nkeys delete",
            "could not delete key 0123abc of the-deployer_dev",
            ["key-0123abc"],
        ),
    ],
)
def test_a_key_that_could_not_be_stored_is_deleted_or_named(
    workplace: Workplace, failing: str, message: str, left: list[str]
) -> None:
    workplace.fail(failing)
    workplace.run("infra_setup.sh", "--key", error=message)
    assert workplace.valid_keys() == left
    assert workplace.key_files() == []


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_run_leaves_no_key(
    workplace: Workplace, number: signal.Signals, status: int
) -> None:
    (workplace.cloud / "hang").touch()
    with workplace.start("infra_setup.sh", "--key") as process:
        wait_until((workplace.cloud / "hanging").exists, "a gh that hangs")
        os.killpg(process.pid, number)
        process.communicate(timeout=60)
    assert process.returncode == status
    assert workplace.valid_keys() == []
    assert list(workplace.tmp.iterdir()) == []
