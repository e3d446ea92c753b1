"""Start the page: `python -m frontend [--host ADDRESS] [--port PORT]`."""

import argparse
import os
import sys
from contextlib import suppress
from pathlib import Path

import click
from streamlit.web import cli

from frontend import memory, settings

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Serve the page until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m frontend", description="Start the page.")
    port = os.environ.get("UI_PORT")
    if not port or "://" in port:  # Kubernetes sets it to a URL for a service called ui.
        port = "8501"
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=port, help="port to listen on (UI_PORT, 8501)")
    options = parser.parse_args()
    try:
        config = settings.read(os.environ)
    except settings.SettingsError as error:
        sys.exit(f"page: {error}")
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
