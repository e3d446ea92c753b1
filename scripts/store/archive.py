"""Reading a model archive: what it holds, before a server is asked to load it."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import NamedTuple

MANIFEST = "MAR-INF/MANIFEST.json"
# What TorchServe's addresses and the archive's file name can carry.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*")
VERSION = re.compile(r"[0-9]+(\.[0-9]+)*[A-Za-z0-9.]*")


class ArchiveError(Exception):
    """An archive that is missing, corrupt, or not the one that was asked for."""


class Archive(NamedTuple):
    """A model archive in the model store."""

    name: str
    version: str
    path: Path


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
                raise ArchiveError(f"{path} is corrupt: {damaged} is damaged")
            model = json.loads(archive.read(MANIFEST))["model"]
            held = set(archive.namelist())
            found = Archive(model["modelName"], model["modelVersion"], path)
            for part in (model["serializedFile"], model["handler"].split(":")[0]):
                if part not in held and f"{part}.py" not in held:
                    raise ArchiveError(f"{path} is corrupt: it names {part} and does not hold it")
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise ArchiveError(f"{path} is not a model archive: {error}") from None
    return found


def find(store: Path, name: str, version: str) -> Archive:
    """Return the archive of a model's version from the store.

    Raises:
        ArchiveError: it is missing, corrupt, or holds another model or version.
    """
    found = read(store / file_name(name, version))
    if (found.name, found.version) != (name, version):
        raise ArchiveError(f"{found.path} holds {found.name} {found.version}, not {name} {version}")
    return found
