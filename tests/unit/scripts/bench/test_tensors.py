"""Requests for networks, and the report."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.bench.lineup import BASELINE, SELF
from scripts.bench.network_lineup import entries
from scripts.bench.networks import CNN, MLP, NETWORKS, Network
from scripts.bench.results import Results, Sample, Turn
from scripts.bench.tensor_formats import TensorFormat, lists, v2, v2_binary
from scripts.bench.tensor_report import BEGIN, END, goals, report, write

FORMATS = [lists(MLP, "/"), v2(MLP, "/"), v2_binary(MLP, "/")]


def answer(tensor_format: TensorFormat, output: np.ndarray) -> bytes:
    """Return a response body in the format."""
    if tensor_format.name == "binary":
        return b'{"outputs": []}' + output.astype(np.float32).tobytes()
    listed = output.tolist()
    return json.dumps(
        listed
        if isinstance(json.loads(tensor_format.content), list)
        else {"outputs": [{"data": listed}]}
    ).encode()


@pytest.mark.parametrize("tensor_format", FORMATS)
def test_the_networks_own_output_is_right_and_another_is_not(tensor_format: TensorFormat) -> None:
    assert tensor_format.mistake([], answer(tensor_format, MLP.output)) == ""
    assert "is not the output of mlp" in tensor_format.mistake(
        [], answer(tensor_format, MLP.output + 0.1)
    )
    assert "does not have the expected format" in tensor_format.mistake(
        [], answer(tensor_format, MLP.output[1:])
    )


@pytest.mark.parametrize("tensor_format", FORMATS)
def test_every_format_carries_the_same_numbers(tensor_format: TensorFormat) -> None:
    if tensor_format.name == "binary":
        head = int(tensor_format.headers["Inference-Header-Content-Length"])
        got = np.frombuffer(tensor_format.content[head:], np.float32)
    else:
        body = json.loads(tensor_format.content)
        got = np.asarray(body if isinstance(body, list) else body["inputs"][0]["data"])
    assert np.array_equal(got.ravel().astype(np.float32), MLP.input.ravel())


@pytest.mark.parametrize("network", NETWORKS)
def test_each_server_serves_the_network(network: Network, tmp_path: Path) -> None:
    network.path = tmp_path / f"{network.name}.pt"
    network.build()
    found = entries(network)
    assert found[0].contender.name == SELF
    assert [tensor_format.name for tensor_format in found[0].formats] == ["JSON", "binary"]
    for entry in found:
        assert entry.contender.variables["NETWORK"] == str(network.path)
        assert entry.contender.format.mistake([], b"[]")


def turn(**per_second: float) -> Turn:
    """Return a turn with the given requests per second for each format."""
    samples = {
        tensor_format: Sample(rate, 0, 1, 2, 3, 100) for tensor_format, rate in per_second.items()
    }
    return Turn(1, 100, samples)


RESULTS = Results(
    {"machine": "a machine"},
    [
        {
            SELF: turn(JSON=200, binary=900),
            BASELINE: turn(JSON=100),
            "Triton (PyTriton)": turn(JSON=150, binary=450),
        }
    ],
    {"Another": "it has no wheel"},
)


def test_the_goals_are_against_the_strongest_of_the_others() -> None:
    found = {goal.what: (goal.note, goal.got.median) for goal in goals(CNN, RESULTS) if goal.got}
    assert found == {
        "cnn: requests/s, JSON against the best JSON": ("Triton (PyTriton)", 200 / 150),
        "cnn: requests/s, binary against the best binary": ("Triton (PyTriton)", 2),
        "cnn: requests/s, binary against the best JSON": (SELF, 4.5),
    }


def test_the_report_has_a_table_for_each_network_and_goes_between_its_markers(
    tmp_path: Path,
) -> None:
    text = report({CNN: RESULTS, MLP: RESULTS})
    assert text.count("200 (2.0x)") == 2
    assert text.count("Not measured: Another: it has no wheel.") == 2
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\n{END}\nafter\n")
    write(page, text)
    assert text in page.read_text()
