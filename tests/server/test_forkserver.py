"""Forked workers must behave like separate Python processes."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import psutil
import pytest

from server.torchserve.workers import forkserver
from server.torchserve.workers.pool import Workers
from tests.support.measuring import COVERAGE
from tests.support.wait import wait_until

# A program with the name of TorchServe's worker that reports its environment.
PROGRAM = """
import json, os, sys
import helper
print(json.dumps({
    "arguments": sys.argv[1:], "folder": os.getcwd(), "colour": os.environ.get("COLOUR"),
    "path": sys.path[0], "helper": helper.__file__, "main": __name__, "pid": os.getpid(),
    "torch": "torch" in sys.modules, "file": sys.modules["__main__"].__file__, "in": input(),
    "random": [
        draw() for module, draw in (
            ("random", lambda: sys.modules["random"].random()),
            ("numpy", lambda: sys.modules["numpy"].random.random()),
            ("torch", lambda: sys.modules["torch"].rand(1).item()),
        ) if module in sys.modules
    ],
}), flush=True)
print("an error", file=sys.stderr)
if sys.argv[-1] == "wait":
    import time
    time.sleep(60)
sys.exit(int(sys.argv[-1]))
"""


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workers]:
    with Workers(tmp_path_factory.mktemp("w"), {"COLOUR": "red", **COVERAGE}) as workers:
        yield workers


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "model_service_worker.py"
    path.write_text(PROGRAM)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "helper.py").touch()
    return path


def start(workers: Workers, program: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a worker as TorchServe does."""
    archive, pipe = program.parent / "archive", subprocess.PIPE
    own = {"COLOUR": "blue", "PYTHONPATH": f"{archive}:"}
    return subprocess.Popen(
        [workers.python, program, *arguments],
        cwd=archive,
        env={**os.environ, **workers.variables, **own},
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    )


def test_a_fork_is_what_was_asked_for(workers: Workers, program: Path) -> None:
    process = start(workers, program, "--sock-type", "unix", "7")
    said, error = process.communicate("a line\n", timeout=60)
    seen, archive = json.loads(said), program.parent / "archive"
    drawn, pid = seen.pop("random"), seen.pop("pid")
    assert seen == {
        "arguments": ["--sock-type", "unix", "7"],
        "folder": str(archive),
        "colour": "blue",
        "path": str(archive),
        "helper": str(archive / "helper.py"),
        "main": "__main__",
        "torch": True,
        "file": str(program),
        "in": "a line",
    }
    assert (error, process.returncode) == ("an error\n", 7)
    assert pid != process.pid
    # Other forks draw other numbers from Python's, NumPy's and PyTorch's generator.
    for _ in range(2):
        said, _ = start(workers, program, "0").communicate("\n", timeout=60)
        drawn += json.loads(said)["random"]
    assert len(set(drawn)) == len(drawn) == 9


# Fails without what the fork server imports later.
CONVOLUTION = """
import torch
image = torch.ones(1, 1, 2, 2, device="meta")
print([*torch.nn.functional.conv2d(image, image).shape])
"""


@pytest.mark.parametrize("file", ["model.pt2", "code/preprocess.py", "handler.py"])
def test_all_of_pytorch_is_imported_for_the_first_archive_that_may_use_it(
    tmp_path: Path, program: Path, file: str
) -> None:
    program.write_text(CONVOLUTION)
    archive = program.parent / "archive"
    ours = archive / "wire"
    ours.mkdir()
    with Workers(tmp_path, COVERAGE) as workers:
        _, error = start(workers, program).communicate(timeout=60)
        assert "NotImplementedError" in error
        if file == "handler.py":
            ours.rmdir()
        else:
            (archive / file).parent.mkdir(exist_ok=True)
            (archive / file).touch()
        said, error = start(workers, program).communicate(timeout=60)
        assert (said, error) == ("[1, 1, 1, 1]\n", "")


def waiting(workers: Workers, program: Path) -> tuple[subprocess.Popen[str], int]:
    """Start a worker that keeps running; return its launcher, and the worker's process id."""
    process = start(workers, program, "wait")
    assert process.stdin
    assert process.stdout
    process.stdin.write("\n")
    process.stdin.flush()
    return process, json.loads(process.stdout.readline())["pid"]


def test_a_killed_worker_looks_killed_and_one_without_a_launcher_ends(
    workers: Workers, program: Path
) -> None:
    process, pid = waiting(workers, program)
    os.kill(pid, signal.SIGKILL)
    # The status that Java reports for a process killed for lack of memory; TorchServe handles it.
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGKILL
    process, pid = waiting(workers, program)
    # A stopped process behaves like a worker that hangs.
    os.kill(pid, signal.SIGSTOP)
    process.kill()
    process.communicate(timeout=60)
    wait_until(lambda: not psutil.pid_exists(pid), "the worker's end")


def test_a_worker_that_cannot_be_forked_costs_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = json.dumps({"arguments": [], "environment": {}, "folder": "/"}).encode()
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as launcher:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        launcher.connect(str(tmp_path / "s"))
        socket.send_fds(launcher, [len(order).to_bytes(4, "big")], [0, 1, 2])
        launcher.sendall(order)
        descriptors = len(list(Path("/proc/self/fd").iterdir()))
        server = forkserver.ForkServer(listener)
        with patch("os.fork", side_effect=BlockingIOError(11, "Resource temporarily unavailable")):
            assert server._accept() is None
        assert launcher.recv(1) == b""
        assert len(list(Path("/proc/self/fd").iterdir())) == descriptors + 1  # the selector's own
        server._selector.close()
    assert "cannot fork a worker: [Errno 11]" in capsys.readouterr().err


def test_a_client_that_sends_nothing_is_disconnected(workers: Workers, program: Path) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(workers.variables["FORKSERVER"])
        client.sendall(b"\x00\x00\x00\x02no")
        client.settimeout(10)
        assert client.recv(1) == b""
    assert start(workers, program, "0").communicate("\n", timeout=60)[0]


def test_without_a_fork_server_and_for_other_programs_it_is_python(
    workers: Workers, tmp_path: Path, program: Path
) -> None:
    environment = {**os.environ, **workers.variables}
    said = subprocess.check_output([workers.python, "-c", "print(6 * 7)"], env=environment)
    assert said == b"42\n"
    with Workers(tmp_path, {}) as ended:
        pass
    process = start(ended, program, "3")
    seen = json.loads(process.communicate("a line\n", timeout=60)[0])
    assert (seen["pid"], seen["in"], seen["torch"]) == (process.pid, "a line", False)
    assert process.returncode == 3
