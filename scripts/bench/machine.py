"""A description of the machine and the run."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from server.store.paths import ROOT


def describe(generator: str, rounds: int, seconds: float) -> dict[str, str]:
    """Return the conditions that the figures depend on, by title."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.system()}",
        "python": platform.python_version(),
        "load generator": f"{generator}, on the same machine",
        "rounds": f"{rounds} of {seconds:g} s for each load",
        "commit": _commit(),
        "date": datetime.now(tz=UTC).date().isoformat(),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
