"""The result as CSV, as JSON, and as a curl command that repeats the request."""

from __future__ import annotations

import shlex

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from frontend import display
from frontend.client import predictions_url
from frontend.settings import Settings

# A longer list is a separate file that the curl command reads.
CURL_NUMBERS = 50
CURL_FILE = "numbers.json"
REQUEST_FILE = "request.json"


def to_csv(inputs: np.ndarray, outputs: np.ndarray) -> bytes:
    """Return input and output as CSV: exact integers, and the shortest exact form of floats."""
    rows = pc.binary_join_element_wise(
        display.texts(inputs), display.texts(outputs), pa.scalar(",", pa.large_string())
    )
    return "\n".join(["input,output", *rows.to_pylist(), ""]).encode()


def to_json(model: str, inputs: np.ndarray, outputs: np.ndarray, version: str) -> bytes:
    """Return the model, its version, the inputs and the outputs as one JSON object."""
    found = {"model": model, "version": version, "input": inputs, "output": outputs}
    return orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)


def to_list(values: np.ndarray) -> bytes:
    """Return the numbers as a JSON list."""
    return orjson.dumps(values, option=orjson.OPT_SERIALIZE_NUMPY)


def to_curl(values: np.ndarray, version: str | None, settings: Settings) -> str:
    """Return a shell command that sends `values` to the same version.

    A list of more than `CURL_NUMBERS` is read from a file named `CURL_FILE`, whose content is
    `to_list(values)`.
    """
    data = f"@{CURL_FILE}" if len(values) > CURL_NUMBERS else to_list(values).decode()
    return _curl(data, version, settings)


def request_curl(version: str | None, settings: Settings) -> str:
    """Return a shell command that sends a file named `REQUEST_FILE` to the same version."""
    return _curl(f"@{REQUEST_FILE}", version, settings)


def _curl(data: str, version: str | None, settings: Settings) -> str:
    lines = ["curl -H 'Content-Type: application/json'"]
    if settings.id_token:
        lines.append('-H "Authorization: Bearer $(gcloud auth print-identity-token)"')
    lines.append(f"-d {shlex.quote(data)}")
    lines.append(shlex.quote(predictions_url(settings, version)))
    return " \\\n  ".join(lines)
