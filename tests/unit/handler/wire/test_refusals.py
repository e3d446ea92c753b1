"""Every reason to refuse a body, with its message, in all formats."""

import pytest

from tests.unit.handler.wire.serving import ANYTHING, DOUBLEIT, PAIR, ROWS, refusal, tensor, v2
from wire import parse
from wire.interface import Input, Interface

HUGE, LONG = 2**62, 10**400
TAKEN = "is outside the integers that this model takes,"
BOUNDS = f"{TAKEN} {-HUGE} to {HUGE - 1}"
NUMERIC = "INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, FP16, BF16, FP32, FP64"
EXPECTED = f"expected one of {NUMERIC} - at .datatype"
FITS_FLOAT = "is not supported, expected one of FP16, BF16, FP32 - at .datatype"
CLASSES = {"name": "y", "parameters": {"classification": 3}}
PAIR_ROW = '{"dense": [1, 2], "ids": 1}'


def of(datatype: str) -> Interface:
    return Interface((Input("x", (datatype,)),))


def rows(*instances: str) -> str:
    return f'{{"instances": [{", ".join(instances)}]}}'


BARE: dict[Interface, dict[str | bytes, str]] = {
    DOUBLEIT: {
        " \n": f"Empty body: expected {parse.FORMS} - at byte 0",
        "[1,": "Not JSON: Input data was truncated (byte 3)",
        "[1] x": "Not JSON: JSON is malformed: trailing characters (byte 5)",
        "[NaN]": "Not JSON: JSON is malformed: invalid character (byte 1)",
        b"\xef\xbb\xbf[1]": "The body begins with a byte order mark: send it without - at byte 0",
        "null": "Expected a list, got null - at $",
        '[1, 2, "3"]': "Expected a number, got str - at $[2]",
        "[true]": "Expected a number, got bool - at $[0]",
        "[1e999]": "Number out of range - at $[0]",
        '{"a": 1}': f'Expected {parse.FORMS}, got an object with "a" - at $',
        "{}": f"Expected {parse.FORMS}, got an object with no keys - at $",
        '{"instances": [], "inputs": []}': (
            f'Expected {parse.FORMS}, got an object with "instances", "inputs" - at $'
        ),
        "[4611686018427387904]": f"4611686018427387904 {BOUNDS} - at $[0]",
    },
    ANYTHING: {
        "[[1, 2], [3]]": "Expected a list of 2, like the first one, got 1 - at $[1]",
        "[[[1], [2]], [[3], 4]]": "Expected a list, got int - at $[1][1]",
        "[" * 9 + "]" * 9: "More than 8 dimensions - at $",
        f"[[1, {LONG}]]": (
            f"An integer of 1329 bits {TAKEN} {-2 * HUGE} to {2 * HUGE - 1} - at $[0][1]"
        ),
        f"[[1.5, {LONG}]]": "An integer of 1329 bits does not fit float64 - at $[0][1]",
        f"[[1.5, 1], [{LONG}]]": "Expected a list of 2, like the first one, got 1 - at $[1]",
        "[[1, true]]": "Expected a number, got bool - at $[0][1]",
    },
    ROWS: {
        "[[1.5, 2.5, 3]]": "Expected shape [-1, 2] for x, got [1, 3] - at $",
        "[[1e39, 1]]": "1e+39 does not fit FP32 - at $[0][0]",
    },
    PAIR: {
        "[1]": "A list of numbers is for a model with one input; this one takes dense, ids: "
        'send an object with "inputs" - at $',
    },
    of("INT8"): {
        "[1, 128]": "128 does not fit INT8 - at $[1]",
        "[1, 1.5]": "Expected an integer for INT8, got 1.5 - at $[1]",
    },
    of("BF16"): {"[1e39]": "1e+39 does not fit BF16 - at $[0]"},
    of("BOOL"): {"[1]": "Expected bool, got int - at $[0]"},
    of("UINT8"): {"[-1]": "-1 does not fit UINT8 - at $[0]"},
}

V1: dict[Interface, dict[str | bytes, str]] = {
    DOUBLEIT: {
        '{"instances": 1}': "Expected a list, got int - at $.instances",
        '{"instances": [1], "b": 2}': "Object contains unknown field b - at $",
        rows('"a"'): "Expected a number or a list of numbers, got str - at $.instances[0]",
        rows("[[1]]"): "Expected a number, got array - at $.instances[0][0]",
        rows("1.5", "2", f"{HUGE}"): f"{HUGE} {BOUNDS} - at $.instances[2]",
        rows("[1, 2]", f"[2, {2**63}]"): f"{2**63} {BOUNDS} - at $.instances[1][1]",
        rows("[0.5]", "[]", f"[3, {HUGE}]"): f"{HUGE} {BOUNDS} - at $.instances[2][1]",
    },
    ANYTHING: {rows("[1]", '["a"]'): "Expected a number, got str - at $.instances[1][0]"},
    PAIR: {
        rows('{"dense": [1, 2]}'): "Missing input ids - at $.instances[0]",
        rows(PAIR_ROW, '{"dense": [1, 2]}'): (
            "Expected the same inputs in each instance - at $.instances[1]"
        ),
        rows('{"dense": [1, 2], "ids": 1, "z": 1}'): (
            'The model has no input "z", it has dense, ids, k - at $.instances[0]'
        ),
        rows(PAIR_ROW, '{"dense": [1, 2], "ids": -1}'): (
            f"-1 {TAKEN} 0 to 9223372036854775807 - at $.instances[1].ids"
        ),
        rows('{"dense": [1, 2], "ids": 1, "k": 1}', '{"dense": [1, 2], "ids": 1, "k": 2}'): (
            "Expected one k for all instances - at $.instances[1].k"
        ),
        rows('{"dense": [1, 2, 3], "ids": 1}'): (
            "Expected shape [-1, 2] for dense, got [1, 3] - at $.instances[0].dense"
        ),
    },
}

# The place of each error follows $.inputs[0].
V2: dict[Interface, dict[str | bytes, str]] = {
    DOUBLEIT: {
        v2(tensor([1, 2], shape=[3])): "Expected 3 numbers for shape [3], got 2 - at .data",
        v2(tensor([[1, 2, 3], [4, 5, 6]], shape=[2, 2])): (
            "Expected a list of 2, as shape says, got 3 of them - at .data[0]"
        ),
        v2(tensor([[1, 2], [3, 300]], "INT8", [2, 2])): "300 does not fit INT8 - at .data[1][1]",
        v2(tensor({"a": 1})): "Expected a list, got object - at .data",
        v2({"name": "x", "shape": [1], "datatype": "INT64"}): "Missing data - at .data",
        v2({"name": "x"}): "Object missing required field shape - at ",
        v2(tensor([1], shape=[-1])): "Expected int >= 0 - at .shape[0]",
        v2(tensor([], shape=[0, 2**64])): "Expected int <= 9223372036854775807 - at .shape[1]",
        v2(tensor([1], shape=[1] * 9)): "Expected a list of length <= 8 - at .shape",
        v2(tensor([1], "INT7")): f"Datatype 'INT7' is not known, {EXPECTED}",
        v2(tensor([1], "BYTES")): f"Datatype 'BYTES' is not supported, {EXPECTED}",
    },
    ROWS: {v2(tensor([1], "INT32")): f"Datatype 'INT32' {FITS_FLOAT}"},
    PAIR: {
        v2(tensor([1], name="z")): 'The model has no input "z", it has dense, ids, k - at .name',
        v2(tensor([1, 2, 3], "FP32", [1, 3], "dense")): (
            "Expected shape [-1, 2] for dense, got [1, 3] - at .shape"
        ),
        v2(tensor([1, -2], name="ids")): f"-2 {TAKEN} 0 to 9223372036854775807 - at .data[1]",
        v2(tensor([1, 2], name="k")): "Expected one number for k, got 2 - at .shape",
    },
}

V2_AROUND: dict[Interface, dict[str | bytes, str]] = {
    DOUBLEIT: {
        '{"inputs": []}': "Expected a list of length >= 1 - at $.inputs",
        v2(tensor([1]), more=1): "Object contains unknown field more - at $",
        v2(tensor([1]), tensor([1])): 'The input "x" appears twice - at $.inputs[1].name',
        v2(tensor([1]), outputs=[{"name": "a"}, {"name": "b"}]): (
            'The model\'s answer has no output "a", it has numbers - at $.outputs[0].name'
        ),
        v2(tensor([1]), outputs=[{"name": "y"}] * 500): (
            'The output "y" appears twice - at $.outputs[1].name'
        ),
        v2(tensor([1]), outputs=[CLASSES]): (
            "classification is not supported - at $.outputs[0].parameters.classification"
        ),
        v2(tensor([1]), parameters={"sequence_id": 3}): (
            "sequence_id is not supported - at $.parameters.sequence_id"
        ),
        v2(tensor([1]), parameters={"binary_data_output": "yes"}): (
            "Expected true or false, got str - at $.parameters.binary_data_output"
        ),
    },
    PAIR: {v2(tensor([1, 2], "FP32", [1, 2], "dense")): "Missing input ids - at $.inputs"},
}


@pytest.mark.parametrize(
    ("model", "body", "message"),
    [
        (model, body, message.replace("- at ", f"- at {place}") if place else message)
        for place, table in (("", BARE), ("", V1), ("$.inputs[0]", V2), ("", V2_AROUND))
        for model, bodies in table.items()
        for body, message in bodies.items()
    ],
)
def test_a_refusal_says_what_and_where(model: Interface, body: str | bytes, message: str) -> None:
    assert refusal(body, model) == message
