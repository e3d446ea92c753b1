"""Summarize a deployment in the terminal and on the page of the workflow run."""

from __future__ import annotations

import os
from pathlib import Path

from scripts.deploy.environment import Service


def write(environment: str, outcome: str, services: dict[str, Service]) -> None:
    """Print the outcome; in a workflow, also add it to the run's page and set the output `url`."""
    images = {name: os.environ.get(f"{name.upper()}_IMAGE", "") for name in services}
    lines = [
        f"## {environment}: {outcome}",
        "",
        "| | address | serves | image |",
        "|---|---|---|---|",
    ]
    for name, service in services.items():
        lines.append(f"| {name} | {service.url} | `{service.serving}` | `{images[name]}` |")
    text = "\n".join(lines) + "\n"
    print(text, flush=True)
    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(path).open("a") as page:
            page.write(text)
    if (path := os.environ.get("GITHUB_OUTPUT")) and services["frontend"].url:
        with Path(path).open("a") as outputs:
            outputs.write(f"url={services['frontend'].url}\n")
