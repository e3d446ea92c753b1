"""Generate malformed requests from a seed, and judge the responses to them."""

import gzip
import json
import random
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
import yaml
from tritonclient.grpc import service_pb2
from urllib3.filepost import encode_multipart_formdata

from scripts.model.archiver import CONFIG
from server.store.paths import ROOT
from tests.support.raw import PATH
from tests.support.server import JSON

BOUNDS = yaml.safe_load(CONFIG.read_text())["model"]["inputs"]["numbers"]
FLOATS = {"FP64": np.float64, "FP32": np.float32, "FP16": np.float16}
DTYPES = {**FLOATS, "INT8": np.int8, "INT32": np.int32, "INT64": np.int64}
# A body and its response.
NUMBERS, DOUBLED = b"[1, 2, 3]", b"[2,4,6]"
# The examples with code of their own.
ROWS, PHOTOS = "/predictions/rows", "/predictions/photos"
SKY = (ROOT / "examples/photos/sky.jpg").read_bytes()
SAMPLES = [
    b"[1, 2, 3]",
    b"[1.5, -2e3, 0.0, 9007199254740993]",
    b"[]",
    b'{"instances": [[1, 2], [0.5], 3]}',
    b'{"instances": [[1]], "parameters": {"a": [1, {"b": null}]}}',
    b'{"inputs": [{"name": "x", "shape": [2], "datatype": "INT64", "data": [1, 2]}], "id": "7"}',
    b'{"inputs": [{"name": "x", "shape": [2, 1], "datatype": "FP32", "data": [[1], [2.5]]}],'
    b' "outputs": [{"name": "y"}]}',
    b'{"id": null, "parameters": null, "inputs": [{"name": "x", "shape": [2, 1, 1], "datatype":'
    b' "INT64", "data": [1, 2], "parameters": null}], "outputs": null}',
    b'{"inputs": [{"name": "x", "shape": [0, 5], "datatype": "FP64", "data": []}]}',
]
# Tokens of JSON's grammar, and tokens that a lenient parser accepts.
PIECES = [
    *(bytes([c]) for c in b'[]{},:"-+.eE0123456789 \t\r\n\\/\x00\x7f'),
    *(b"null", b"true", b"NaN", b"Infinity", b"0x10", b"1_0", b"01", b"1e999", b"-", b'"inputs"'),
    *(b'"instances"', b"\xef\xbb\xbf", b"\xff\xfe", b"\xc3", b"\xed\xa0\x80", b"\\ud800", b"//"),
    *(b"4611686018427387904", b"-9223372036854775809", b"18446744073709551616", b"1e308"),
    *(b'"shape":[0,18446744073709551616],', b'"shape":[4611686018427387904,4],', b'"shape":[],'),
    *(b'"instances":[1],', b'"id":null,', b'"data":[1],', b'"datatype":"BOOL",', b'"a":'),
]


class Sent(NamedTuple):
    """A request, and what is known about its response."""

    body: bytes
    headers: Mapping[str, str] = JSON
    path: str = PATH
    # The JSON that it stands for; None if only its status is known.
    plain: bytes | None = None
    statuses: Collection[int] = (200, 400, 413)


def changed(pick: random.Random, content: bytes) -> bytes:
    """Return bytes of which some are replaced, removed, duplicated or inserted."""
    body = bytearray(content)
    for _ in range(pick.randint(1, 4)):
        at = pick.randrange(len(body) + 1)
        until = min(len(body), at + pick.randint(1, 6))
        change = pick.randrange(4)
        if change == 0:
            body[at:at] = pick.choice(PIECES)
        elif change == 1:
            body[at:until] = b""
        elif change == 2:
            body[at:at] = body[at:until]
        else:
            body[at:until] = pick.choice(PIECES)
    return bytes(body)


def mutated(pick: random.Random) -> bytes:
    return changed(pick, pick.choice(SAMPLES))


def nested(pick: random.Random) -> bytes:
    depth = int(10 ** pick.uniform(0.3, 4))
    opening = pick.choice([b"[", b'{"instances":[', b'{"a":', b'[{"inputs":'])
    end = {b"[": b"]", b"{": b"}"}.get(opening[:1], b"]") * pick.choice([depth, depth - 1, 0])
    return opening * depth + pick.choice([b"1", b"", b"null"]) + end


def huge(pick: random.Random) -> bytes:
    """Return numbers of many digits or with large exponents."""
    digits = "".join(pick.choices("0123456789", k=int(10 ** pick.uniform(0, 3.7))))
    exponent = f"{pick.randint(-400, 400)}"
    number = pick.choice(
        (digits, f"-1{digits}", f"0.{digits}", f"1.{digits}e{exponent}", f"1e-{digits[:9]}")
    )
    return pick.choice(["[{}]", "[1.5, {}]", '{{"instances": [[{}]]}}']).format(number).encode()


BODIES = (mutated, mutated, mutated, nested, huge)


def bare(pick: random.Random) -> Sent:
    body = pick.choice(BODIES)(pick)
    return Sent(body, plain=body)


def compressed(pick: random.Random) -> Sent:
    """Return a compressed body, or one that is damaged afterwards."""
    encoding, pack = pick.choice((("gzip", gzip.compress), ("deflate", zlib.compress)))
    body = pick.choice((*BODIES, lambda pick: pick.choice(SAMPLES)))(pick)
    sent = Sent(pack(body), {**JSON, "Content-Encoding": encoding}, plain=body)
    return _perhaps_damaged(pick, sent)


def form(pick: random.Random) -> Sent:
    """Return a multipart form with any number of fields, of which one should be the body."""
    fields = [
        (pick.choice(("data", "body", "other", "é")), pick.choice(SAMPLES))
        for _ in range(pick.choice((0, 1, 1, 1, 2, 5)))
    ]
    own = [content for name, content in fields if name in ("data", "body")]
    plain = own[0] if len(own) == 1 else b""
    files = [(name, ("a.json", content)) for name, content in fields]
    boundary = pick.choice(("b", "x" * 70, "--", "a'b"))
    body, kind = encode_multipart_formdata(pick.choice((fields, files)), boundary)
    return _perhaps_damaged(pick, Sent(body, {"Content-Type": kind}, plain=plain))


def binary(pick: random.Random) -> Sent:
    """Return V2 with binary tensors; one size in three does not fit the others."""
    datatype = pick.choice((*FLOATS, "INT8", "INT32", "INT64"))
    array = np.frombuffer(pick.randbytes(8 * pick.randrange(5)), DTYPES[datatype])
    off = [pick.choice((0,) * 6 + (1, -1, 8, 2**31, 2**63)) for _ in range(3)]
    parameters = {"binary_data_size": array.nbytes + off[0]}
    tensor = {"name": "x", "shape": [array.size + off[1]], "datatype": datatype}
    head = json.dumps({"inputs": [{**tensor, "parameters": parameters}]}).encode()
    headers = {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head) + off[2]),
    }
    plain = json.dumps({"inputs": [{**tensor, "data": array.tolist()}]}).encode()
    sent = Sent(head + array.tobytes(), headers, plain=b"" if any(off) else plain)
    return _perhaps_damaged(pick, sent)


def table(pick: random.Random) -> Sent:
    """Return CSV for the code of an archive."""
    lines = [f"{pick.random()},{pick.randrange(9)},{pick.randrange(99)}" for _ in range(3)]
    text = "\n".join(["area,rooms,age", *lines]).encode()
    kind = pick.choice(("text/csv", "text/csv", "text/csv; charset=utf-8", "TEXT/CSV", "text/html"))
    statuses = (415,) if kind == "text/html" else (200,)
    return _perhaps_damaged(pick, Sent(text, {"Content-Type": kind}, ROWS, statuses=statuses))


def picture(pick: random.Random) -> Sent:
    """Return an image for the code of an archive."""
    headers = {"Content-Type": pick.choice(("image/jpeg", "image/png", "image/x"))}
    return _perhaps_damaged(pick, Sent(SKY, headers, PHOTOS, statuses=(200,)))


def misdirected(pick: random.Random) -> Sent:
    """Return tensors for another model, or for none."""
    path = pick.choice(
        (ROWS, PHOTOS, "/v2/models/rows/infer", "/v1/models/photos:predict", "/v2/models/x/infer")
    )
    return Sent(pick.choice(BODIES[:3])(pick), path=path, statuses=(200, 400, 404, 413))


def _perhaps_damaged(pick: random.Random, sent: Sent) -> Sent:
    """Return a request as it is, or with a changed body, of which only the status is known."""
    if pick.randrange(2):
        return sent
    body = changed(pick, sent.body)
    return sent._replace(body=body, plain=None, statuses={*sent.statuses, 200, 400, 413})


KINDS: tuple[Callable[[random.Random], Sent], ...] = (
    *(bare, bare, bare, bare),
    *(compressed, form, binary, table, picture, misdirected),
)


def http(pick: random.Random) -> bytes:
    """Return a request of HTTP/1.1 for NUMBERS whose lines may be unusual or invalid."""

    def some(usual: bytes, *others: bytes) -> bytes:
        return usual if pick.randrange(4) else pick.choice(others)

    path, count = PATH.encode(), b"%x" % len(NUMBERS)
    target = some(path, b"http://h:1" + path, b"HTTP://u@h" + path, path[1:], b"*", path + b"?%zz")
    method = some(b"POST", b"PUT", b"post", b"P ST")
    version = some(b"HTTP/1.1", b"HTTP/1.0", b"X/1")
    lines = [b" ".join((method, target, version)), b"Host: x"]
    odd = (b"+9", b"-9", b"0x9", b"9, 9", b"", b"abc", b"10", b"8", b"%d" % 2**63, b"%d" % 2**64)
    length, coding = some(count, b"09", *odd), some(b"chunked", b"Chunked", b"gzip, chunked", b"x")
    chunked = pick.randrange(2)
    if chunked:
        lines.append(b"Transfer-Encoding: " + coding)
    if not chunked or not pick.randrange(8):
        lines += [b"Content-Length: " + length] * pick.choice((1, 1, 1, 1, 2))
    if not pick.randrange(4):
        lines.append(b"Expect: " + some(b"100-continue", b"100-Continue", b"a coffee"))
    if not pick.randrange(4):
        odd_lines = (b" folded", b"no colon", b"a b: c", b": c", b"a:\0", b"a: " + b"b" * 9000)
        lines.insert(pick.randrange(1, len(lines)), pick.choice(odd_lines))
    size = some(count, b"09", b"9;a=b", b"-9", b"0x9", b"zz", b"f" * 16, b"", b"a", b"8")
    body = size + b"\r\n" + NUMBERS + b"\r\n0\r\n\r\n" if chunked else NUMBERS
    end = some(b"\r\n", b"\n", b"\r")
    return end.join([*lines, b"", body])


# The fields of typed contents. FP16 has none.
CONTENTS = {"FP64": "fp64", "FP32": "fp32", "INT8": "int", "INT32": "int", "INT64": "int64"}
REFUSED = ("INVALID_ARGUMENT",)
METHODS = ("ModelInfer", "ModelInfer", "ModelReady", "ModelMetadata", "ServerLive")


class Call(NamedTuple):
    """A gRPC call of V2, with the codes that it may end with."""

    message: bytes
    codes: Collection[str] = ("OK",)
    output: bytes | None = None  # None if it is not known
    method: str = "ModelInfer"


def _tensor(pick: random.Random) -> tuple[Any, bytes]:
    """Return a valid request with typed or raw contents, and the output."""
    datatype = pick.choice([*DTYPES])
    most = {"INT8": 63, "INT64": 2**61}.get(datatype, 1000)
    numbers = [pick.randint(-most, most) for _ in range(pick.randrange(5))]
    array = np.array(numbers, DTYPES[datatype])
    version = pick.choice(("", "1.0"))
    request = service_pb2.ModelInferRequest(model_name="doubleit", model_version=version, id="7")
    shape = [1] * pick.randrange(3) + [array.size] + [1] * pick.randrange(3)
    tensor = request.inputs.add(name="x", datatype=datatype, shape=shape)
    if datatype in CONTENTS and pick.randrange(2):
        getattr(tensor.contents, f"{CONTENTS[datatype]}_contents").extend(array.tolist())
    else:
        request.raw_input_contents.append(array.tobytes())
    return request, (array * 2).tobytes()


def valid(pick: random.Random) -> Call:
    """Return a request with fields that change nothing."""
    request, output = _tensor(pick)
    if pick.randrange(2):
        request.parameters["other"].string_param = "x" * pick.randrange(1000)
    if pick.randrange(2):
        request.outputs.add(name="y")
    unknown = pick.choice((b"", b"\xfa\x07\x03abc", b"\xa0\x06\x01", b"\xa5\x06abcd"))
    return Call(request.SerializeToString() + unknown, output=output)


def mistaken(pick: random.Random) -> Call:
    """Return a request with one mistake."""
    request, _ = _tensor(pick)
    (tensor,) = request.inputs
    kind = pick.choice(("name", "version", "shape", "datatype", "size", "twice", "none"))
    if kind in ("name", "version"):
        other = pick.choice(("other", "9.9", "x" * 10_000, "doubleit/1.0", "é", "../x"))
        setattr(request, f"model_{kind}", other)
        return Call(request.SerializeToString(), ("NOT_FOUND",))
    if kind == "shape":
        absurd = ([-1], [2**62, 4], [2**63 - 1] * 3, [1] * 10_000, [7], [-(2**63)])
        tensor.shape[:] = pick.choice(absurd)
    elif kind == "datatype":
        tensor.datatype = pick.choice(("INT7", "int64", "", "BYTES", "INT", "x" * 10_000))
    elif kind == "size":
        tensor.ClearField("contents")
        request.raw_input_contents[:] = [pick.randbytes(pick.choice((9, 41, 1000)))]
    elif kind == "twice":
        request.inputs.append(tensor)
        request.raw_input_contents.extend(request.raw_input_contents)
    else:
        request.ClearField("inputs")
    return Call(request.SerializeToString(), REFUSED)


def damaged(pick: random.Random) -> Call:
    """Return bytes that may not be a message."""
    whole = _tensor(pick)[0].SerializeToString()
    group = b"\x83\x01" * pick.randrange(100_000)
    cut = whole[: pick.randrange(len(whole))]
    content = pick.choice((changed(pick, whole), cut, pick.randbytes(100), whole + group, b""))
    return Call(content, ("OK", "INVALID_ARGUMENT", "NOT_FOUND"), method=pick.choice(METHODS))


def elsewhere(pick: random.Random) -> Call:
    """Return a call of another method, or for a model with code of its own."""
    if pick.randrange(2):
        name = pick.choice(("rows", "photos", "doubleit", "other", ""))
        version = pick.choice(("", "2"))
        codes = ("NOT_FOUND",) if version or name in ("other", "") else ("OK",)
        request = service_pb2.ModelReadyRequest(name=name, version=version)
        return Call(request.SerializeToString(), codes, method=pick.choice(METHODS[2:4]))
    request, _ = _tensor(pick)
    request.model_name, count = pick.choice(("rows", "photos")), pick.randrange(1, 4)
    if request.model_name == "photos":
        return Call(request.SerializeToString(), REFUSED)
    request.raw_input_contents[:] = [np.full((count, 3), 1, np.float32).tobytes()]
    request.ClearField("inputs")
    request.inputs.add(name="rows", datatype="FP32", shape=[count, 3])
    return Call(request.SerializeToString())


CALLS = (valid, valid, mistaken, mistaken, damaged, elsewhere)


def judge_call(sent: Call, code: str, answer: bytes) -> str:
    """Return what is wrong with the end of a call; an empty text if it is correct."""
    if code not in sent.codes:
        return f"{code}, expected {sent.codes}"
    if code != "OK" or sent.output is None:
        return ""
    response = service_pb2.ModelInferResponse.FromString(answer)
    right = (response.id, response.raw_output_contents[:]) == ("7", [sent.output])
    return "" if right else f"answered {answer[:100]!r}"


class MalformedError(ValueError):
    """The body must be refused."""


def _refuse(_: str) -> Any:
    raise MalformedError


def parse(body: bytes) -> Any:
    """Parse strictly, with a parser other than the server's; raise MalformedError if it fails."""
    try:
        return json.loads(
            body.decode(), parse_constant=_refuse, parse_int=_integer, object_pairs_hook=_once
        )
    except (ValueError, RecursionError):
        raise MalformedError from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object without duplicate keys."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise MalformedError
    return found


def _integer(digits: str) -> int:
    # Python converts at most 4300 digits; beyond 64 bits, the exact value does not matter.
    return int(digits) if len(digits) < 4000 else int(digits[:3999]) * 10


def doubled(numbers: Any) -> list[int | float]:
    """Return the correct response to a list; raise MalformedError if it must be refused."""
    if not isinstance(numbers, list) or any(type(n) not in (int, float) for n in numbers):
        raise MalformedError
    if all(type(n) is int for n in numbers):
        if any(not BOUNDS["minimum"] <= n <= BOUNDS["maximum"] for n in numbers):
            raise MalformedError
        return [2 * n for n in numbers]
    try:
        floats = [2 * float(n) for n in numbers]
    except OverflowError:
        raise MalformedError from None
    if any(abs(n) == float("inf") for n in floats):
        raise MalformedError
    return floats


def judge(sent: Sent, status: int, answer: bytes) -> str:
    """Return what is wrong with a response; an empty text if it is correct."""
    if status not in sent.statuses:
        return f"status {status}: {answer[:100]!r}"
    return "" if sent.plain is None else _judge_plain(sent.plain, status, answer)


def _judge_plain(body: bytes, status: int, answer: bytes) -> str:
    if status != 200:
        expected = _expected_list(body)
        return "" if expected is None else f"refused, expected {expected}"
    try:
        value, got = parse(body), json.loads(answer)
        if isinstance(value, list):
            right: Any = doubled(value)
        elif "instances" in value:
            right = {"predictions": [_instance(instance) for instance in value["instances"]]}
        else:
            tensor, output = value["inputs"][0], got["outputs"][0]
            numbers, got = _flat(tensor["data"]), _flat(output["data"])
            if tensor["datatype"].startswith("FP"):
                # A datatype of lower precision rounds the input.
                kind = FLOATS[tensor["datatype"]]
                right = (np.array(numbers, kind) * 2).tolist()
                got = np.array(got, kind).tolist()
            else:
                right = doubled(numbers)
    except (MalformedError, KeyError, TypeError):
        return "answered, expected a refusal"
    return "" if json.dumps(got) == json.dumps(right) else f"answered {answer[:100]!r}"


def _expected_list(body: bytes) -> Any:
    """Return the correct response to a list of numbers; None for any other body."""
    try:
        value = parse(body)
        return doubled(value) if isinstance(value, list) else None
    except MalformedError:
        return None


def _instance(instance: Any) -> Any:
    return doubled(instance) if isinstance(instance, list) else doubled([instance])[0]


def _flat(data: Any) -> list[Any]:
    return [n for item in data for n in _flat(item)] if isinstance(data, list) else [data]
