"""MLServer's types and codecs, which many V2 clients use."""

import json
from pathlib import Path

from tests.contract.test_kserve import environment, printed
from tests.support.containers import output
from tests.support.server import Server


def test_its_codecs_get_every_datatype_doubled(server: Server) -> None:
    got = json.loads(printed("mlserver", "mlserver_client.py", server.url))
    assert got.pop("request") == [[1.0], [4.0]]
    assert len(got) == 9
    for dtype, answer in got.items():
        assert answer == [dtype, dtype, [[0, 2, 4], [6, 8, 10]]]


def test_its_command_line(server: Server, tmp_path: Path) -> None:
    tensor = {"name": "x", "shape": [2], "datatype": "INT64"}
    requests = [{"id": str(n), "inputs": [{**tensor, "data": [n, 0]}]} for n in range(20)]
    (tmp_path / "in").write_text("".join(f"{json.dumps(each)}\n" for each in requests))
    program, address = environment("mlserver") / "mlserver", server.url.removeprefix("http://")
    files = ("-i", f"{tmp_path}/in", "-o", f"{tmp_path}/out")
    output([str(program), "infer", "-u", address, "-m", "doubleit", *files])
    answers = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    doubled = sorted(answer["outputs"][0]["data"] for answer in answers)
    assert doubled == [[2 * n, 0] for n in range(20)]
