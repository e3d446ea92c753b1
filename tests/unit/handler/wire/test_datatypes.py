"""Conversions between datatypes that requests reach only with certain models."""

import numpy as np
import pytest

from wire.datatypes import Array, Tensor, cast, natural, nudged
from wire.errors import Path, RequestError

PLACE = Path("x").flat((9,))


@pytest.mark.parametrize(
    ("values", "datatype", "message"),
    [
        ([True], "INT64", "Expected numbers for INT64, got bool - at x[0]"),
        ([1], "BOOL", "Expected booleans for BOOL, got int64 - at x[0]"),
        ([0, -1], "UINT64", "-1 does not fit UINT64 - at x[1]"),
        (np.array([2**63], np.uint64), "INT64", f"{2**63} does not fit INT64 - at x[0]"),
    ],
)
def test_numbers_of_another_kind_or_size_are_refused(
    values: list[float] | Array, datatype: str, message: str
) -> None:
    with pytest.raises(RequestError) as error:
        cast(natural(np.asarray(values)), datatype, PLACE)
    assert str(error.value) == message


def test_an_empty_list_fits_integers() -> None:
    assert cast(Tensor(np.empty(0), "FP64"), "INT8", PLACE).dtype == np.int8


def test_large_integers_are_rounded_to_bfloat16_once() -> None:
    # Float64 rounds the first to halfway between two numbers of BF16.
    integers = np.array([2**60 + 2**52 + 1, 2**60 + 2**52, 257])
    bits = cast(Tensor(integers, "INT64"), "BF16", PLACE)
    rounded = (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
    assert rounded.tolist() == [2.0**60 + 2**53, 2.0**60, 256]


@pytest.mark.parametrize("text", [b"[16777217]", b"[[16777217], []]"])
def test_exact_integers_and_irregular_lists_stay(text: bytes) -> None:
    # The integer is halfway between two numbers of FP32.
    assert nudged(np.array([16777217.0]), text, "FP32").tolist() == [16777217]
