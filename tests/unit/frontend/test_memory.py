"""The parts of Streamlit that are not public: these tests fail where another version lacks them."""

from __future__ import annotations

import dataclasses
import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from streamlit import runtime
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.scriptrunner import ScriptRunContext
from streamlit.runtime.uploaded_file_manager import UploadedFileRec
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from frontend import memory


def test_all_uploads_but_one_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    files = MemoryUploadedFileManager("/upload")
    for session, file_id in (("mine", "1"), ("mine", "2"), ("mine", "3"), ("other", "4")):
        files.add_file(session, UploadedFileRec(file_id, "a.csv", "text/csv", b"1"))
    context = SimpleNamespace(session_id="mine", uploaded_file_mgr=files)
    monkeypatch.setattr(memory, "get_script_run_ctx", lambda: context)
    memory.forget_files(but="2")
    kept = [(s, f) for s in ("mine", "other") for f in "1234" if files.get_files(s, [f])]
    assert kept == [("mine", "2"), ("other", "4")]
    fields = {field.name for field in dataclasses.fields(ScriptRunContext)}
    assert {"session_id", "uploaded_file_mgr"} <= fields


def test_ended_sessions_are_released(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemorySessionStorage(ttl_seconds=0)
    manager = WebsocketSessionManager(storage, Mock(), Mock(), Mock(), Mock())
    # The runtime is not started; the names of what it holds are those of a real one.
    assert "_session_mgr" in Runtime.__init__.__code__.co_names
    monkeypatch.setattr(runtime, "get_instance", lambda: SimpleNamespace(_session_mgr=manager))
    ended: Any = SimpleNamespace(session=SimpleNamespace(id="1"))
    storage.save(ended)
    time.sleep(0.01)
    cache: Any = storage._cache
    expired = cache.expire
    monkeypatch.setattr(cache, "expire", released := Mock(wraps=expired))
    memory.expire()
    released.assert_called_once()
    assert storage.get("1") is None


def test_without_them_the_page_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "get_script_run_ctx", lambda: None)
    monkeypatch.setattr(runtime, "get_instance", lambda: None)
    memory.forget_files(but="")
    memory.expire()
    assert "uploads stay in memory" in caplog.text
    assert "sessions stay in memory" in caplog.text
