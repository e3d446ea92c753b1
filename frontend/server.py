"""The page's web server: Streamlit's, without the routes that nobody needs from outside."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import runtime

from frontend import memory

# What the browser and a health check use. Metrics tell of everybody's sessions.
OPEN = ("health", "host-config", "stream", "upload_file/")
SWEEP_SECONDS = 10


class Doors:
    """Refuses Streamlit's other routes, which answer anybody: metrics, agents, script checks."""

    def __init__(self, app: ASGIApp) -> None:
        """Keep what stands behind."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer 404."""
        _, core, route = scope.get("path", "").partition("/_stcore/")
        if scope["type"] == "http" and core and not route.startswith(OPEN):
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
            return
        await self._app(scope, receive, send)


@asynccontextmanager
async def swept(_: st.App) -> AsyncIterator[None]:
    """Let go of sessions that are over while the server runs."""
    sweeping = asyncio.create_task(_sweep())
    yield
    sweeping.cancel()


async def _sweep() -> None:
    # Streamlit drops a session that is over when the next one ends, and no setting changes that.
    sessions: Any = runtime.get_instance()._session_mgr
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        sessions._session_storage._cache.expire()
        gc.collect()
        memory.trim()


app = st.App(Path(__file__).with_name("app.py"), lifespan=swept, middleware=[Middleware(Doors)])
