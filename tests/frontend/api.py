"""A fake inference API with responses that a test sets, including rare failures."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import orjson

from tests.support import web

# Nothing listens there.
NOWHERE = "http://127.0.0.1:9"
Answer = tuple[int, bytes]
# A response, or what happens to the connection.
Reply = web.Reply | Literal["drop", "cut", "hang"]


@dataclass
class Api:
    """The responses of the server, and the requests that it got.

    `metadata` is that of the model, or a reply in place of it; by default, that of an archive
    without metadata. With `double` it doubles the numbers, like DoubleIt, and does not record
    requests.
    """

    url: str
    replies: list[Reply] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    metadata: dict[str, Any] | Reply = (400, b'{"message": "no body"}')
    double: bool = False
    ready: bool = True
    versions: list[str] | None = field(default_factory=lambda: ["1.0"])
    closing: threading.Event = field(default_factory=threading.Event)

    def next_reply(self) -> Reply:
        """Return the next reply; the last one is repeated."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


def answer(values: Sequence[float], version: str = "1.0") -> Answer:
    """Return a V2 response with `values`."""
    datatype = "FP64" if values and isinstance(values[0], float) else "INT64"
    return answers([tensor("output", datatype, [len(values)], values)], version)


def tensor(name: str, datatype: str, shape: list[int], data: Sequence[Any]) -> dict[str, Any]:
    """Return an output of a V2 response."""
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def doubled(body: bytes) -> bytes:
    """Return DoubleIt's response to a V2 request."""
    (sent,) = orjson.loads(body)["inputs"]
    kind = np.int64 if sent["datatype"] == "INT64" else np.float64
    output = {**sent, "name": "output", "data": np.array(sent["data"], kind) * 2}
    found = {"model_version": "1.0", "outputs": [output]}
    return orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)


def answers(outputs: list[dict[str, Any]], version: str = "1.0") -> Answer:
    """Return a V2 response with outputs of any kind."""
    return 200, json.dumps({"model_version": version, "outputs": outputs}).encode()


# The metadata of a classifier.
CLASSIFIER = {
    "name": "flowers",
    "versions": ["1.0"],
    "inputs": [
        {"name": "features", "datatype": "FP32", "shape": [-1, 4], "minimum": 0, "maximum": 8},
        {"name": "weights", "datatype": "FP32", "shape": [4], "optional": True},
    ],
    "outputs": [
        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
        {"name": "kind", "datatype": "INT64", "shape": [-1]},
    ],
    "batch": "rows",
}
# The metadata of DoubleIt.
DOUBLEIT = {
    "name": "doubleit",
    "versions": ["1.0"],
    "inputs": [
        {"name": "numbers", "datatype": "INT64", "datatypes": ["INT64", "FP64"], "shape": [-1]}
    ],
    "outputs": [{"name": "output", "datatype": "INT64", "shape": [-1]}],
    "batch": "elements",
}


def error(status: int, message: str) -> Answer:
    """Return an error in TorchServe's format."""
    return status, json.dumps({"code": status, "type": "Any", "message": message}).encode()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


@contextmanager
def serve() -> Iterator[Api]:
    """Run the server on a free port of the loopback address."""

    class Handler(web.Handler):
        def post(self, body: bytes) -> None:
            if self.path == "/v2/repository/index" and api.versions is not None:
                listed = [{"name": "doubleit", "version": each} for each in api.versions]
                listed.append({"name": "another", "version": "9.0"})
                self.send((200, json.dumps(listed).encode()))
                return
            if api.double:
                self.send((200, doubled(body)))
                return
            api.requests.append(
                {"path": self.path, "headers": dict(self.headers), "body": _parsed(body)}
            )
            self.respond(api.next_reply())

        def get(self) -> None:
            if self.path.endswith("/ready"):
                self.send((200 if api.ready else 503, b"{}"))
                return
            found = api.metadata
            self.respond((200, json.dumps(found).encode()) if isinstance(found, dict) else found)

        def respond(self, reply: Reply) -> None:
            if not isinstance(reply, str):
                self.send(reply)
                return
            if reply == "hang":
                api.closing.wait(30)
            self.close_connection = True
            if reply == "cut":
                self.send_response(200)
                self.send_header("Content-Length", "100")
                self.end_headers()
                self.wfile.write(b"{")

    api = Api("")
    with web.running(Handler) as api.url:
        try:
            yield api
        finally:
            api.closing.set()
