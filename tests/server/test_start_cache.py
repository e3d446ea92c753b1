"""The Java runtime's start-up cache is made once and used at each start, but not required."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from server.torchserve import java, start_cache
from tests.support.containers import run
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
    program = java.program("-XX:+UseSerialGC", *flags)
    done = run([*program, "org.pytorch.serve.ModelServer", "--none"])
    return done.returncode, done.stdout + done.stderr


def test_a_cache_that_is_damaged_or_does_not_fit_is_ignored_without_a_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, whole, cache = usage([]), start_cache.CACHE.read_bytes(), tmp_path / "torchserve.aot"
    monkeypatch.setattr(start_cache, "CACHE", cache)
    cache.write_bytes(b"of another runtime")
    assert usage(start_cache.flags()) == usual
    pick = random.Random(1)
    for _ in range(3):
        content = bytearray(whole)
        # The regions of the file follow a head of a few kB.
        for size in (1_000, 10_000, len(content), len(content)):
            content[pick.randrange(8, size)] ^= 1 << pick.randrange(8)
        cache.write_bytes(content)
        assert usage(start_cache.flags()) == usual


def test_a_failed_training_is_a_line_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["start_cache", str(tmp_path)])
    start_cache.main()
    assert "no start-up cache, starts take longer" in capsys.readouterr().err
