"""The model fails on one request: the others of its batch still get their responses."""

from __future__ import annotations

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
import torch
from torch import Tensor, nn
from tritonclient.grpc import service_pb2

from scripts.model import archiver
from tests.faults import attacks, fuzzer
from tests.faults.conftest import Report, wait_for_all_workers
from tests.faults.test_floods import SENDERS, send
from tests.support.load import Load
from tests.support.server import Server

SECONDS = 4.0
SPECIAL = -13


class Failing(nn.Module):
    """Doubles the numbers, but fails in one of several ways if -13 is among them."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.way = way

    def forward(self, numbers: Tensor) -> Tensor:
        if not bool((numbers == -13).any()):
            return numbers * 2
        if self.way == "complex numbers":
            return torch.complex(numbers.double(), numbers.double())
        if self.way == "no numbers":
            return numbers[:0]
        if self.way == "forty dimensions":
            return numbers.reshape([1] * 40 + [-1])
        raise ValueError("13 brings bad luck")


def special(pick: random.Random) -> bytes:
    """Return a request with the number that the model fails on, in any format."""
    numbers = [pick.choice((SPECIAL, 1)) for _ in range(pick.randrange(5))] + [SPECIAL]
    tensor = f'{{"name":"numbers","shape":[{len(numbers)}],"datatype":"INT64","data":{numbers}}}'
    bodies = (f"{numbers}", f'{{"instances":[{numbers}, 1]}}', f'{{"inputs":[{tensor}]}}')
    return attacks.http(pick.choice(bodies).encode(), attacks.JSON)


@pytest.mark.parametrize("what", ["complex numbers", "an error", "no numbers", "forty dimensions"])
def test_a_model_that_fails_on_one_request(tmp_path: Path, report: Report, what: str) -> None:
    file = tmp_path / "doubleit.pt"
    torch.jit.save(torch.jit.script(Failing(what).eval()), str(file))
    archiver.package(file, "doubleit", "1.0", archiver.CONFIG, tmp_path)
    with Server(tmp_path, tmp_path / "log") as server:
        wait_for_all_workers(server)
        workers, port = server.worker_pids(), server.ports["PORT"]
        with Load(port) as load, ThreadPoolExecutor(SENDERS) as pool:
            until = time.monotonic() + SECONDS
            futures = [pool.submit(send, port, special, n, until) for n in range(SENDERS)]
            outcomes = sum((future.result()[0] for future in futures), Counter[str]())
            load.settle(1)
        assert server.worker_pids() == workers
    counts = ", ".join(f"{count} {what}" for what, count in outcomes.most_common())
    report(f"a model that answers one request with {what}", load, None, counts)
    assert load.failures == []
    assert set(outcomes) <= {"400", "500", "200"}


SERVICE = "org.pytorch.serve.grpc.inference.InferenceAPIsService"
PATHS = (
    *("/inference.GRPCInferenceService/ModelInfer",) * 3,
    *(f"/{SERVICE}/Predictions", f"/{SERVICE}/StreamPredictions"),
)


def test_a_flood_over_grpc(store: Path, tmp_path: Path, report: Report) -> None:
    pick, outcomes = random.Random(1), Counter[str]()
    with Server(store, tmp_path / "log") as server:
        wait_for_all_workers(server)
        workers = server.worker_pids()
        address = f"127.0.0.1:{server.ports['GRPC_PORT']}"
        with Load(server.ports["PORT"]) as load, grpc.insecure_channel(address) as channel:
            until = time.monotonic() + SECONDS
            while time.monotonic() < until or not outcomes["answered"]:
                path, (message, right) = pick.choice(PATHS), fuzzer.message(pick)
                right = right if path == PATHS[0] else None
                try:
                    (answer, *_) = channel.unary_stream(path)(message, timeout=20)
                    outcomes["answered"] += 1
                except grpc.RpcError as error:
                    assert right is None, error
                    outcomes[error.code().name] += 1
                    continue
                if right is not None:
                    response = service_pb2.ModelInferResponse.FromString(answer)
                    assert (response.id, response.raw_output_contents[:]) == ("7", [right])
            load.settle(1)
        assert server.worker_pids() == workers
    counts = ", ".join(f"{count} {what}" for what, count in outcomes.most_common())
    report("odd messages over gRPC", load, None, counts)
    assert load.failures == []
    assert outcomes["answered"] > 0
    assert outcomes["DEADLINE_EXCEEDED"] == 0
