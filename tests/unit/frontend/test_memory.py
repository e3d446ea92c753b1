"""The part of Streamlit that is not public: these tests fail where another version lacks it."""

import time
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from streamlit import runtime
from streamlit.runtime.memory_session_storage import MemorySessionStorage
from streamlit.runtime.runtime import Runtime
from streamlit.runtime.websocket_session_manager import WebsocketSessionManager

from frontend import memory


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
    monkeypatch.setattr(cache, "expire", released := Mock(wraps=cache.expire))
    memory.expire()
    released.assert_called_once()
    assert storage.get("1") is None


def test_without_it_the_page_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(runtime, "get_instance", lambda: None)
    memory.expire()
    assert "sessions stay in memory" in caplog.text
