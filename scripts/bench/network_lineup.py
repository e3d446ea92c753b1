"""The contenders that serve a network, and the request formats of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from scripts.bench.lineup import BASELINE, CORES, SELF, Contender
from scripts.bench.networks import Network
from scripts.bench.tensor_forms import TensorForm, lists, v2, v2_binary
from scripts.store.paths import ROOT


class Entry(NamedTuple):
    """A contender and its formats; the first one is also used to check that it responds."""

    contender: Contender
    forms: Sequence[TensorForm]


def entries(network: Network) -> list[Entry]:
    """Return all contenders for a network."""
    return [
        _own(network),
        _fastapi(network, BASELINE, 1),
        _fastapi(network, f"{BASELINE}, {CORES} processes", CORES),
        _entry(
            network,
            Contender(
                name="LitServe",
                how="batches of up to 64 / 1 ms, a worker and an API server for each core",
                folder="litserve",
                command=["{bin}/python", "{here}/network.py"],
            ),
            lists(network, "/predict"),
        ),
        _entry(
            network,
            Contender(
                name="MLServer",
                how="adaptive batches of up to 64 / 1 ms",
                folder="mlserver",
                command=["{bin}/mlserver", "start", "{here}/network"],
                variables={
                    "MLSERVER_HTTP_PORT": "{PORT}",
                    "MLSERVER_GRPC_PORT": "{GRPC_PORT}",
                    "MLSERVER_METRICS_PORT": "{METRICS_PORT}",
                },
            ),
            v2(network, "/v2/models/network/infer"),
        ),
        _entry(
            network,
            Contender(
                name="Triton (PyTriton)",
                how="dynamic batches of up to 128 rows / 1 ms, a Python worker for each core",
                folder="pytriton",
                command=["{bin}/python", "{here}/network.py"],
                variables={"ROW": json.dumps(network.shape[1:])},
                # As in lineup.py: Triton's Python backend needs an early 3.11.
                python="/usr/bin/python3.11",
            ),
            v2(network, "/v2/models/network/infer"),
            v2_binary(network, "/v2/models/network/infer"),
        ),
    ]


def _entry(network: Network, contender: Contender, *forms: TensorForm) -> Entry:
    variables = {**contender.variables, "NETWORK": str(network.path)}
    return Entry(replace(contender, variables=variables, path=forms[0].path, form=forms[0]), forms)


def _own(network: Network) -> Entry:
    archive = ["-m", "scripts.model.archiver", "--store", "{work}"]
    return _entry(
        network,
        Contender(
            name=SELF,
            how="`make archive` and `make serve`, requests merged along dimension 0",
            folder="",
            build=[
                *("env", "-C", str(ROOT), "{bin}/python", *archive),
                *("--name", network.name, "--model", str(network.path)),
            ],
            command=["{bin}/python", "-m", "scripts.server", "--name", network.name],
            variables={"PYTHONPATH": str(ROOT), "MODEL_STORE": "{work}"},
        ),
        lists(network, f"/predictions/{network.name}"),
        v2_binary(network, f"/v2/models/{network.name}/infer"),
    )


def _fastapi(network: Network, name: str, processes: int) -> Entry:
    options = "--host 127.0.0.1 --loop uvloop --http httptools --no-access-log"
    return _entry(
        network,
        Contender(
            name=name,
            how=f"uvicorn with uvloop and httptools, a `def` endpoint, processes: {processes}",
            folder="fastapi",
            command=[
                *("{bin}/uvicorn", "network:app", "--app-dir", "{here}", "--port", "{PORT}"),
                *(*options.split(), "--workers", str(processes)),
            ],
        ),
        lists(network, f"/{network.name}"),
    )
