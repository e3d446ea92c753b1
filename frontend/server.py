"""The page's web server: Streamlit's, without the routes that browsers do not need."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from frontend import memory

# The routes of the browser and of health checks. Metrics would reveal other users' sessions.
OPEN = ("health", "host-config", "stream", "upload_file/")
SWEEP_SECONDS = 10


class Doors:
    """Middleware that blocks Streamlit's other public routes: metrics, agents, script checks."""

    def __init__(self, app: ASGIApp) -> None:
        """Set the application to protect."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or respond with 404."""
        _, core, route = scope.get("path", "").partition("/_stcore/")
        if scope["type"] == "http" and core and not route.startswith(OPEN):
            await PlainTextResponse("Not Found", 404)(scope, receive, send)
            return
        await self._app(scope, receive, send)


@asynccontextmanager
async def swept(_: st.App) -> AsyncIterator[None]:
    """Release ended sessions regularly while the server runs."""
    sweeping = asyncio.create_task(_sweep())
    yield
    sweeping.cancel()


async def _sweep() -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        memory.expire()
        gc.collect()
        memory.trim()


app = st.App(
    Path(__file__).with_name("app.py"),
    lifespan=swept,
    # Browsers keep the scripts and styles, which are large.
    middleware=[Middleware(Doors), Middleware(GZipMiddleware, minimum_size=1000, compresslevel=6)],
)
