"""Checks on this machine before a server is started."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from server.settings import PORTS, Settings, SettingsError

SOCKET_PATH_BYTES = 107
# Errors of bind(2) that concern the port; all others concern the IP address.
PORT_ERRORS = (errno.EADDRINUSE, errno.EACCES)


def check_ports(settings: Settings) -> None:
    """Check that every port is free.

    Raises:
        SettingsError: a port is taken, or a host does not belong to this machine; the message names
            the variable to change.
    """
    for name in PORTS:
        variable = name.replace("PORT", "HOST")
        host = settings.variables.get(variable, "127.0.0.1")
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind((host, settings.port(name)))
            except (OSError, UnicodeError) as error:
                # A name that does not resolve, or an address that this machine does not have.
                ours = isinstance(error, OSError) and error.errno in PORT_ERRORS
                wanted = f"{name} to another port" if ours else f"{variable} to another address"
                why = getattr(error, "strerror", None) or error
                raise SettingsError(
                    f"cannot listen on {host}:{settings.port(name)}: {why}; set {wanted}"
                ) from None


def check_temp(temp: Path) -> None:
    """Check that the path of the temporary folder is short enough for the workers' sockets.

    Raises:
        SettingsError: a socket's path would be longer than the 107 bytes of unix(7).
    """
    # TorchServe's name for a worker's socket, with room for its counter.
    socket_path = os.fsencode(temp / ".ts.sock.99999")
    if len(socket_path) > SOCKET_PATH_BYTES:
        raise SettingsError(
            f"{temp} is too long for the paths of sockets; set TMPDIR to a shorter path"
        )
