"""The Java runtime's start-up cache: made once, used at each start, and no harm without."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.server import java, settings, start, start_cache
from tests.support.server import Server


def test_a_trained_cache_is_what_a_server_starts_from(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "torchserve.aot"
    monkeypatch.setattr(start_cache, "CACHE", cache)
    assert start_cache.flags() == []
    start_cache.train(store)
    assert cache.stat().st_size > 1_000_000
    assert start_cache.flags()[0] == f"-XX:AOTCache={cache}"
    assert list(tmp_path.iterdir()) == [cache]


def test_a_cache_that_does_not_fit_is_ignored_without_a_word(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "torchserve.aot"
    cache.write_bytes(b"of another runtime")
    monkeypatch.setattr(start_cache, "CACHE", cache)
    monkeypatch.setattr(java, "vmargs", lambda: ["-XX:+UseSerialGC", *start_cache.flags()])
    server = Server(store, tmp_path / "log")
    ports = settings.read("doubleit", "1.0", {**server.environment})
    process = java.start(ports, [store / "doubleit-1.0.mar"], tmp_path, extra={})
    try:
        start.wait_ready(ports, ["1.0"], process)
    finally:
        java.stop(process)


def test_a_failed_training_is_a_line_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["start_cache", str(tmp_path)])
    start_cache.main()
    assert "no start-up cache, starts take longer" in capsys.readouterr().err
