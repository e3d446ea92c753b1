"""Generate malformed bodies from a seed, and judge the responses to them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import yaml

from scripts.model.archiver import CONFIG

BOUNDS = yaml.safe_load(CONFIG.read_text())["model"]["inputs"]["numbers"]
FLOATS = {"FP64": np.float64, "FP32": np.float32, "FP16": np.float16}
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
    *(
        b"4611686018427387904",
        b"-9223372036854775809",
        b"18446744073709551616",
        b"1e308",
        b"5e-324",
    ),
    *(b'"shape":[0,18446744073709551616],', b'"shape":[4611686018427387904,4],', b'"shape":[],'),
    *(b'"instances":[1],', b'"id":null,', b'"data":[1],', b'"datatype":"BOOL",', b'"a":'),
]


def mutated(pick: random.Random) -> bytes:
    """Return a valid body with some bytes replaced, removed, duplicated or inserted."""
    body = bytearray(pick.choice(SAMPLES))
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


def nested(pick: random.Random) -> bytes:
    """Return nested brackets."""
    depth = int(10 ** pick.uniform(0.3, 4))
    opening = pick.choice([b"[", b'{"instances":[', b'{"a":', b'[{"inputs":'])
    end = {b"[": b"]", b"{": b"}"}.get(opening[:1], b"]") * pick.choice([depth, depth - 1, 0])
    return opening * depth + pick.choice([b"1", b"", b"null"]) + end


def huge(pick: random.Random) -> bytes:
    """Return numbers of many digits or with large exponents."""
    digits = "".join(pick.choices("0123456789", k=int(10 ** pick.uniform(0, 3.7))))
    number = pick.choice(
        [
            digits,
            f"-{digits}",
            f"1{digits}",
            f"0.{digits}",
            f"1.{digits}e{pick.randint(-400, 400)}",
            f"{pick.randint(1, 9)}e{digits[:9]}",
            f"1e-{digits[:9]}",
        ]
    )
    return pick.choice(["[{}]", "[1.5, {}]", '{{"instances": [[{}]]}}']).format(number).encode()


def noise(pick: random.Random) -> bytes:
    """Return random bytes."""
    return pick.randbytes(pick.randrange(200))


def quoted(pick: random.Random) -> bytes:
    """Return a list with a string of random bytes in place of a number."""
    return b'[1, "%b"]' % pick.randbytes(pick.randrange(20))


KINDS: list[Callable[[random.Random], bytes]] = [
    mutated,
    mutated,
    mutated,
    nested,
    huge,
    noise,
    quoted,
]


def make(pick: random.Random) -> bytes:
    """Return a body."""
    return pick.choice(KINDS)(pick)


class MalformedError(ValueError):
    """The body must be refused."""


def _refuse(_: str) -> Any:
    raise MalformedError


def parse(body: bytes) -> Any:
    """Parse strictly, with a parser other than the server's.

    Raises:
        MalformedError: it is not JSON.
    """
    try:
        return json.loads(
            body.decode(), parse_constant=_refuse, parse_int=_integer, object_pairs_hook=_once
        )
    except (ValueError, RecursionError):
        raise MalformedError from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; refuse duplicate keys."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise MalformedError
    return found


def _integer(digits: str) -> int:
    # Python converts at most 4300 digits; beyond 64 bits, the exact value does not matter.
    return int(digits) if len(digits) < 4000 else int(digits[:3999]) * 10


def doubled(numbers: Any) -> list[int | float]:
    """Return the correct response to a list.

    Raises:
        MalformedError: the list must be refused.
    """
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


def judge(body: bytes, status: int, answer: bytes) -> str:
    """Return what is wrong with a response; an empty text if it is correct."""
    if status in (400, 413):
        expected = _expected_list(body)
        return "" if expected is None else f"refused, expected {expected}"
    if status != 200:
        return f"status {status}"
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
