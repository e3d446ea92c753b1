"""The images' sizes, whole and by layer, and the time from their start to the first response.

Each start is compared with one of the same program outside a container.
"""

import statistics
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from scripts.bench import lineup, process, report
from scripts.bench.lineup import Contender
from scripts.bench.workloads import Example, Request
from server.settings import PORTS
from server.store.paths import ROOT

PAGE, COMMAND = ROOT / "docs" / "containers.md", "make image-figures WRITE=1"
MEGABYTE = 1e6
# Smaller layers are not listed.
LAYER_BYTES = 1_000_000
# Characters of a layer's instruction.
SHOWN = 60


def healthy(_example: Example, _model: str, path: str) -> Request:
    """Return the request that the page responds to when it has started."""
    return Request(path, b"", lambda body: "" if body == b"ok" else repr(body), method="GET")


# The programs outside containers, by the names of their images.
PROGRAMS = {
    "doubleit-torchserve": lineup.named(lineup.SELF),
    "doubleit-frontend": Contender(
        name="page",
        command=["{bin}/python", "-m", "frontend"],
        routes={"JSON": (healthy, "/_stcore/health")},
        variables={"PYTHONPATH": str(ROOT), "UI_PORT": "{PORT}"},
    ),
}


def weigh(image: str) -> list[str]:
    """Return the size of an image, unpacked and gzipped as in a registry."""
    inspect = ["docker", "image", "inspect", "--format", "{{.Size}}", image]
    save = f"docker save {image} | gzip -6 | wc -c"
    sizes = (
        subprocess.check_output(inspect, text=True),
        subprocess.check_output(save, shell=True, text=True),  # noqa: S602 (the user's own argument)
    )
    return [f"{int(size) / MEGABYTE:.0f} MB" for size in sizes]


def layers(image: str) -> list[tuple[str, str]]:
    """Return the instruction and the size of each large layer, the largest first."""
    history = ["docker", "history", "--no-trunc", "--human=false"]
    lines = subprocess.check_output(
        [*history, "--format", "{{.Size}} {{.CreatedBy}}", image], text=True
    ).splitlines()
    parts = [line.partition(" ") for line in lines]
    # The layer of an imported image has no instruction.
    sizes = [(int(size), " ".join(made.split()) or "base image") for size, _, made in parts]
    return [
        (f"`{made.removesuffix(' # buildkit')[:SHOWN]}`", f"{size / MEGABYTE:.0f} MB")
        for size, made in sorted(sizes, reverse=True)
        if size >= LAYER_BYTES
    ]


def contained(program: Contender, image: str) -> Contender:
    """Return the same program in a container, which a signal to `docker run` stops."""
    variables = {"HOST": "127.0.0.1", "UI_PORT": "{PORT}"}
    # docker passes on the values of its own environment.
    names = [part for name in (*PORTS, *variables) for part in ("--env", name)]
    command = ["docker", "run", "--rm", "--network", "host", *names, image]
    return replace(program, name=image, command=command, variables=variables)


def start(program: Contender) -> float:
    """Return the seconds from a start to the first response."""
    with (
        tempfile.TemporaryDirectory() as folder,
        process.running(program, Path(folder) / "log") as target,
    ):
        return target.start_seconds


def main(
    tag: Annotated[str, typer.Option(help="the images' tag")] = "latest",
    rounds: Annotated[int, typer.Option(min=1, help="number of starts of each, in turn")] = 5,
    write: Annotated[bool, typer.Option(help="also write the table to docs/")] = False,
) -> None:
    """Print the images' sizes and compare their start-up times with those outside containers."""
    rows, parts = [], []
    for image, program in PROGRAMS.items():
        sizes = weigh(f"{image}:{tag}")
        process.build(program)
        pair = (contained(program, f"{image}:{tag}"), program)
        # The first start of each runs with a cold page cache.
        starts = [[start(it) for it in pair] for _ in range(rounds + 1)][1:]
        seconds = [f"{statistics.median(times):.1f} s" for times in zip(*starts, strict=True)]
        rows.append([f"`{image}`", *sizes, *seconds])
        parts.append(report.table([f"layers of `{image}`", "unpacked"], layers(f"{image}:{tag}")))
    head = "image, unpacked, compressed, start to first response, the same outside a container"
    text = "\n\n".join([report.table(head.split(", "), rows), *parts])
    print(text)
    if write:
        report.write_between_markers(PAGE, text, COMMAND)


if __name__ == "__main__":
    typer.run(main)
