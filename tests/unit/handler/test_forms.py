from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.filepost import encode_multipart_formdata

import forms
from headers import Headers
from wire.errors import RequestError


def form(*fields: tuple[str, Any], boundary: str = "x") -> tuple[dict[str, bytes], Headers]:
    """Return a multipart request, encoded by urllib3, with its raw body."""
    data, kind = encode_multipart_formdata(fields, boundary)
    return {"body": data}, Headers([("Content-Type", kind)])


def body(fields: dict[str, Any], headers: Headers) -> bytes | bytearray:
    return forms.content(fields, headers).body


def refusal(fields: dict[str, Any], headers: Headers) -> RequestError:
    with pytest.raises(RequestError) as caught:
        forms.content(fields, headers)
    return caught.value


def test_a_raw_body_is_the_body_whatever_its_type() -> None:
    headers = Headers([("content-type", "text/plain")])
    assert body({"body": b"[1]", "data": b"from the query"}, headers) == b"[1]"
    assert body({"body": b"[1]"}, Headers([("Host", "x")])) == b"[1]"


@pytest.mark.parametrize("name", ["data", "body"])
def test_a_field_over_grpc_is_the_body(name: str) -> None:
    assert body({name: b"[1]"}, Headers()) == b"[1]"
    assert "got both - at the gRPC input" in str(refusal({"data": b"", "body": b""}, Headers()))
    assert str(refusal({"file": b""}, Headers())).endswith("at the gRPC input")


@given(st.binary(max_size=200), st.sampled_from(["data", "body"]), st.booleans(), st.booleans())
def test_a_multipart_field_is_the_body(value: bytes, name: str, named: bool, more: bool) -> None:
    boundary = "b" * 30
    content = ("numbers.json", value) if named else value
    others = [("comment", b"ignored"), ("file", ("x", b"[2]"))] if more else []
    fields, headers = form(*others, (name, content), boundary=boundary)
    assert body(fields, headers) == value


def test_the_type_of_the_body_and_the_other_fields_of_a_form_are_kept() -> None:
    fields, headers = form(
        ("top", "2"), ("data", ("a.jpg", b"x", "image/jpeg")), ("more", ("b.txt", b"a file"))
    )
    assert forms.content(fields, headers) == (b"x", "image/jpeg", {"top": "2"})


def test_fields_that_torchserve_has_parsed_are_taken_as_they_are() -> None:
    # The header may be written in capitals.
    headers = Headers([("CONTENT-TYPE", 'MULTIPART/FORM-DATA; BOUNDARY="x"')])
    assert body({"body": b"[1]"}, headers) == b"[1]"
    assert body({"data": "[1]", "comment": b"x"}, headers) == b"[1]"
    error = refusal({"data": b"[2]", forms.REPEATED: "data"}, headers)
    assert str(error) == "The field data came more than once - at the multipart body"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([("data", b"[1]"), ("data", b"[2]")], "The field data came more than once"),
        ([("data", b"[1]"), ("body", b"[2]")], "Expected one field named data or body, got both"),
        ([("file", b"[1]")], "Expected one field named data or body - at"),
        ([(str(i), b"") for i in range(forms.MAX_FIELDS + 1)], "The multipart body cannot be read"),
    ],
)
def test_forms_without_one_body_are_refused(fields: list[tuple[str, bytes]], message: str) -> None:
    error = refusal(*form(*fields))
    assert error.kind == "InvalidInput"
    assert str(error).startswith(message)
    assert str(error).endswith("at the multipart body")


@pytest.mark.parametrize(
    ("boundary", "message"),
    [
        ("; boundary=x", "The multipart body cannot be read"),
        ("; boundary=", "The multipart body has no boundary"),
        ("", "The multipart body has no boundary"),
    ],
)
def test_a_broken_form_is_a_400(boundary: str, message: str) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="data"\r\n\r\n[1'
    headers = Headers([("Content-Type", f"multipart/form-data{boundary}")])
    error = refusal({"body": body}, headers)
    assert error.kind == "InvalidInput"
    assert str(error).startswith(message)


def test_a_form_encoded_body_is_a_415_that_names_the_header() -> None:
    kind = "Application/X-WWW-form-urlencoded; q"
    error = refusal({"[1]": b""}, Headers([("Content-Type", kind)]))
    assert error.kind == "UnsupportedMediaType"
    assert "Content-Type: application/json" in str(error)
