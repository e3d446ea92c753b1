"""The contenders that serve a network, and the request formats of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from scripts.bench.lineup import BASELINE, CORES, SELF, Contender, fastapi, named
from scripts.bench.networks import Network
from scripts.bench.tensor_formats import TensorFormat, lists, v2, v2_binary


class Entry(NamedTuple):
    """A contender and its formats; the first one is also used to check that it responds."""

    contender: Contender
    formats: Sequence[TensorFormat]


def entries(network: Network) -> list[Entry]:
    """Return all contenders for a network."""
    infer = "/v2/models/network/infer"
    return [
        _own(network),
        _fastapi(network, BASELINE, 1),
        _fastapi(network, f"{BASELINE}, {CORES} processes", CORES),
        _entry(
            network,
            # One thread, as in the networks of the other contenders.
            replace(
                named("LitServe"), variables={"MODEL": str(network.path), "OMP_NUM_THREADS": "1"}
            ),
            lists(network, "/predict"),
        ),
        _entry(
            network,
            replace(named("MLServer"), command=["{bin}/mlserver", "start", "{here}/network"]),
            v2(network, infer),
        ),
        _entry(
            network,
            replace(
                named("Triton (PyTriton)"),
                how="dynamic batches of up to 128 rows / 1 ms, a Python worker for each core",
                command=["{bin}/python", "{here}/network.py"],
                variables={"ROW": json.dumps(network.shape[1:])},
            ),
            v2(network, infer),
            v2_binary(network, infer),
        ),
    ]


def _entry(network: Network, contender: Contender, *formats: TensorFormat) -> Entry:
    variables = {**contender.variables, "NETWORK": str(network.path)}
    return Entry(
        replace(contender, variables=variables, path=formats[0].path, format=formats[0]), formats
    )


def _own(network: Network) -> Entry:
    own = named(SELF)
    return _entry(
        network,
        replace(
            own,
            how="`make archive` and `make serve`, requests merged along dimension 0",
            build=[*own.build, "--name", network.name, "--model", str(network.path)],
            command=[*own.command, "--name", network.name],
        ),
        lists(network, f"/predictions/{network.name}"),
        v2_binary(network, f"/v2/models/{network.name}/infer"),
    )


def _fastapi(network: Network, name: str, processes: int) -> Entry:
    how = f"uvicorn with uvloop and httptools, a `def` endpoint, processes: {processes}"
    return _entry(
        network,
        fastapi(name, how, processes, module="network"),
        lists(network, f"/{network.name}"),
    )
