"""Rows with named columns in, prices out: the code that the archive holds beside the model."""

import csv
import json
from collections.abc import Mapping

import numpy as np
from torch import Tensor

COLUMNS = ("area", "rooms", "age")


def preprocess(body: bytes, content_type: str) -> Mapping[str, np.ndarray]:
    """Return CSV with a header, or a JSON list of objects, as the model's rows."""
    text = body.decode("utf-8-sig")
    if content_type.startswith("text/csv"):
        rows = list(csv.DictReader(text.splitlines()))
    else:
        rows = json.loads(text)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("Expected a list of objects, one for each row")
    return {"rows": np.array([_numbers(i, row) for i, row in enumerate(rows)]).reshape(-1, 3)}


def _numbers(i: int, row: Mapping[str, object]) -> list[float]:
    try:
        return [float(str(row[name])) for name in COLUMNS]
    except KeyError as error:
        raise ValueError(f"Row {i + 1} has no {error.args[0]}") from None
    except ValueError as error:
        raise ValueError(f"Row {i + 1}: {error}") from None


def postprocess(outputs: Mapping[str, Tensor], _parameters: Mapping[str, str]) -> object:
    """Return a price for each row."""
    return [{"price": round(price, 2)} for price in outputs["price"][:, 0].tolist()]
