"""Large lists: the quick parser gives what the other one does, or leaves it alone."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import large, parse
from wire.arrays import IntegerBounds
from wire.errors import RequestError

BOUNDS = IntegerBounds(-(2**62), 2**62 - 1)
integers = st.integers(-(2**62), 2**62 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
ONES = "1," * large.LARGE


def both(text: str | bytes) -> tuple[object, object]:
    """Return what comes of a body with the quick parser and without."""

    def outcome() -> object:
        try:
            (array,) = parse.parse(body, BOUNDS).arrays
        except RequestError as error:
            return str(error)
        return array.dtype, array.tobytes()

    body = text if isinstance(text, bytes) else text.encode()
    fast, limit = outcome(), large.LARGE
    try:
        large.LARGE = 1 << 40
        return fast, outcome()
    finally:
        large.LARGE = limit


@given(st.lists(st.one_of(integers, floats), min_size=1), st.integers(0, 300))
def test_both_parsers_agree_on_numbers(numbers: list[float], times: int) -> None:
    quick, other = both(json.dumps(numbers * (times + 1)))
    assert quick == other


@pytest.mark.parametrize(
    "number",
    [
        *("-0", "-0.0", "1e5", "1E-5", "5e-324", "1e-999", "2.2250738585072011e-308", "1e999"),
        *("4611686018427387904", "9223372036854775808", "18446744073709551615", "1" * 400),
        *("9223372036854775808, 0.5", "18446744073709551616, 0.5", f"{'1' * 400}, 0.5"),
        *("9007199254740993, 0.5", "-0, 0.5", f"0.{'1' * 800}", "1.7976931348623159e308"),
        *(
            "null",
            "true",
            '"3"',
            "[1]",
            "[]",
            "{}",
            '{"a": 1}',
            "NaN",
            "Infinity",
            "01",
            "1.",
            ".5",
        ),
        *("+1", "0x10", "1_0", "1 2", "1,,2", "", "1]", "1] [1", "\x00", "1}", "é", '"[1.5e3]"'),
    ],
)
@pytest.mark.parametrize("form", ["[{ones}{number}]", "[{number},{ones}1]", " [{ones}\n{number} ]"])
def test_both_parsers_agree_on_what_is_odd(form: str, number: str) -> None:
    quick, other = both(form.format(ones=ONES, number=number))
    assert quick == other


@pytest.mark.parametrize(
    "body", [b"\xef\xbb\xbf[%b1]", b"[%b\xff1]", b"[%b1", b"%b1", b"[%b1]\x00", b'{"a":[%b1]}']
)
def test_both_parsers_agree_on_what_is_no_list(body: bytes) -> None:
    quick, other = both(body % ONES.encode())
    assert quick == other
    assert isinstance(quick, str)


def test_both_parsers_agree_on_broken_bodies() -> None:
    pick = random.Random(3)
    whole = json.dumps([pick.choice([n, n / 7]) for n in range(400)]).encode()
    for _ in range(2_000):
        body = bytearray(whole)
        at = pick.randrange(len(body))
        body[at : at + pick.randint(0, 3)] = pick.choice([b"", b",", b"[", b"e", b"-", b".", b"x"])
        quick, other = both(bytes(body))
        assert quick == other


def test_a_large_list_is_parsed_here() -> None:
    array = large.parse(f"[{ONES}2]".encode(), BOUNDS)
    assert array is not None
    assert array.dtype == np.int64
    assert array.flags.writeable  # PyTorch wants it so
    floats_too = large.parse(f"[{ONES}0.5]".encode(), BOUNDS)
    assert floats_too is not None
    assert floats_too.dtype == np.float64
    assert large.parse(b"[1]", BOUNDS) is None


OUT_OF_MEMORY = """
import resource, sys
import psutil
from wire import large
from wire.arrays import IntegerBounds

now = psutil.Process().memory_info().vms
for count in (1 << 23, 1 << 18):
    body = b"[" + b"1," * count + b"1]"
    for mebibytes in (0, 2, 5, 8, 60, 120, 200, 260):
        resource.setrlimit(resource.RLIMIT_AS, (now + len(body) + (mebibytes << 20), -1))
        try:
            assert large.parse(body, IntegerBounds()).size == count + 1
        except MemoryError:
            print("out of memory")
    resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    assert large.parse(body, IntegerBounds()).size == count + 1
print(large.parse(b"[" + b"1," * 1000 + b"1]", IntegerBounds()).size)
"""


def test_a_parser_that_ran_out_of_memory_is_not_used_again() -> None:
    # It would end the process: hence one of its own.
    done = subprocess.run(
        [sys.executable, "-c", OUT_OF_MEMORY],
        env={**os.environ, "PYTHONPATH": str(Path(large.__file__).parent.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    *failures, last = done.stdout.splitlines()
    assert (done.returncode, last) == (0, "1001"), done.stderr
    assert len(failures) > 5
