"""Several models on one server: registered, rolled out and removed."""

import json
from unittest.mock import patch

import requests

from tests.support.operators import Operator
from tests.support.wait import wait_until


def test_a_model_comes_with_its_first_version_and_goes_with_its_last(only_one: Operator) -> None:
    other = ("--name", "other")
    url = "/predictions/other"
    assert only_one.server.post("[1]", url).status_code == 404
    assert only_one.do(*other, "register", "1.0") == "other 1.0 is ready, with 1 worker\n"
    assert only_one.models() == ["doubleit", "other"]
    assert only_one.do(*other, "rollout", "2.0").splitlines()[1:3] == [
        "other 2.0 responds to 9 smoke requests as 1.0 does",
        "other 2.0 is the default",
    ]
    assert only_one.server.post("[1]", url).text == "[2]"
    assert only_one.record("other") == {
        "default": "2.0",
        "previous": "1.0",
        "versions": {"1.0": {"workers": 1}, "2.0": {"workers": 1}},
    }
    headings = [line.split()[0] for line in only_one.do("list").splitlines() if "workers" in line]
    assert headings == ["doubleit", "other"]
    assert only_one.refused(*other, "unregister", "2.0").startswith("2.0 is the default")

    only_one.do(*other, "unregister", "1.0")
    assert json.loads(only_one.do(*other, "unregister", "2.0", "--json"))["versions"] == []
    assert only_one.models() == ["doubleit"]
    assert not (only_one.store / "other.json").exists()
    assert only_one.server.post("[1]", url).status_code == 404
    assert only_one.refused(*other, "list").endswith(" has no model other; it has doubleit")


def test_a_first_version_is_rolled_out_and_a_url_without_a_name_stays_with_the_first_model(
    only_one: Operator,
) -> None:
    assert only_one.do("--name", "other", "rollout", "1.0", "--workers", "2").splitlines() == [
        "other 1.0 is ready, with 2 workers",
        "other 1.0 is the default",
    ]
    assert only_one.record("other")["versions"] == {"1.0": {"workers": 2}}
    only_one.do("rollout", "2.0", "--retire")
    named = '{"inputs": [{"name": "x", "shape": [1], "datatype": "INT64", "data": [1]}]}'
    for url, model in (
        ("/invocations", ("doubleit", "2.0")),
        ("/invocations?x=1", ("doubleit", "2.0")),
        ("/invocations?model_name=other", ("other", "1.0")),
    ):
        answer = only_one.server.post(named, url).json()
        assert (answer["model_name"], answer["model_version"]) == model
    only_one.do("rollout", "1.0", "--retire")


def test_without_space_in_the_store_nothing_is_changed(only_one: Operator) -> None:
    message = f"cannot write to {only_one.store}: No space left on device"
    with patch("os.fsync", side_effect=OSError(28, "No space left on device")):
        assert only_one.refused("--name", "other", "register", "1.0") == message
        assert only_one.refused("rollout", "2.0") == message
    assert only_one.models() == ["doubleit"]
    assert list(only_one.store.glob("*.json")) == []


def test_a_model_that_only_its_record_has_is_not_registered(only_one: Operator) -> None:
    record = only_one.store / "other.json"
    record.write_text('{"default": "2.0", "previous": null, "versions": {"2.0": {"workers": 1}}}')
    message = only_one.refused("--name", "other", "register", "1.0")
    assert message == (
        f"the server has no model other, but {record} names versions of it: restart the server to "
        "load them, or remove that file"
    )
    assert only_one.record("other")["default"] == "2.0"
    assert only_one.models() == ["doubleit"]


def test_a_killed_registration_is_completed_by_the_next_command(only_one: Operator) -> None:
    process = only_one.start("--name", "other", "register", "1.0")
    wait_until(lambda: only_one.models() == ["doubleit", "other"], "the registration")
    process.kill()
    process.communicate()
    assert only_one.refused("--name", "other", "register", "1.0") == (
        "version 1.0 is already registered"
    )
    assert only_one.record("other")["versions"] == {"1.0": {"workers": 1}}


def test_more_workers_than_the_memory_holds_are_refused(only_one: Operator) -> None:
    only_one.do("rollout", "2.0")
    lack = "1024 MiB do not hold {} workers, those of all models and versions together: "
    more = ("--name", "other", "register", "1.0", "--workers", "99")
    assert lack.format(101) in only_one.refused(*more)
    assert lack.format(100) in only_one.refused("scale", "2.0", "99")
    url = f"{only_one.server.management}/models"
    for method, path, status in (
        ("PUT", "/doubleit?min_worker=99", 507),
        # What does not exist is TorchServe's to refuse.
        ("PUT", "/none?min_worker=99", 404),
        ("PUT", "/doubleit/9.9?min_worker=99", 404),
        ("PUT", "?min_worker=99", 405),
    ):
        answer = requests.request(method, url + path, timeout=60)
        assert answer.status_code == status, answer.text
    assert only_one.versions() == ("2.0", ["1.0", "2.0"])
    assert [len(version["workers"]) for version in only_one.server.describe()] == [1, 1]
