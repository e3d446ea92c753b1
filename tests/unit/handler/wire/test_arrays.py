"""simdjson gives the same arrays as msgspec, or leaves the text to msgspec."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest

from server.store.paths import ROOT
from tests.unit.handler.wire.serving import ANYTHING, DOUBLEIT, peak_bytes
from wire import arrays, parse, pieces, rendering
from wire.datatypes import natural
from wire.errors import RequestError
from wire.interface import Interface

ONES = "1," * arrays.LARGE_BYTES


def outcome(body: bytes | bytearray, model: Interface) -> object:
    try:
        (call,) = parse.parse(body, model).calls
    except RequestError as error:
        return str(error)
    (tensor,) = call.values()
    return tensor.datatype, tensor.array.shape, tensor.array.tobytes()


def check(text: str, model: Interface) -> None:
    """Compare the results for a body with and without the quick parser."""
    body = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "quick", lambda *_: None)
        slow = outcome(body, model)
        # Short pieces: errors, shapes and datatypes must not depend on where the text is cut.
        patch.setattr(pieces, "PIECE_BYTES", max(7, len(body) // 8))
        assert outcome(body, model) == slow
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "LARGE_BYTES", 0)
        patch.setattr(arrays, "LARGE_NESTED_BYTES", 0)
        patch.setattr(pieces, "PIECE_BYTES", max(5, len(body) // 9))
        assert outcome(body, model) == slow
    # The worker reads large bodies into a bytearray.
    assert outcome(body, model) == outcome(bytearray(body), model) == slow


def test_both_parsers_agree_on_every_short_text() -> None:
    for size in range(1, 6):
        for letters in itertools.product("[],1", repeat=size):
            check("".join(("[", *letters, "]")), ANYTHING)


@pytest.mark.parametrize(
    "number",
    [
        *("-0", "-0.0", "1E-5", "5e-324", "1e-999", "2.2250738585072011e-308", "1e999"),
        *("4611686018427387904", "18446744073709551615", "18446744073709551616, 0.5", "1" * 400),
        *("9223372036854775808, 0.5", "9223372036854775808, -1", "-9223372036854775809"),
        *("9007199254740993, 0.5", f"0.{'1' * 800}", "1.7976931348623159e308"),
        *("null", "true", '"3"', "[1]", "[]", '{"a": 1}', "NaN", "01", "1.", "+1", "1 2", "1,,2"),
        *("", "1]", "1] [1", "\x00", "1}", "é", '"[1.5e3]"', '"],["', "[1], [2]", "-", "1e"),
    ],
)
def test_both_parsers_agree_on_what_is_odd(number: str) -> None:
    for body in (
        f"[{ONES}{number}]",
        f"[{number},{ONES}1]",
        f" [{ONES}\n{number} ]",
        f"[[{ONES}{number}],[1]]",
    ):
        for model in (DOUBLEIT, ANYTHING):
            check(body, model)


@pytest.mark.parametrize("text", [f"[{ONES}2]", f"[{ONES}0.5]", f"[[{ONES}2],[{ONES}2]]"])
def test_large_arrays_are_parsed_by_simdjson(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "careful", None)
    monkeypatch.setattr(arrays, "LARGE_NESTED_BYTES", len(ONES))
    (call,) = parse.parse(text.encode(), ANYTHING).calls
    assert call["x"].array.flags.writeable  # PyTorch needs writable memory


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" + b"[1," * 7 + b"1" * 8 + b"]" * 7 + b",1" * 20_000 + b"]", id="deep"),
        pytest.param(b"[[[" + b"1," * 15_000 + b"1]]" + b",[[1]]" * 3_000 + b"]", id="wide"),
    ],
)
def test_a_text_that_pretends_a_huge_shape_builds_no_huge_text(body: bytes) -> None:
    """The first elements suggest a shape with far more numbers than the text has."""
    assert isinstance(outcome(body, ANYTHING), str)
    assert peak_bytes(lambda: outcome(body, ANYTHING)) < 100 * len(body) + (1 << 20)


OUT_OF_MEMORY = """
import resource
import psutil
from wire import arrays

now = psutil.Process().memory_info().vms
for count in (1 << 23, 1 << 18):
    body = b"[" + b"1," * count + b"1]"
    for mebibytes in (0, 2, 5, 8, 60, 120, 200, 260):
        resource.setrlimit(resource.RLIMIT_AS, (now + len(body) + (mebibytes << 20), -1))
        try:
            assert arrays.quick(body, "FP64").size == count + 1
        except MemoryError:
            print("out of memory")
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    assert arrays.quick(body, "FP64").size == count + 1
"""


def test_a_parser_that_ran_out_of_memory_is_not_used_again() -> None:
    # Runs in a separate process, because a failure would crash it.
    command = [sys.executable, "-c", OUT_OF_MEMORY]
    output = subprocess.check_output(command, cwd=ROOT / "handler", text=True)
    assert output.count("out of memory") > 3


def test_an_array_is_written_by_its_order_not_by_that_of_its_memory() -> None:
    array = np.arange(12).reshape(2, 3, 2).transpose(2, 0, 1)[:, ::-1]
    text = bytearray()
    rendering.write(text, natural(array), str, ANYTHING)
    assert json.loads(text) == array.tolist()
