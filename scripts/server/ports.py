"""Free ports."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Collection

from scripts.server.settings import PORTS


def free_ports(names: Collection[str] = PORTS) -> dict[str, str]:
    """Return a different free port for each of `names`, as environment variables."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in names]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        numbers = [str(each.getsockname()[1]) for each in sockets]
    return dict(zip(names, numbers, strict=True))
