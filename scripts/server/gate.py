"""The management API's door: programs on this machine come in, web pages in its browsers do not.

TorchServe answers whoever reaches its port, and a web page can send a plain POST to a port of the
machine that it is viewed on: enough to register an archive with a hundred workers. So TorchServe
listens on a socket file in a folder of this server's own, and the management port is here. What a
browser sends on a page's behalf carries a header that says so (Fetch standard: `Origin`,
`Sec-Fetch-Site`), or the page's own name as `Host` where that name was pointed at this machine.

A registration has to name an archive in the model store, in its query: TorchServe's own rule for
addresses (`allowed_urls`) lets a directory anywhere on this machine through, and `jar:` addresses.

TorchServe's library has socket files on Linux only; elsewhere it keeps the port to itself.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import json
import re
import socket
import sys
import threading
from collections.abc import Mapping
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from scripts.server.settings import Settings

# Management requests are query parameters or a few lines of JSON.
MAX_BODY_BYTES = 1 << 20
# Each connection costs a thread and up to two descriptors, which the supervisor needs for a stop.
MAX_CONNECTIONS = 64
# Seconds: longer than a registration that waits for its workers.
UPSTREAM_SECONDS = 600
# Seconds until a silent client is let go.
IDLE_SECONDS = 60
FORWARDED = ("Accept", "Authorization", "Content-Type")
# A registration, without a character that two parsers could read differently.
REGISTRATION = re.compile(r"/(?:models|workflows)/?\?([\w.,:=&-]*)", re.ASCII)
ARCHIVE = re.compile(r"\w[\w.-]*\.[mw]ar", re.ASCII)


def refusal(headers: Message | Mapping[str, str]) -> str | None:
    """Return why a request is not let in; None where it is."""
    if "Origin" in headers or headers.get("Sec-Fetch-Site", "none") != "none":
        return "The management API is not for web pages: this request came from one"
    host = headers.get("Host", "")
    if not _names_this_machine(host):
        return f"The management API is not known as {host}: use an IP address or localhost"
    return None


def outside_the_store(target: str, length: int) -> bool:
    """Say whether a POST is anything but the registration of an archive in the model store.

    Args:
        target: path and query as they came.
        length: of the body, in which TorchServe would take parameters too.
    """
    registration = REGISTRATION.fullmatch(target)
    if length or not registration:
        return True
    urls = parse_qs(registration[1], keep_blank_values=True).get("url", [])
    return len(urls) != 1 or not ARCHIVE.fullmatch(urls[0])


def _names_this_machine(host: str) -> bool:
    """Say whether `host` is a name that nobody outside can point at this machine.

    That is an address, or a name without a dot: localhost, or a container's on its own network.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return "." not in name
    return True


class _Upstream(http.client.HTTPConnection):
    """A connection to TorchServe's socket file."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=UPSTREAM_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server: _Server

    def forward(self) -> None:
        """Pass the request on, or answer it with the reason why not."""
        why = refusal(self.headers)
        length = self.headers.get("Content-Length", "0")
        digits = length.isascii() and length.isdecimal()
        if why:
            self._answer(HTTPStatus.FORBIDDEN, _error(HTTPStatus.FORBIDDEN, why), close=True)
        elif "Transfer-Encoding" in self.headers or not digits:
            self.send_error(HTTPStatus.LENGTH_REQUIRED, "Send a Content-Length")
        # Python refuses to read a number of thousands of digits.
        elif len(length) > len(str(MAX_BODY_BYTES)) or int(length) > MAX_BODY_BYTES:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{MAX_BODY_BYTES} bytes at most")
        elif self.command == "POST" and outside_the_store(self.path, int(length)):
            self.send_error(
                HTTPStatus.BAD_REQUEST,
                "A registration names an archive in the model store, in its query: "
                "POST /models?url=NAME-VERSION.mar",
            )
        else:
            self._pass_on(self.rfile.read(int(length)))

    def handle_one_request(self) -> None:
        """Read and answer a request; while none has come, the connection may be closed."""
        self.server.idle(self.connection)
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Take the connection as busy once a request's first line is there."""
        return self.server.busy(self.connection) and super().parse_request()

    do_DELETE = do_GET = do_OPTIONS = do_POST = do_PUT = forward  # noqa: N815 (http.server's names)

    def _pass_on(self, body: bytes) -> None:
        headers = {name: self.headers[name] for name in FORWARDED if name in self.headers}
        upstream = _Upstream(self.server.upstream)
        try:
            upstream.request(self.command, _ascii(self.path), body or None, headers)
            answer = upstream.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.send_error(HTTPStatus.BAD_GATEWAY, f"TorchServe does not answer: {error}")
        else:
            self._answer(answer.status, content, kind=answer.headers.get("Content-Type"))
        finally:
            upstream.close()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer with an error in TorchServe's own shape."""
        status = HTTPStatus(code)
        self._answer(code, _error(status, message or explain or status.phrase), close=True)

    def _answer(
        self, status: int, content: bytes, *, kind: str | None = None, close: bool = False
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind or "application/json")
        self.send_header("Content-Length", str(len(content)))
        if close:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's name)
        """Log nothing: TorchServe's own access log has what came through."""


def _ascii(target: str) -> str:
    """Return a request's target, as http.server has it, with every odd byte as `%XX`."""
    return re.sub(r"[^!-~]", lambda odd: f"%{ord(odd[0]):02X}", target)


def _error(status: HTTPStatus, message: str) -> bytes:
    kind = status.phrase.title().replace(" ", "")
    return json.dumps({"code": status, "type": kind, "message": message}).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], upstream: str) -> None:
        super().__init__(address, _Handler)
        self.upstream = upstream
        self._lock = threading.Lock()
        # Whether each connection is idle; the one that has been so for longest stands first.
        self._connections: dict[socket.socket, bool] = {}

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401
        """Serve a connection; for one too many, close the one that has been idle for longest."""
        with self._lock:
            if len(self._connections) >= MAX_CONNECTIONS:
                longest = next((c for c, idle in self._connections.items() if idle), request)
                self._connections.pop(longest, None)
                # Its thread reads the end of it, and closes it.
                with contextlib.suppress(OSError):
                    longest.shutdown(socket.SHUT_RDWR)
            self._connections[request] = True
        super().process_request(request, client_address)

    def idle(self, connection: socket.socket) -> None:
        """Take a connection as one that waits for its client."""
        with self._lock:
            if self._connections.pop(connection, None) is not None:
                self._connections[connection] = True

    def busy(self, connection: socket.socket) -> bool:
        """Take a connection as one that a request came on; False where it was closed before."""
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
        """Bind without asking the name service what this machine is called."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that went away."""


class Gate:
    """The management port while it is open. Use as a context manager.

    Attributes:
        variables: what TorchServe's environment needs so that it listens behind the gate.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        """Prepare for a server whose own folder is `folder`."""
        self.variables: dict[str, str] = {}
        self._server: _Server | None = None
        if sys.platform == "linux":
            upstream = str(folder / "management.sock")
            self.variables["TS_MANAGEMENT_ADDRESS"] = f"unix:{upstream}"
            host, port = settings.variables["MANAGEMENT_HOST"], settings.port("MANAGEMENT_PORT")
            self._server = _Server((host, port), upstream)

    def __enter__(self) -> Gate:
        """Open."""
        if self._server:
            threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
