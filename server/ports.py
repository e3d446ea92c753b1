"""Ports of this machine: free ones, and whether those of a server are."""

import errno
import itertools
import os
import socket
from collections.abc import Collection

from server.settings import PORTS, Settings, SettingsError

# Errors of bind(2) that concern the port; all others concern the IP address.
PORT_ERRORS = (errno.EADDRINUSE, errno.EACCES)
# Systems take the ports of outgoing connections from higher ones (Linux from 32768), so none of
# these is taken that way before a server listens on it.
CANDIDATES = range(15_000, 32_000)

# Each process starts at a different one, so that few try the same.
_START = os.getpid() * 251 % len(CANDIDATES)
_NEXT = itertools.cycle(itertools.chain(CANDIDATES[_START:], CANDIDATES[:_START]))


def free_ports(names: Collection[str] = PORTS) -> dict[str, str]:
    """Return a different free port for each of `names`, as environment variables."""
    free = (str(port) for port in _NEXT if _is_free(port))
    return {name: next(free) for name in names}


def _is_free(port: int) -> bool:
    with socket.socket() as candidate:
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def check(settings: Settings) -> None:
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
