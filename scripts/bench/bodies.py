"""Valid request bodies of any size in each format, chosen to cause the most work per byte."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

JSON = {"Content-Type": "application/json"}
BOUNDARY = "b"


class Body(NamedTuple):
    """A request body and the headers that describe its format."""

    content: bytes
    headers: Mapping[str, str] = JSON


Make = Callable[[int], Body]


def _list(start: bytes, piece: bytes, end: bytes) -> Make:
    """Return a function that makes bodies by repeating `piece`, which ends with a comma."""

    def make(size: int) -> Body:
        count = max(1, (size - len(start) - len(end) + 1) // len(piece))
        return Body(start + (piece * count)[:-1] + end)

    return make


def _tensor(datatype: str, piece: bytes, row: str = "") -> Make:
    """Return a function that makes V2 bodies; `row` is the shape of one piece."""

    def make(size: int) -> Body:
        head = '{{"inputs":[{{"name":"numbers","shape":[{0}{1}],"datatype":"{2}","data":['
        count = max(1, (size - len(head) - 16) // len(piece))
        start = head.format(count, row, datatype).encode()
        return Body(start + (piece * count)[:-1] + b"]}]}")

    return make


def _multipart(size: int) -> Body:
    start = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="data"\r\n\r\n'.encode()
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    content = _list(b"[", b"1,", b"]")(size - len(start) - len(end)).content
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return Body(start + content + end, kind)


def _binary(size: int) -> Body:
    head = (
        '{{"inputs":[{{"name":"numbers","shape":[{0}],"datatype":"INT64",'
        '"parameters":{{"binary_data_size":{1}}}}}]}}'
    )
    count = max(1, (size - len(head) - 24) // 8)
    start = head.format(count, 8 * count).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(start)),
    }
    return Body(start + bytes(8 * count), headers)


FORMS: dict[str, Make] = {
    "list of integers": _list(b"[", b"1,", b"]"),
    "list of floats": _list(b"[0.5,", b"1,", b"]"),
    "list of 1e15": _list(b"[", b"1e15,", b"]"),
    "V1 numbers": _list(b'{"instances":[', b"1,", b"]}"),
    "V1 integers and floats": _list(b'{"instances":[', b"1,1.5,", b"]}"),
    "V1 lists of one number": _list(b'{"instances":[', b"[1],", b"]}"),
    "V1 empty lists": _list(b'{"instances":[', b"[],", b"]}"),
    "V1 one long list": _list(b'{"instances":[[', b"1,", b"]]}"),
    "V2 INT64": _tensor("INT64", b"1,"),
    "V2 FP64": _tensor("FP64", b"1,"),
    "V2 INT8": _tensor("INT8", b"1,"),
    "V2 nested": _tensor("INT64", b"[1],", ",1"),
    "V2 nested twice": _tensor("FP64", b"[[1],[1]],", ",2,1"),
    "V2 binary": _binary,
    "multipart": _multipart,
}
