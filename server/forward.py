"""Forward TCP connections to another host; the compose profile `management` uses it.

python -m server.forward PORT TARGET_HOST TARGET_PORT
"""

import argparse
import asyncio
import contextlib
import signal
import sys

CHUNK_BYTES = 65536


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until `reader` ends, then shut down the sending side of `writer`."""
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()


async def serve(port: int, target_host: str, target_port: int) -> None:
    """Listen on `port` on all interfaces until SIGINT or SIGTERM."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            try:
                target_reader, target_writer = await asyncio.open_connection(
                    target_host, target_port
                )
            except OSError as error:
                print(f"forward: {target_host}:{target_port}: {error}", file=sys.stderr)
                return
            with contextlib.closing(target_writer), contextlib.suppress(ConnectionError):
                await asyncio.gather(copy(reader, target_writer), copy(target_reader, writer))

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with await asyncio.start_server(forward, port=port):
        print(f"forward: port {port} leads to {target_host}:{target_port}", flush=True)
        await stopped.wait()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int, help="port to listen on")
    parser.add_argument("target_host", help="host to forward connections to")
    parser.add_argument("target_port", type=int, help="port of that host")
    options = parser.parse_args()
    asyncio.run(serve(options.port, options.target_host, options.target_port))


if __name__ == "__main__":
    main()
