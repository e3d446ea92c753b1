"""Reading a model archive: what it holds, before a server is asked to load it."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import NamedTuple

import msgspec

MANIFEST = "MAR-INF/MANIFEST.json"
# What TorchServe's addresses and the archive's file name can carry. The page and Terraform have the
# same rules.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*")
VERSION = re.compile(r"[0-9]+(\.[0-9]+)*[A-Za-z0-9.]*")
# A file name has 255 bytes at most, and NAME-VERSION.mar has others beside it.
NAME_CHARACTERS, VERSION_CHARACTERS = 100, 50
# Characters of text from an archive that an error repeats.
BRIEF_CHARACTERS = 100


class ArchiveError(Exception):
    """An archive that is missing, corrupt, or not the one that was asked for."""


class Archive(NamedTuple):
    """A model archive in the model store."""

    name: str
    version: str
    path: Path


class _Model(msgspec.Struct, rename="camel"):
    """What a manifest says of the model."""

    model_name: str
    model_version: str
    serialized_file: str
    handler: str


class _Manifest(msgspec.Struct):
    model: _Model


def check_name(name: str, version: str) -> None:
    """Make sure that a model can be called so.

    Raises:
        ArchiveError: the name or the version cannot stand in an address or in a file's name.
    """
    if not NAME.fullmatch(name) or len(name) > NAME_CHARACTERS:
        raise ArchiveError(
            f"{_brief(name)!r} is no model's name: letters, digits, dots and underscores, "
            f"{NAME_CHARACTERS} at most"
        )
    if not VERSION.fullmatch(version) or len(version) > VERSION_CHARACTERS:
        raise ArchiveError(
            f"{_brief(version)!r} is no version: digits and dots, such as 2.0, "
            f"{VERSION_CHARACTERS} at most"
        )


def file_name(name: str, version: str) -> str:
    """Return the archive's file name; versions lie side by side in the store."""
    return f"{name}-{version}.mar"


def read(path: Path) -> Archive:
    """Return what the archive at `path` says of itself.

    Raises:
        ArchiveError: one line that says what is wrong with the file.
    """
    if not path.is_file():
        raise ArchiveError(f"{path} is missing: build it with make archive")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged:
                raise ArchiveError(f"{path} is corrupt: {_brief(damaged)} is damaged")
            model = msgspec.json.decode(archive.read(MANIFEST), type=_Manifest).model
            held = set(archive.namelist())
    # What zipfile raises for methods and flags that it does not know, and for a missing manifest.
    except (
        *(zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, OSError),
        *(msgspec.MsgspecError, UnicodeDecodeError, RecursionError),
    ) as error:
        what = _brief(str(error).partition("\n")[0])
        raise ArchiveError(f"{path} is not a model archive: {what}") from None
    for part in (model.serialized_file, model.handler.split(":")[0]):
        if part not in held and f"{part}.py" not in held:
            raise ArchiveError(f"{path} is corrupt: it names {_brief(part)} and does not hold it")
    return Archive(model.model_name, model.model_version, path)


def find(store: Path, name: str, version: str) -> Archive:
    """Return the archive of a model's version from the store.

    Raises:
        ArchiveError: it is missing, corrupt, or holds another model or version; or there can be
            none of that name.
    """
    check_name(name, version)
    found = read(store / file_name(name, version))
    if (found.name, found.version) != (name, version):
        holds = f"{_brief(found.name)} {_brief(found.version)}"
        raise ArchiveError(f"{found.path} holds {holds}, not {name} {version}")
    return found


def _brief(text: str) -> str:
    """Return text from outside as an error message repeats it: one line, not too long."""
    line = "".join(c if c.isprintable() else "?" for c in text)
    return line if len(line) <= BRIEF_CHARACTERS else f"{line[:BRIEF_CHARACTERS]}..."
