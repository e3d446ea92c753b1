"""Valid request bodies of any size in each format, chosen to cause the most work per byte."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

JSON = {"Content-Type": "application/json"}


class Body(NamedTuple):
    """A request body and the headers that describe its format."""

    content: bytes
    headers: Mapping[str, str] = JSON


Make = Callable[[int], Body]


def _repeated(start: str, piece: str, end: str, headers: Mapping[str, str] = JSON) -> Make:
    """Return a function that makes bodies by repeating `piece`, which ends with a comma.

    The number of repetitions replaces COUNT in `start`.
    """

    def make(size: int) -> Body:
        # COUNT may have up to three digits more than letters.
        count = max(1, (size - len(start) - len(end) - 2) // len(piece))
        content = start.replace("COUNT", str(count)) + (piece * count)[:-1] + end
        return Body(content.encode(), headers)

    return make


def _tensor(datatype: str, piece: str, row: str = "") -> Make:
    """Return a function that makes V2 bodies; `row` is the shape of one piece."""
    tensor = f'"name":"numbers","shape":[COUNT{row}],"datatype":"{datatype}"'
    return _repeated(f'{{"inputs":[{{{tensor},"data":[', piece, "]}]}")


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
    "list of integers": _repeated("[", "1,", "]"),
    "list of floats": _repeated("[0.5,", "1,", "]"),
    "list of 1e15": _repeated("[", "1e15,", "]"),
    "V1 numbers": _repeated('{"instances":[', "1,", "]}"),
    "V1 integers and floats": _repeated('{"instances":[', "1,1.5,", "]}"),
    "V1 lists of one number": _repeated('{"instances":[', "[1],", "]}"),
    "V1 empty lists": _repeated('{"instances":[', "[],", "]}"),
    "V1 one long list": _repeated('{"instances":[[', "1,", "]]}"),
    "V2 INT64": _tensor("INT64", "1,"),
    "V2 FP64": _tensor("FP64", "1,"),
    "V2 INT8": _tensor("INT8", "1,"),
    "V2 nested": _tensor("INT64", "[1],", ",1"),
    "V2 nested twice": _tensor("FP64", "[[1],[1]],", ",2,1"),
    "V2 binary": _binary,
    "multipart": _repeated(
        '--b\r\nContent-Disposition: form-data; name="data"\r\n\r\n[',
        "1,",
        "]\r\n--b--\r\n",
        {"Content-Type": "multipart/form-data; boundary=b"},
    ),
}
