"""Text from archives, files and responses in messages."""

from __future__ import annotations

SHOWN_CHARACTERS = 120


def brief(text: str) -> str:
    """Return untrusted text for use in a message: one printable line, cut if long."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}..."
