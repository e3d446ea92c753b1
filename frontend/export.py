"""The result as CSV and JSON, and the request as a shell command, a program and a link."""

import mimetypes
import shlex
from urllib.parse import urlencode

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from frontend import display
from frontend.client import predictions_url
from frontend.model import JSON, Request
from frontend.settings import Settings

# A longer body is a separate file that the command reads; a longer input is not put into a link.
INLINE_BYTES = 1_000


def to_csv(inputs: np.ndarray, outputs: np.ndarray) -> bytes:
    """Return input and output as CSV: exact integers, and the shortest exact form of floats."""
    rows = pc.binary_join_element_wise(
        display.texts(inputs), display.texts(outputs), pa.scalar(",", pa.large_string())
    )
    return "\n".join(["input,output", *rows.to_pylist(), ""]).encode()


def to_json(content: object) -> bytes:
    """Return JSON; numbers may be NumPy arrays."""
    return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def body_of(request: Request) -> bytes:
    """Return the body to send from elsewhere: of a list of numbers, the plain list."""
    return request.body if request.values is None else to_json(request.values)


def file_of(request: Request) -> str | None:
    """Return the name of the file that holds the body; None if it is short text."""
    if request.content_type != JSON:
        return f"input{mimetypes.guess_extension(request.content_type) or '.bin'}"
    return "request.json" if len(body_of(request)) > INLINE_BYTES else None


def to_curl(request: Request, version: str | None, settings: Settings) -> str:
    """Return a shell command that sends the request to the same version."""
    file = file_of(request)
    data = f"@{file}" if file else body_of(request).decode()
    lines = [f"curl -H 'Content-Type: {request.content_type}'"]
    if settings.id_token:
        lines.append('-H "Authorization: Bearer $(gcloud auth print-identity-token)"')
    lines.append(f"--data-binary {shlex.quote(data)}")
    lines.append(shlex.quote(predictions_url(settings, version)))
    return " \\\n  ".join(lines)


def to_python(request: Request, version: str | None, settings: Settings) -> str:
    """Return a Python program that does the same."""
    file = file_of(request)
    headers = f'"Content-Type": "{request.content_type}"'
    headers += ', "Authorization": f"Bearer {token}"' if settings.id_token else ""
    token = 'token = "…"  # gcloud auth print-identity-token\n' if settings.id_token else ""
    body = f'open("{file}", "rb").read()' if file else repr(body_of(request).decode())
    return (
        "import requests\n\n"
        f"{token}body = {body}\n"
        f"url = {predictions_url(settings, version)!r}\n"
        f"response = requests.post(url, data=body, headers={{{headers}}}, timeout=60)\n"
        "response.raise_for_status()\n"
        "print(response.text)"
    )


def to_link(request: Request, version: str | None, page: str) -> str | None:
    """Return a link to the page with this input and version; None if the input is too long."""
    if file_of(request):
        return None
    named = {"version": version} if version else {}
    return f"{page}?{urlencode({**named, 'input': body_of(request).decode()})}"
