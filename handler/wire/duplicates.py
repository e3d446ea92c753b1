"""Refuses deep nesting, and objects with duplicate keys, which parsers read differently.

msgspec skips fields that are not used without creating objects for them; so does this module. Its
memory is that of the keys of the objects that are open, whose number and depth are limited.
"""

import json
import re
from collections.abc import Iterable

import msgspec
import numpy as np

from wire.errors import invalid, shorten

MAX_DEPTH = 64
MAX_KEYS = 10_000
TOO_DEEP = f"Nested more than {MAX_DEPTH} levels deep"
# Bytes. The strings of a shorter text are compared at once, which is faster.
SHORT_BYTES = 4096
# A string and the colon after it if it is a key.
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*+)"(?:[ \t\r\n]*(:))?')
# A bracket, or a string and the colon after it if it is a key.
_TOKEN = re.compile(rb'[{}\[\]]|"((?:[^"\\]|\\.)*+)"(?:[ \t\r\n]*(:))?')


def refuse(data: bytes | bytearray, arrays: Iterable[msgspec.Raw]) -> None:
    """Refuse a valid JSON document that has an object with duplicate keys, or is nested too deeply.

    `arrays` are parts to leave out, because they are large and checked elsewhere.

    Raises:
        RequestError: an object has a duplicate key or too many keys, or there are too many levels.
    """
    if len(data) <= SHORT_BYTES and _are_distinct(data):
        return
    keys: list[set[bytes]] = []
    start = _address(data)
    at = 0
    for part in sorted(arrays, key=_address):
        begin = _address(part) - start
        _scan(data, at, begin, keys)
        at = begin + len(memoryview(part))
    _scan(data, at, len(data), keys)


def _are_distinct(data: bytes | bytearray) -> bool:
    """Return whether a document certainly has no duplicate key and is not nested deeply."""
    keys = [key for key, colon in _STRING.findall(data) if colon]
    return (
        len(set(keys)) == len(keys)
        and b"\\" not in data
        and data.count(b"[") + data.count(b"{") <= MAX_DEPTH
    )


def _scan(data: bytes | bytearray, start: int, end: int, keys: list[set[bytes]]) -> None:
    """Scan a part of the document; `keys` has those of each list and object that is open."""
    for token in _TOKEN.finditer(data, start, end):
        first = data[token.start()]
        if first == ord('"'):
            if token[2] is not None:
                _add(token[1], keys[-1])
        elif first in b"{[":
            if len(keys) == MAX_DEPTH:
                raise invalid(TOO_DEEP, "$")
            keys.append(set())
        else:
            keys.pop()


def _add(key: bytes, keys: set[bytes]) -> None:
    if b"\\" in key:
        key = json.loads(b'"%b"' % key).encode(errors="surrogatepass")
    if key in keys:
        name = shorten(key.decode(errors="replace"))
        raise invalid(f'The key "{name}" appears twice in an object', "$")
    if len(keys) == MAX_KEYS:
        raise invalid(f"An object has more than {MAX_KEYS} keys", "$")
    keys.add(key)


def _address(buffer: bytes | bytearray | msgspec.Raw) -> int:
    # The parts share the memory of the document.
    address: int = np.frombuffer(buffer, np.uint8).__array_interface__["data"][0]
    return address
