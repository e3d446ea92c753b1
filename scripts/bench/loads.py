"""The loads: lists of a given length over a number of connections."""

from __future__ import annotations

from typing import NamedTuple


class Load(NamedTuple):
    """A load.

    Attributes:
        numbers: the length of each request's list; 0 for TorchServe's own GET /ping.
        connections: concurrent clients; each sends one request at a time.
    """

    numbers: int
    connections: int

    @property
    def key(self) -> str:
        """Its name in bench.json."""
        return f"{self.numbers}x{self.connections}"

    @property
    def column(self) -> str:
        """Its name as a column header: numbers x connections."""
        return f"{self.numbers:,} x {self.connections}".replace(",", " ")

    @property
    def title(self) -> str:
        """Its name in tables."""
        what = f"{self.numbers:,} numbers".replace(",", " ") if self.numbers else "/ping"
        clients = "connection" if self.connections == 1 else "connections"
        return f"{what}, {self.connections} {clients}"


LONE, FEW, MANY, CROWD = (Load(10, connections) for connections in (1, 8, 64, 256))
MIDDLE, LARGE = Load(1_000, 16), Load(100_000, 4)
PING = Load(0, 256)
PREDICTIONS = [LONE, FEW, MANY, CROWD, MIDDLE, LARGE]
WARM_UP = MANY
