"""A web server that is not TorchServe, for clients that meet one."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# A status, a body and perhaps headers.
Reply = tuple[int, bytes] | tuple[int, bytes, Mapping[str, str]]


class Handler(BaseHTTPRequestHandler):
    """Responds to GET and POST, and logs nothing."""

    protocol_version = "HTTP/1.1"

    def get(self) -> None:
        raise NotImplementedError

    def post(self, _body: bytes) -> None:
        self.get()

    def do_GET(self) -> None:
        self.get()

    def do_POST(self) -> None:
        self.post(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def send(self, reply: Reply) -> None:
        status, body, *headers = reply
        self.send_response(status)
        for name, value in (headers[0] if headers else {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def running(handler: type[Handler]) -> Iterator[str]:
    """Run a server on a free port of the loopback address; yield its URL."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def respond_with(respond: Callable[[str], Reply]) -> Iterator[str]:
    """Respond to the path of each GET and POST; yield the server's URL."""

    class Responding(Handler):
        def get(self) -> None:
            self.send(respond(self.path))

    with running(Responding) as url:
        yield url
