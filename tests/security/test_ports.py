"""The ports that are open to other machines. Those of containers are in tests/images."""

import socket
from pathlib import Path

import psutil

from tests.support.server import Server

LOOPBACK = ("127.0.0.1", "::1", "::ffff:127.0.0.1")


def listeners(server: Server) -> dict[int, str]:
    """Return the ports that the server's processes listen on, with their addresses."""
    return {
        connection.laddr.port: connection.laddr.ip
        for process in (psutil.Process(server.process.pid), *server.processes())
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


def test_everything_is_on_loopback_by_default(server: Server) -> None:
    # Workers listen on no port.
    assert set(listeners(server)) == set(server.ports.values())
    assert set(listeners(server).values()) <= set(LOOPBACK)


def test_only_the_port_that_is_asked_for_leaves_the_machine(store: Path, tmp_path: Path) -> None:
    hosts = {"HOST": "0.0.0.0", "GRPC_HOST": "127.0.0.2"}
    with Server(store, tmp_path / "log", environment=hosts) as server:
        elsewhere = {
            port: address for port, address in listeners(server).items() if address not in LOOPBACK
        }
        assert elsewhere.keys() == {server.ports["PORT"], server.ports["GRPC_PORT"]}
        assert elsewhere[server.ports["GRPC_PORT"]].endswith("127.0.0.2")
        # Those that other machines can reach.
        addresses = [
            found.address
            for interface in psutil.net_if_addrs().values()
            for found in interface
            if found.family is socket.AF_INET and not found.address.startswith("127.")
        ]
        for address in addresses:
            for name, port in server.ports.items():
                with socket.socket() as client:
                    client.settimeout(5)
                    assert (client.connect_ex((address, port)) == 0) is (name == "PORT")
