"""The result in the forms that a person takes away: CSV, JSON, and the curl line for the same."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from frontend.client import predictions_url
from frontend.settings import MODEL, Settings

# A longer list stands in a file beside the curl line.
CURL_NUMBERS = 50
CURL_FILE = "numbers.json"


def to_csv(inputs: Sequence[float], outputs: Sequence[float]) -> str:
    """Return a table of input and output: integers exact, floats shortest and exact."""
    rows = (f"{i!r},{o!r}\n" for i, o in zip(inputs, outputs, strict=True))
    return "input,output\n" + "".join(rows)


def to_json(inputs: Sequence[float], outputs: Sequence[float], version: str) -> str:
    """Return the model, its version, the inputs and the outputs as one JSON object."""
    return json.dumps(
        {"model": MODEL, "version": version, "input": list(inputs), "output": list(outputs)}
    )


def to_list(values: Sequence[float]) -> str:
    """Return the numbers as a JSON list."""
    return json.dumps(list(values))


def to_curl(values: Sequence[float], version: str | None, settings: Settings) -> str:
    """Return a shell command that sends `values` to the same version.

    A list of more than `CURL_NUMBERS` is read from a file named `CURL_FILE`, whose content is
    `to_list(values)`.
    """
    data = f"@{CURL_FILE}" if len(values) > CURL_NUMBERS else to_list(values)
    lines = ["curl -H 'Content-Type: application/json'"]
    if settings.id_token:
        lines.append('-H "Authorization: Bearer $(gcloud auth print-identity-token)"')
    lines.append(f"-d {shlex.quote(data)}")
    lines.append(shlex.quote(predictions_url(settings, version)))
    return " \\\n  ".join(lines)
