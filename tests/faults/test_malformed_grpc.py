"""Malformed gRPC messages end with the code for a mistake, and have no other effect."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tests.faults import fuzzer, test_malformed
from tests.faults.test_malformed import BODIES, PATIENCE_SECONDS, SEED, SENDERS
from tests.support.load import Load
from tests.support.server import Server

server = test_malformed.server


@pytest.mark.timeout(900)
def test_malformed_messages(server: Server) -> None:
    codes = Counter[str]()
    wrong: list[str] = []

    def send(seed: int) -> None:
        pick = random.Random(SEED * 1000 + seed)
        address = f"127.0.0.1:{server.ports['GRPC_PORT']}"
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            for _ in range(BODIES // 40 // SENDERS):
                sent, code, answer = fuzzer.call(pick), "OK", b""
                infer = channel.unary_unary(f"/inference.GRPCInferenceService/{sent.method}")
                compression = pick.choice((None, None, grpc.Compression.Gzip))
                try:
                    answer = infer(sent.message, PATIENCE_SECONDS, compression=compression)
                except grpc.RpcError as error:
                    code = error.code().name
                codes[code] += 1
                if mistake := fuzzer.judge_call(sent, code, answer):
                    wrong.append(f"{sent}: {mistake}")

    workers, java = server.worker_pids(), server.java_pid()
    with Load(server.ports["PORT"], clients=2) as load, ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(send, range(SENDERS)))
        load.settle()
    assert wrong == [], wrong[:20]
    assert load.failures == []
    assert (server.worker_pids(), server.java_pid()) == (workers, java)
    assert codes.keys() == {"OK", "INVALID_ARGUMENT", "NOT_FOUND"}
