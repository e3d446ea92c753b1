"""What has to hold on this machine before a server is started."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from scripts.server.settings import PORTS, Settings, SettingsError

SOCKET_PATH_BYTES = 107


def check_ports(settings: Settings) -> None:
    """Make sure that every port is free, before a server is started that could not have it.

    Raises:
        SettingsError: a port is taken; the message names it and its variable.
    """
    hosts = {
        name: settings.variables.get(name.replace("PORT", "HOST"), "127.0.0.1") for name in PORTS
    }
    for name in PORTS:
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((hosts[name], settings.port(name)))
            except OSError as error:
                raise SettingsError(
                    f"cannot listen on {hosts[name]}:{settings.port(name)}: {error.strerror}; "
                    f"set {name} to another port"
                ) from None


def check_temp(temp: Path) -> None:
    """Make sure that the workers' sockets can lie in the temp folder.

    Raises:
        SettingsError: a socket's path would be longer than the 107 bytes of unix(7).
    """
    # What TorchServe calls a worker's socket, with room for its count.
    socket_path = os.fsencode(temp / ".ts.sock.99999")
    if len(socket_path) > SOCKET_PATH_BYTES:
        raise SettingsError(
            f"{temp} is too long a name for a folder of sockets; set TMPDIR to a shorter one"
        )
