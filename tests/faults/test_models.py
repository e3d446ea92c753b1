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

from scripts.model import archiver
from tests.faults import attacks
from tests.faults.conftest import Report, wait_for_all_workers
from tests.faults.test_floods import SENDERS, send
from tests.support.load import Load
from tests.support.server import Server

SECONDS = 4.0
SPECIAL = -13


class ComplexModel(nn.Module):
    """Doubles the numbers, but returns complex numbers if -13 is among them."""

    def forward(self, numbers: Tensor) -> Tensor:
        if bool((numbers == -13).any()):
            return torch.complex(numbers.double(), numbers.double())
        return numbers * 2


class Raising(nn.Module):
    """Doubles the numbers, but raises if -13 is among them."""

    def forward(self, numbers: Tensor) -> Tensor:
        if bool((numbers == -13).any()):
            raise ValueError("13 brings bad luck")
        return numbers * 2


class Shortening(nn.Module):
    """Doubles the numbers, but returns none if -13 is among them."""

    def forward(self, numbers: Tensor) -> Tensor:
        return numbers[:0] if bool((numbers == -13).any()) else numbers * 2


class ManyDimensions(nn.Module):
    """Doubles the numbers, but returns forty dimensions if -13 is among them."""

    def forward(self, numbers: Tensor) -> Tensor:
        if bool((numbers == -13).any()):
            return numbers.reshape([1] * 40 + [-1])
        return numbers * 2


def special(pick: random.Random) -> bytes:
    """Return a request with the number that the model fails on, in any format."""
    numbers = [pick.choice((SPECIAL, 1)) for _ in range(pick.randrange(5))] + [SPECIAL]
    tensor = f'{{"name":"numbers","shape":[{len(numbers)}],"datatype":"INT64","data":{numbers}}}'
    bodies = (f"{numbers}", f'{{"instances":[{numbers}, 1]}}', f'{{"inputs":[{tensor}]}}')
    return attacks.http(pick.choice(bodies).encode(), attacks.JSON)


MODELS: dict[str, type[nn.Module]] = {
    "complex numbers": ComplexModel,
    "an error": Raising,
    "no numbers": Shortening,
    "forty dimensions": ManyDimensions,
}


@pytest.mark.parametrize("what", MODELS)
def test_a_model_that_fails_on_one_request(tmp_path: Path, report: Report, what: str) -> None:
    file = tmp_path / "doubleit.pt"
    torch.jit.save(torch.jit.script(MODELS[what]().eval()), str(file))
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


def field(number: int, content: bytes) -> bytes:
    """Return a protobuf field of bytes or text."""
    size, length = len(content), bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *length, size]) + content


SERVICE = "org.pytorch.serve.grpc.inference.InferenceAPIsService"
OPEN_INFERENCE = "inference.GRPCInferenceService"


def message(pick: random.Random) -> bytes:
    """Return a gRPC message with an unusual body or name, or random bytes."""
    body = pick.choice((b"[1]", b"", b"[1", b"{", b"\xff" * 1_000, b"[%b1]" % (b"1," * 100_000)))
    key = pick.choice((b"data", b"body", b"", b"x" * 1_000, b"\xc3\xa9"))
    entry = field(1, key) + field(2, body)
    name = pick.choice((b"doubleit", b"doubleit", b"other", b"", b"x" * 10_000))
    whole = field(1, name) + field(3, entry) * pick.choice((0, 1, 1, 2, 50))
    tensor = field(1, b"x") + field(2, pick.choice((b"INT64", b"FP32", b"BOOL", b"BYTES", b"")))
    tensor += field(3, pick.choice((b"\1", b"\2", b"", b"\xff"))) + field(5, field(3, b"\1"))
    open_inference = field(1, name) + field(5, tensor) * pick.choice((1, 1, 2, 10_000))
    open_inference += field(7, b"12345678") * pick.choice((0, 0, 1, 10_000))
    whole = pick.choice((whole, open_inference))
    return pick.choice((whole, whole, whole[: len(whole) // 2], pick.randbytes(100)))


def test_a_flood_over_grpc(store: Path, tmp_path: Path, report: Report) -> None:
    pick, outcomes = random.Random(1), Counter[str]()
    with Server(store, tmp_path / "log") as server:
        wait_for_all_workers(server)
        workers = server.worker_pids()
        address = f"127.0.0.1:{server.ports['GRPC_PORT']}"
        with Load(server.ports["PORT"]) as load, grpc.insecure_channel(address) as channel:
            until = time.monotonic() + SECONDS
            while time.monotonic() < until or not outcomes["answered"]:
                path = pick.choice(
                    (
                        f"/{SERVICE}/Predictions",
                        f"/{SERVICE}/StreamPredictions",
                        f"/{OPEN_INFERENCE}/ModelInfer",
                    )
                )
                call = channel.unary_stream(path)
                try:
                    list(call(message(pick), timeout=20))
                    outcomes["answered"] += 1
                except grpc.RpcError as error:
                    outcomes[error.code().name] += 1
            load.settle(1)
        assert server.worker_pids() == workers
    counts = ", ".join(f"{count} {what}" for what, count in outcomes.most_common())
    report("odd messages over gRPC", load, None, counts)
    assert load.failures == []
    assert outcomes["answered"] > 0
    assert outcomes["DEADLINE_EXCEEDED"] == 0
