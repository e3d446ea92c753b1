"""The page's web server: Streamlit's, without the routes that browsers do not need."""

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


def doors(app: ASGIApp) -> ASGIApp:
    """Block Streamlit's other public routes with 404: metrics, agents, script checks."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        _, core, route = scope.get("path", "").partition("/_stcore/")
        closed = scope["type"] == "http" and core and not route.startswith(OPEN)
        await (PlainTextResponse("Not Found", 404) if closed else app)(scope, receive, send)

    return guarded


@asynccontextmanager
async def swept(_: st.App) -> AsyncIterator[None]:
    """Release ended sessions regularly while the server runs."""

    async def sweep() -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            memory.expire()
            gc.collect()
            memory.trim()

    sweeping = asyncio.create_task(sweep())
    yield
    sweeping.cancel()


app = st.App(
    Path(__file__).with_name("app.py"),
    lifespan=swept,
    # Browsers keep the scripts and styles, which are large.
    middleware=[Middleware(doors), Middleware(GZipMiddleware, minimum_size=1000, compresslevel=6)],
)
