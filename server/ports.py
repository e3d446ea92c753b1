"""Free ports."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Collection, Iterator

from server.settings import PORTS

# Systems take the ports of outgoing connections from higher ones (Linux from 32768), so none of
# these is taken that way before a server listens on it.
CANDIDATES = range(15_000, 32_000)


def _candidates() -> Iterator[int]:
    """Yield the candidates, from a different one in each process, so that few try the same."""
    start = os.getpid() * 251 % len(CANDIDATES)
    yield from itertools.chain.from_iterable(
        itertools.repeat([*CANDIDATES[start:], *CANDIDATES[:start]])
    )


_NEXT = _candidates()


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
