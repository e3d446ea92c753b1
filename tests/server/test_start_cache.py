"""The Java runtime's start-up cache is made once and used at each start, but not required."""

from __future__ import annotations

from pathlib import Path

import pytest

from server import ports, processes, readiness, settings
from server.client import Client
from server.store import archive
from server.torchserve import java, start_cache


def serve(store: Path, temp: Path) -> None:
    """Start a server, wait until it is ready, and stop it."""
    variables = {"MODEL_STORE": str(store), "TS_DEFAULT_WORKERS_PER_MODEL": "1"}
    served = settings.read("doubleit", "1.0", {**ports.free_ports(), **variables})
    process = java.start(served, [archive.find(store, "doubleit", "1.0")], temp, extra={})
    try:
        readiness.wait({Client(served.addresses): ["1.0"]}, process=process)
    finally:
        processes.stop(process)


def test_a_server_starts_from_the_trained_cache(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # `make` created the cache and no other files.
    cache = start_cache.CACHE
    assert cache.stat().st_size > 1_000_000
    assert list(cache.parent.glob(f"{cache.stem}.*")) == [cache]
    # In this mode Java exits if it cannot use the cache.
    flags = [*start_cache.flags(), "-XX:AOTMode=on"]
    assert flags[0] == f"-XX:AOTCache={cache}"
    vmargs = java.vmargs()
    monkeypatch.setattr(java, "vmargs", lambda: [*vmargs, *flags])
    serve(store, tmp_path)


def test_without_a_cache_there_is_no_flag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_cache, "CACHE", tmp_path / "torchserve.aot")
    assert start_cache.flags() == []


def test_a_cache_that_does_not_fit_is_ignored_without_a_word(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "torchserve.aot"
    cache.write_bytes(b"of another runtime")
    monkeypatch.setattr(start_cache, "CACHE", cache)
    monkeypatch.setattr(java, "vmargs", lambda: ["-XX:+UseSerialGC", *start_cache.flags()])
    serve(store, tmp_path)


def test_a_failed_training_is_a_line_and_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["start_cache", str(tmp_path)])
    start_cache.main()
    assert "no start-up cache, starts take longer" in capsys.readouterr().err
