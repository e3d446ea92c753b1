"""What the images weigh, and how long they take to answer, beside the same programs outside.

python -m scripts.bench.image_figures [--tag TAG] [--rounds N]
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from typing import NamedTuple

import requests

from scripts.server.ports import free_ports
from scripts.store.paths import ROOT

MEGABYTE = 1e6
# Seconds until a start is given up.
LIMIT_SECONDS = 60.0
POLL_SECONDS = 0.01


class Program(NamedTuple):
    """An image, and what it runs.

    Attributes:
        image: the image's name.
        command: the same program from this checkout.
        answers: says whether what listens on a port answers.
    """

    image: str
    command: Sequence[str]
    answers: Callable[[int], bool]


def predicts(port: int) -> bool:
    """Say whether the model answers."""
    url = f"http://127.0.0.1:{port}/predictions/doubleit"
    return requests.post(url, data="[21]", timeout=5).text == "[42]"


def is_up(port: int) -> bool:
    """Say whether the page answers."""
    return requests.get(f"http://127.0.0.1:{port}/_stcore/health", timeout=5).ok


PROGRAMS = (
    Program("doubleit-torchserve", (sys.executable, "-m", "scripts.server.__main__"), predicts),
    Program("doubleit-frontend", (sys.executable, "-m", "frontend"), is_up),
)


def weigh(image: str) -> str:
    """Return an image's size, unpacked and compressed as registries do."""
    inspect = ["docker", "image", "inspect", "--format", "{{.Size}}", image]
    unpacked = int(subprocess.check_output(inspect, text=True))
    save = f"docker save {image} | gzip -6 | wc -c"
    compressed = int(subprocess.check_output(save, shell=True, text=True))  # noqa: S602 (an argument of its own user)
    return f"{unpacked / MEGABYTE:.0f} MB unpacked, {compressed / MEGABYTE:.0f} MB compressed"


def start(program: Program, tag: str) -> float:
    """Return the seconds from a start to the first answer; from this checkout without `tag`."""
    ports = free_ports()
    environment = {**ports, "UI_PORT": ports["PORT"], "HOST": "127.0.0.1"}
    name = f"doubleit-{uuid.uuid4().hex[:8]}"
    command = program.command
    if tag:
        options = [option for each in environment.items() for option in ("--env", "=".join(each))]
        run = ("docker", "run", "--rm", "--name", name, "--network", "host")
        command = (*run, *options, f"{program.image}:{tag}")
    begin = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.monotonic() < begin + LIMIT_SECONDS:
            with contextlib.suppress(requests.RequestException):
                if program.answers(int(ports["PORT"])):
                    return time.monotonic() - begin
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"{program.image}: no answer in {LIMIT_SECONDS:.0f} s")
    finally:
        if tag:
            subprocess.run(["docker", "stop", name], check=False, stdout=subprocess.DEVNULL)
        process.terminate()
        process.wait()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tag", default="latest", help="of the images")
    parser.add_argument("--rounds", type=int, default=5, help="starts of each, taken in turn")
    options = parser.parse_args()
    for program in PROGRAMS:
        print(f"{program.image}: {weigh(f'{program.image}:{options.tag}')}")
        seconds: dict[str, list[float]] = {options.tag: [], "": []}
        for _ in range(options.rounds + 1):
            for tag, found in seconds.items():
                found.append(start(program, tag))
        # The first of each found nothing in the page cache.
        inside, outside = (found[1:] for found in seconds.values())
        ratio = statistics.median(a / b for a, b in zip(inside, outside, strict=True))
        print(
            f"  start to first answer: {statistics.median(inside):.2f} s in the container, "
            f"{statistics.median(outside):.2f} s outside ({100 * (ratio - 1):+.0f} %), "
            f"medians of {options.rounds}"
        )


if __name__ == "__main__":
    main()
