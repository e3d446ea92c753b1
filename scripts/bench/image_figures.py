"""The images' sizes, and the time from their start to the first response.

Each start is compared with one of the same program outside a container.

python -m scripts.bench.image_figures [--tag TAG] [--rounds N] [--write]
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

import requests
import typer

from scripts.bench import report
from server.ports import free_ports
from server.store.paths import ROOT

PAGE, COMMAND = ROOT / "docs" / "containers.md", "make image-figures WRITE=1"
MEGABYTE = 1e6
# Time limit for a start.
LIMIT_SECONDS = 60.0
POLL_SECONDS = 0.01


class StartError(Exception):
    """A program ended, or did not respond in time; the message contains its output."""


class Program(NamedTuple):
    """An image and the program it runs.

    Attributes:
        image: name of the image.
        command: command line of the same program in this checkout.
        answers: returns whether the program responds on a port.
    """

    image: str
    command: Sequence[str]
    answers: Callable[[int], bool]


def predicts(port: int) -> bool:
    """Return whether the model responds."""
    url = f"http://127.0.0.1:{port}/predictions/doubleit"
    return requests.post(url, data="[21]", timeout=5).text == "[42]"


def is_up(port: int) -> bool:
    """Return whether the page responds."""
    return requests.get(f"http://127.0.0.1:{port}/_stcore/health", timeout=5).ok


PROGRAMS = (
    Program("doubleit-torchserve", (sys.executable, "-m", "server"), predicts),
    Program("doubleit-frontend", (sys.executable, "-m", "frontend"), is_up),
)


def weigh(image: str) -> list[str]:
    """Return the size of an image, unpacked and gzipped as in a registry."""
    inspect = ["docker", "image", "inspect", "--format", "{{.Size}}", image]
    save = f"docker save {image} | gzip -6 | wc -c"
    sizes = (
        subprocess.check_output(inspect, text=True),
        subprocess.check_output(save, shell=True, text=True),  # noqa: S602 (the user's own argument)
    )
    return [f"{int(size) / MEGABYTE:.0f} MB" for size in sizes]


def start(program: Program, tag: str) -> float:
    """Return the seconds from a start to the first response.

    With a `tag` the image is started, without one the program of this checkout.
    """
    ports = free_ports()
    environment = {**ports, "UI_PORT": ports["PORT"], "HOST": "127.0.0.1"}
    name = f"doubleit-{uuid.uuid4().hex[:8]}"
    command = program.command
    if tag:
        options = [option for each in environment.items() for option in ("--env", "=".join(each))]
        run = ("docker", "run", "--rm", "--name", name, "--network", "host")
        command = (*run, *options, f"{program.image}:{tag}")
    with tempfile.TemporaryFile() as log:
        begin = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            while process.poll() is None and time.monotonic() < begin + LIMIT_SECONDS:
                with contextlib.suppress(requests.RequestException):
                    if program.answers(int(ports["PORT"])):
                        return time.monotonic() - begin
                time.sleep(POLL_SECONDS)
        finally:
            if tag:
                subprocess.run(["docker", "stop", name], check=False, capture_output=True)
            process.terminate()
            process.wait()
        log.seek(0)
        output = log.read().decode(errors="replace")
    raise StartError(f"{' '.join(command)}: no answer\n{output}")


def main(
    tag: Annotated[str, typer.Option(help="the images' tag")] = "latest",
    rounds: Annotated[int, typer.Option(min=1, help="number of starts of each, in turn")] = 5,
    write: Annotated[bool, typer.Option(help="also write the table to docs/")] = False,
) -> None:
    """Print the images' sizes and compare their start-up times with those outside containers."""
    rows = []
    for program in PROGRAMS:
        sizes = weigh(f"{program.image}:{tag}")
        # The first start of each runs with a cold page cache.
        starts = [(start(program, tag), start(program, "")) for _ in range(rounds + 1)][1:]
        seconds = [f"{statistics.median(times):.1f} s" for times in zip(*starts, strict=True)]
        rows.append([f"`{program.image}`", *sizes, *seconds])
    head = "image, unpacked, compressed, start to first response, the same outside a container"
    text = report.table(head.split(", "), rows)
    print(text)
    if write:
        report.write_between_markers(PAGE, text, COMMAND)


if __name__ == "__main__":
    typer.run(main)
