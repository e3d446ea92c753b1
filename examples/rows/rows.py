"""Rows with named columns in, prices out: the code that the archive holds beside the model."""

import csv
import json
import math
from collections.abc import Mapping

import numpy as np
from torch import Tensor

COLUMNS = ("area", "rooms", "age")


def preprocess(body: bytes, content_type: str) -> Mapping[str, np.ndarray]:  # noqa: ARG001
    """Return CSV with a header, or a JSON list of objects, as the model's rows."""
    text = body.decode("utf-8-sig").strip()
    if text.startswith(("[", "{")):
        rows = json.loads(text)
    else:
        rows = list(csv.DictReader(text.splitlines()))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("Expected a list of objects, one for each row")
    numbers = [[_number(i, row, name) for name in COLUMNS] for i, row in enumerate(rows, 1)]
    return {"rows": np.array(numbers).reshape(-1, len(COLUMNS))}


def _number(i: int, row: Mapping[str, object], name: str) -> float:
    value = row.get(name)
    if value is None:
        raise ValueError(f"Row {i} has no {name}")
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f"Row {i}: the {name} is not a number")
    return number


def postprocess(outputs: Mapping[str, Tensor], _parameters: Mapping[str, str]) -> object:
    """Return a price for each row."""
    return [{"price": round(price, 2)} for price in outputs["price"][:, 0].tolist()]
