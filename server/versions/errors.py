"""The error of an operation on versions."""

from __future__ import annotations


class VersionsError(Exception):
    """An operation cannot be carried out; the message says why in one line."""
