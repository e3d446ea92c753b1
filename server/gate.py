"""A proxy in front of the management API that rejects requests from web pages.

TorchServe accepts requests from any client that can connect, and a web page can send a plain POST
to a port of the machine on which it is viewed. That is enough to register an archive with a hundred
workers. So TorchServe listens on a Unix socket in the server's temporary folder, and this proxy
listens on the management port. A browser marks requests that a page makes with the headers `Origin`
or `Sec-Fetch-Site` (Fetch standard). After DNS rebinding, `Host` holds the domain of the page.

A registration must name an archive in the model store, in its query string. TorchServe's own filter
(`allowed_urls`) does not stop directories anywhere on this machine, nor `jar:` URLs. The memory
must hold its workers, as at a start (server/memory.py), and those that a version is scaled to.

TorchServe's network library supports Unix sockets on Linux only. On other systems there is no
proxy, and TorchServe listens on the management port itself.
"""

import contextlib
import http.client
import ipaddress
import json
import re
import socket
import string
import sys
import threading
from collections.abc import Iterator, Mapping
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote

from server import memory
from server.client import Client, ClientError
from server.settings import Settings

# Management requests consist of query parameters or a few lines of JSON.
MAX_BODY_BYTES = 64 << 10
# Each connection takes a thread and up to two file descriptors. The supervisor must not run out of
# them, because it needs some to stop the server.
MAX_CONNECTIONS = 64
# Longer than a registration that waits for its workers.
UPSTREAM_SECONDS = 600
# Connections of clients that send nothing are closed after this time.
IDLE_SECONDS = 60
# How often the proxy notices that it is to end.
POLL_SECONDS = 0.1
FORWARDED = ("Accept", "Authorization", "Content-Type")
# A registration, limited to characters that every parser reads in the same way.
REGISTRATION = re.compile(r"/(?:models|workflows)/?\?([\w.,:=&-]*)", re.ASCII)
ARCHIVE = re.compile(r"\w[\w.-]*\.[mw]ar", re.ASCII)


def refusal(headers: Message | Mapping[str, str]) -> str | None:
    """Return why a request is rejected, or None if it is allowed."""
    if "Origin" in headers or headers.get("Sec-Fetch-Site", "none") != "none":
        return "The management API is not for web pages: this request came from one"
    host = headers.get("Host", "")
    if not _names_this_machine(host):
        return f"The management API is not known as {host}: use an IP address or localhost"
    return None


def outside_the_store(target: str, length: int) -> bool:
    """Return whether a POST is not the registration of an archive in the model store.

    Args:
        target: path and query as received.
        length: length of the body. A body is rejected because TorchServe reads parameters from it.
    """
    registration = REGISTRATION.fullmatch(target)
    if length or not registration:
        return True
    urls = parse_qs(registration[1], keep_blank_values=True).get("url", [])
    return len(urls) != 1 or not ARCHIVE.fullmatch(urls[0])


def lack_of_memory(settings: Settings, command: str, target: str) -> str | None:
    """Return why the memory does not hold the workers that a request asks for, or None.

    Args:
        settings: the server's.
        command: POST registers an archive, and PUT sets the number of workers of a version.
        target: path and query as received.
    """
    path, _, query = target.partition("?")
    asked = {name: values[0] for name, values in parse_qs(query).items()}
    count = asked.get({"POST": "initial_workers", "PUT": "min_worker"}.get(command, ""), "")
    first, *named = path.strip("/").split("/")
    if first != "models" or not re.fullmatch("[0-9]{1,9}", count):
        return None
    server = Client(settings.addresses)
    try:
        # Archive and number of workers of each version.
        held = {
            (version.model_name, version.model_version): (version.model_url, version.min_workers)
            for version in server.all_versions()
        }
        changed = "", ""
        if command == "PUT":
            model, *rest = named
            changed = model, rest[0] if rest else server.of(model).default_version()
        archive, before = held[changed] if named else (asked["url"], 0)
        if int(count) <= before:
            return None
        held[changed] = archive, int(count)
        sizes = [(settings.model_store / archive).stat().st_size for archive, _ in held.values()]
    except (ClientError, OSError, LookupError, ValueError):
        return None  # TorchServe says what is wrong
    workers = [number for _, number in held.values()]
    try:
        memory.limits(settings.memory, models=sizes, recorded=workers)
    except ValueError:
        return (
            f"{settings.memory // memory.MIB} MiB do not hold {sum(workers)} workers, those of all "
            "models and versions together: ask for fewer, or give the server more memory"
        )
    return None


def _names_this_machine(host: str) -> bool:
    """Return whether `host` cannot be a public domain that resolves to this machine.

    Allowed are IP addresses and names without a dot: localhost, or a container's name.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." not in name
    return True


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server: "_Server"

    def forward(self) -> None:
        """Forward the request, or respond with an error."""
        why = refusal(self.headers)
        length = self.headers.get("Content-Length", "0")
        digits = length.isascii() and length.isdecimal()
        if why:
            self.send_error(HTTPStatus.FORBIDDEN, why)
        elif "Transfer-Encoding" in self.headers or not digits:
            self.send_error(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length")
        # Compare the lengths first: int() raises for thousands of digits.
        elif len(length) > len(str(MAX_BODY_BYTES)) or int(length) > MAX_BODY_BYTES:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{MAX_BODY_BYTES} bytes at most")
        elif self.command == "POST" and outside_the_store(self.path, int(length)):
            self.send_error(
                HTTPStatus.BAD_REQUEST,
                "A registration names an archive in the model store, in its query: "
                "POST /models?url=NAME-VERSION.mar",
            )
        elif lack := lack_of_memory(self.server.settings, self.command, self.path):
            self.send_error(HTTPStatus.INSUFFICIENT_STORAGE, lack)
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length) and self.server.busy(self.connection):
                self._pass_on(body)
            else:
                self.close_connection = True

    def handle_one_request(self) -> None:
        """Handle one request; until all of it is here, the connection is idle and may be closed."""
        self.server.idle(self.connection)
        super().handle_one_request()

    do_DELETE = do_GET = do_OPTIONS = do_POST = do_PUT = forward  # noqa: N815 (http.server's names)

    def _pass_on(self, body: bytes) -> None:
        headers = {name: self.headers[name] for name in FORWARDED if name in self.headers}
        # Without characters that http.client refuses.
        target = quote(self.path, safe=string.punctuation, encoding="latin-1")
        upstream = http.client.HTTPConnection("localhost")
        try:
            with socket.socket(socket.AF_UNIX) as upstream.sock:
                upstream.sock.settimeout(UPSTREAM_SECONDS)
                upstream.sock.connect(self.server.upstream)
                upstream.request(self.command, target, body or None, headers)
                answer = upstream.getresponse()
                content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.send_error(HTTPStatus.BAD_GATEWAY, f"TorchServe does not answer: {error}")
        else:
            self._answer(answer.status, content, answer.headers.get("Content-Type"))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Respond with an error in TorchServe's format, and close the connection."""
        status = HTTPStatus(code)
        message = message or explain or status.phrase
        error = {"code": code, "type": status.phrase.title().replace(" ", ""), "message": message}
        self.close_connection = True
        self._answer(code, json.dumps(error).encode())

    def _answer(self, status: int, content: bytes, kind: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind or "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Log nothing; TorchServe's access log lists the forwarded requests."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Connections that wait to be accepted. With socketserver's 5, a burst of connections makes the
    # kernel drop some, and their clients try again only after a second.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], upstream: str, settings: Settings) -> None:
        super().__init__(address, _Handler)
        self.upstream = upstream
        self.settings = settings
        self._lock = threading.Lock()
        # Connection -> whether it is idle. The one that has been idle longest comes first.
        self._connections: dict[socket.socket, bool] = {}

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Serve a connection; beyond MAX_CONNECTIONS, close the one that has been idle longest."""
        with self._lock:
            if len(self._connections) >= MAX_CONNECTIONS:
                longest = next((c for c, idle in self._connections.items() if idle), request)
                self._connections.pop(longest, None)
                # Its thread then reads end-of-file and closes the connection.
                with contextlib.suppress(OSError):
                    longest.shutdown(socket.SHUT_RDWR)
            self._connections[request] = True
        super().process_request(request, client_address)

    def idle(self, connection: socket.socket) -> None:
        """Mark a connection as waiting for its client."""
        with self._lock:
            if self._connections.pop(connection, None) is not None:
                self._connections[connection] = True

    def busy(self, connection: socket.socket) -> bool:
        """Mark a connection as busy; return False if it was closed meanwhile."""
        with self._lock:
            if connection in self._connections:
                self._connections[connection] = False
                return True
            return False

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 (socketserver's type)
        """Close a connection."""
        with self._lock:
            self._connections.pop(request, None)
        super().shutdown_request(request)

    def server_bind(self) -> None:
        """Bind without the lookup of the host name that http.server makes."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that disconnect."""


@contextlib.contextmanager
def gate(settings: Settings, folder: Path) -> Iterator[dict[str, str]]:
    """Run the proxy on the management port.

    Yields the environment variables that make TorchServe listen on a Unix socket in `folder`.
    """
    if sys.platform != "linux":
        yield {}
        return
    upstream = str(folder / "management.sock")
    address = settings.variables["MANAGEMENT_HOST"], settings.port("MANAGEMENT_PORT")
    with _Server(address, upstream, settings) as server:
        threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
        try:
            yield {"TS_MANAGEMENT_ADDRESS": f"unix:{upstream}"}
        finally:
            server.shutdown()
