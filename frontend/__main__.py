"""Start the page: `python -m frontend [--host ADDRESS] [--port PORT] [--no-look]`."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

import click
from streamlit.web import cli

from frontend import memory, settings
from frontend.client import Client
from frontend.errors import ApiError, State

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Print whether the API responds, then serve the page until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m frontend", description="Start the page.")
    port = os.environ.get("UI_PORT")
    if not port or "://" in port:  # Kubernetes sets it to a URL for a service called ui.
        port = "8501"
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=port, help="port to listen on (UI_PORT, 8501)")
    parser.add_argument("--no-look", action="store_true", help="do not check the API")
    options = parser.parse_args()
    try:
        config = settings.read(os.environ)
    except settings.SettingsError as error:
        sys.exit(f"page: {error}")
    if not options.no_look:
        try:
            state, detail = State.READY, Client(config).look(None, None)
        except ApiError as error:
            state, detail = error.state, str(error)
        said = f"page: the API at {config.url}: {state.value}, {detail}"
        print(said, file=sys.stdout if state is State.READY else sys.stderr, flush=True)
    memory.configure()
    # Streamlit looks for .streamlit/config.toml next to the script that it runs.
    os.chdir(ROOT)
    arguments = streamlit_options(config, options.host, options.port)
    # Ctrl-C is a normal stop, not a failure.
    with suppress(click.Abort, KeyboardInterrupt):
        cli.main(["run", "frontend/server.py", *arguments], standalone_mode=False)


def streamlit_options(config: settings.Settings, host: str, port: int) -> list[str]:
    """Return Streamlit's command-line options for the page's settings."""
    options = [("address", host), ("port", port), ("maxUploadSize", config.max_file_mib)]
    # MB. A message from the browser contains the field's text and little else.
    options.append(("maxWidgetStateSize", config.max_text_bytes // 10**6 + 2))
    options += [("allowedHosts", name) for name in config.hosts]
    return [part for name, value in options for part in (f"--server.{name}", str(value))]


if __name__ == "__main__":
    main()
