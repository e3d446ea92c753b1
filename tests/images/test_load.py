"""The server's container under load, when its processes are killed, and when it stops.

The tests share one container; the last two restart and stop it."""

import json
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from server import memory
from tests.support.containers import Stack, inspect
from tests.support.server import JSON
from tests.support.wait import wait_until

# The largest body that the container of docker/compose.yaml accepts, with 1 GiB and two workers.
LARGEST_BYTES = memory.limits(1 << 30, workers=2).request


def workers(stack: Stack) -> list[int]:
    """Return the workers' process IDs inside the container."""
    code = (
        "import json, urllib.request as r\n"
        "found = json.load(r.urlopen('http://management-api:8081/models/doubleit'))\n"
        "print(json.dumps([w['pid'] for w in found[0]['workers'] if w['status'] == 'READY']))"
    )
    return [int(pid) for pid in json.loads(stack.python("server", code))]


def is_doubled(stack: Stack, numbers: list[float]) -> bool:
    url, body = f"{stack.url}/predictions/doubleit", json.dumps(numbers)
    answer = requests.post(url, data=body, headers=JSON, timeout=120)
    return answer.status_code == 200 and answer.json() == [2 * n for n in numbers]


def test_killed_workers_are_replaced_and_leave_no_zombie(own_server: Stack) -> None:
    before = workers(own_server)
    assert len(before) == 2
    own_server.execute("server", "sh", "-c", f"kill -9 {' '.join(map(str, before))}")

    def replaced() -> bool:
        after = workers(own_server)
        return len(after) == 2 and not set(after) & set(before)

    wait_until(replaced, "two other workers")
    assert is_doubled(own_server, [4])
    code = (
        "import glob\n"
        "print(sum(open(p).read().rsplit(')', 1)[1].split()[0] == 'Z'"
        " for p in glob.glob('/proc/[0-9]*/stat')))"
    )
    assert own_server.python("server", code) == "0"
    assert inspect(own_server.container("server"))["RestartCount"] == 0


def peak(stack: Stack) -> float:
    """Return the peak memory of the server's container in MiB, including its files in memory."""
    code = (
        "import pathlib\n"
        "v2, v1 = 'memory.peak', 'memory/memory.max_usage_in_bytes'\n"
        "found = [pathlib.Path('/sys/fs/cgroup') / name for name in (v2, v1)]\n"
        "print(next((path.read_text() for path in found if path.exists()), 'nan'))"
    )
    return float(stack.python("server", code)) / (1 << 20)


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(list(range(100_000)), id="integers-of-5-digits"),
        pytest.param([2**62 - 1 - n for n in range(100_000)], id="integers-of-19-digits"),
        pytest.param([-1 / (n + 3) for n in range(100_000)], id="fractions-of-17-digits"),
    ],
)
def test_1_gib_is_enough_for_32_requests_at_once_of_100_000_numbers_or_the_largest_size(
    own_server: Stack, numbers: list[float]
) -> None:
    fitting = min(1.0, 0.98 * LARGEST_BYTES / len(json.dumps(numbers)))
    numbers = numbers[: int(fitting * len(numbers))]
    before = workers(own_server)
    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(lambda _: is_doubled(own_server, numbers), range(96)))
    state = inspect(own_server.container("server"))
    assert (state["RestartCount"], state["State"]["OOMKilled"]) == (0, False)
    assert workers(own_server) == before
    print(f"{len(numbers)} numbers each, {peak(own_server):.0f} MiB at the peak so far")  # noqa: T201 (with -s)


def test_a_dead_server_is_started_again(own_server: Stack) -> None:
    container = own_server.container("server")
    own_server.execute("server", "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)")

    def restarted() -> bool:
        found = inspect(container)
        return bool(found["RestartCount"]) and found["State"]["Health"]["Status"] == "healthy"

    wait_until(restarted, "a healthy container after a restart")
    assert requests.get(f"{own_server.url}/predictions/doubleit/1.0/ready", timeout=10).ok


def test_sigterm_under_load_loses_no_request(own_server: Stack) -> None:
    """Like a platform, the test sends SIGTERM and no new requests after it."""
    container = own_server.container("server")
    enough, answers = threading.Event(), list[bool]()

    def ask(numbers: list[float]) -> None:
        while not enough.is_set():
            answers.append(is_doubled(own_server, numbers))

    lists = [[1.0, 2.0, 3.0]] * 12 + [[n + 0.5 for n in range(100_000)]] * 4
    with ThreadPoolExecutor(len(lists)) as pool:
        clients = [pool.submit(ask, numbers) for numbers in lists]
        wait_until(lambda: len(answers) > 50, "requests under way")
        enough.set()
        # Like Cloud Run, Docker sends SIGKILL after 10 s; the exit status is another one then.
        subprocess.run(["docker", "stop", "--time", "10", container], check=True)
    for client in clients:
        client.result()  # raises what a request raised
    assert all(answers)
    state = inspect(container)["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
    assert "requests were still in flight" not in own_server.compose("logs", "server")
