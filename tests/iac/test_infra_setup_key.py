"""scripts/deploy/infra_setup.sh --key: the key is stored in GitHub and nowhere else."""

import signal

import pytest

from tests.iac.workplace import Workplace


def test_a_key_of_each_deployer_goes_to_github_once_and_its_file_is_deleted(
    workplace: Workplace,
) -> None:
    workplace.run("infra_setup.sh")
    assert not any("keys" in call or "secret" in call for call in workplace.calls())

    first = workplace.run("infra_setup.sh", "--key")

    assert first.returncode == 0, first.stderr
    assert "A-PRIVATE-KEY" in workplace.github("GCP_CREDENTIALS", "dev")
    assert "A-PRIVATE-KEY" in workplace.github("GCP_CREDENTIALS", "prod")
    accounts = [call.split()[7] for call in workplace.calls() if "keys create" in call]
    assert accounts == ["the-deployer_dev", "the-deployer_prod"]
    assert workplace.valid_keys() == ["key-0123abc"]
    assert workplace.key_files() == []
    assert "A-PRIVATE-KEY" not in first.stdout + first.stderr
    workplace.forget_calls()

    second = workplace.run("infra_setup.sh", "--key")

    assert second.returncode == 0, second.stderr
    assert workplace.changes() == []


def test_a_key_that_could_not_be_stored_is_deleted_here_and_in_the_cloud(
    workplace: Workplace,
) -> None:
    workplace.fail("gh secret set")

    done = workplace.run("infra_setup.sh", "--key")

    assert done.returncode != 0
    assert any("keys delete 0123abc" in call for call in workplace.calls())
    assert workplace.valid_keys() == []
    assert workplace.key_files() == []


def test_a_key_that_could_not_be_deleted_is_named(workplace: Workplace) -> None:
    workplace.fail("gh secret set\nkeys delete")

    done = workplace.run("infra_setup.sh", "--key")

    assert done.returncode != 0
    assert "could not delete key 0123abc of the-deployer_dev" in done.stderr
    assert workplace.key_files() == []


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_run_leaves_no_key(
    workplace: Workplace, number: signal.Signals, status: int
) -> None:
    assert workplace.interrupt_when_hanging("infra_setup.sh", number, "--key") == status

    assert workplace.valid_keys() == []
    assert workplace.key_files() == []
    assert list(workplace.tmp.iterdir()) == []
