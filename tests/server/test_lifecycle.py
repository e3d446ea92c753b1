"""Start, failure, recovery and stop of a real server."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Self

import psutil
import pytest
import requests

from server import processes
from server.drain import ABANDONED_MS
from server.store.paths import ROOT
from tests.support import raw
from tests.support.measuring import COVERAGE
from tests.support.server import ANNOUNCEMENT, Server
from tests.support.wait import wait_until


def gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


class Unread(Server):
    """A server whose output goes to a pipe that nobody reads once it is ready."""

    def start(self) -> Self:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return self

    def wait_ready(self) -> Self:
        assert self.process.stdout
        announcement = f"{ANNOUNCEMENT}{self.predictions}"
        assert any(announcement in line.decode() for line in self.process.stdout)
        return self


def test_a_signal_ends_everything_soon_while_connections_are_idle_and_nobody_reads_the_log(
    store: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    # A short name, because the path of the workers' sockets is limited.
    temp = tmp_path_factory.mktemp("t")
    environment = {"TMPDIR": str(temp), "ACCESS_LOG": "info", **COVERAGE}
    with (
        Unread(store, tmp_path / "log", environment=environment) as server,
        requests.Session() as session,
        raw.connect(server.ports["PORT"]) as client,
    ):
        assert server.process.stdout
        pids = [server.java_pid(), *server.worker_pids()]
        assert len(pids) >= 2
        assert list(temp.glob("torchserve-*/.ts.sock.*"))
        # The pipe holds some 400 lines.
        for _ in range(800):
            assert session.post(server.predictions, data="[1]", timeout=10).ok
        # Beside this idle connection, one with a part of a request and no more.
        client.sendall(b"POST /predictions/doubleit HTTP/1.1\r\n")
        time.sleep(ABANDONED_MS / 1000)
        began = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 5
        wait_until(lambda: gone(pids), "the end of all processes")
        assert list(temp.iterdir()) == []
        server.process.stdout.close()


def test_a_dead_java_process_ends_the_command(store: Path, tmp_path: Path) -> None:
    with Server(store, tmp_path / "log", environment=COVERAGE) as server:
        workers = server.worker_pids()
        os.kill(server.java_pid(), signal.SIGKILL)
        assert server.process.wait(60) == 1
        assert "serve: TorchServe exited unexpectedly with status -9" in server.output()
        wait_until(lambda: gone(workers), "the end of the workers")


def test_a_killed_supervisor_leaves_nothing_behind_and_no_other_server_notices(
    store: Path,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    temp = tmp_path_factory.mktemp("t")
    with Server(store, tmp_path / "log", environment={"TMPDIR": str(temp)}) as killed:
        assert killed.post("[1]").text == "[2]"
        pids = [killed.java_pid(), *killed.worker_pids()]
        (folder,) = temp.iterdir()
        monkeypatch.setattr("tempfile.tempdir", str(temp))

        def next_start() -> Path:
            for path in (folder, temp / "torchserve-of-a-person"):
                path.mkdir(exist_ok=True)
                os.utime(path, (0, 0))
            with processes.temporary_folder() as own:
                return own if folder.exists() else folder

        # It is old, but locked.
        assert next_start() != folder
        if shutil.which("systemd-tmpfiles"):
            (temp / "unlocked").mkdir()
            (temp / "unlocked" / "file").touch()
            (tmp_path / "sweep.conf").write_text(f"e {temp} - - - 1s\n")
            files = {*folder.glob("**/*")}

            def swept() -> bool:
                subprocess.run(["systemd-tmpfiles", "--clean", tmp_path / "sweep.conf"], check=True)
                return not (temp / "unlocked" / "file").exists()

            wait_until(swept, "the removal of a file that is a second old")
            assert files <= {*folder.glob("**/*")}
            shutil.rmtree(temp / "unlocked", ignore_errors=True)
        killed.stop(signal.SIGKILL)
        wait_until(lambda: gone(pids), "the end of all processes")
        assert next_start() == folder
    with processes.temporary_folder() as own:
        assert {*temp.iterdir()} == {own, temp / "torchserve-of-a-person"}
    assert server.post("[1]").text == "[2]"


def test_what_is_arriving_and_what_is_being_read_slowly_arrives_whole(
    store: Path, tmp_path: Path
) -> None:
    count = 2_000_000
    large = b"[" + b",".join([b"12345"] * count) + b"]"
    late = raw.request(b"[" + b"1," * 500 + b"1]")
    with (
        Server(store, tmp_path / "log", environment={"MEMORY": "8GiB"}) as server,
        raw.connect(server.ports["PORT"]) as reader,
        raw.connect(server.ports["PORT"]) as writer,
    ):
        reader.sendall(raw.request(large))
        received = reader.recv(1 << 16)
        writer.sendall(late[:200])
        server.process.send_signal(signal.SIGHUP)
        for start in range(200, len(late), 200):
            time.sleep(0.5)
            writer.sendall(late[start : start + 200])
            received += reader.recv(1 << 18)
        assert raw.ask(writer).status == 200
        while chunk := reader.recv(1 << 18):
            received += chunk
        assert server.process.wait(10) == 0
    head, _, content = received.partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0]
    assert content.count(b"24690") == count


def test_a_stop_of_stopped_processes_takes_less_than_ten_seconds(
    store: Path, tmp_path: Path
) -> None:
    with Server(store, tmp_path / "log") as server:
        stopped = [psutil.Process(server.java_pid()), server.fork_server()]
        for process in stopped:
            process.suspend()
        began = time.monotonic()
        assert server.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began < 10
        wait_until(lambda: gone([process.pid for process in stopped]), "the end of both")
