"""Read numbers as the page does when nobody chooses columns or marks."""

from __future__ import annotations

from frontend import reading
from frontend.reading import Numbers, Table


def parse(text: str | bytes, max_numbers: int = 1_000_000, *, name: str = "") -> Numbers:
    found = reading.read(text, name, max_numbers)
    return reading.to_numbers(found.source() if isinstance(found, Table) else found)


def parse_file(name: str, content: bytes, max_numbers: int = 1_000_000) -> Numbers:
    return parse(content, max_numbers, name=name)
