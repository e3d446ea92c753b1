"""Reads and checks a model archive before a server loads it."""

import re
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import msgspec

MANIFEST = "MAR-INF/MANIFEST.json"
# Names and versions that are valid in TorchServe's URLs and in file names. The page and Terraform
# have the same rules.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.]*")
VERSION = re.compile(r"[0-9]+(\.[0-9]+)*[A-Za-z0-9.]*")
# A file name has at most 255 bytes, and names derived from NAME-VERSION.mar are longer.
NAME_CHARACTERS, VERSION_CHARACTERS = 100, 50
# How much of a file's or a response's text a message shows.
SHOWN_CHARACTERS = 120
# Only archives of this project's handler have this file.
OURS = "wire/__init__.py"


class ArchiveError(Exception):
    """An archive is missing or corrupt, is not the requested one, or cannot be created."""


class Archive(NamedTuple):
    """A model archive in the model store.

    Attributes:
        name: its model's name.
        version: its version.
        path: its file.
        workers: its recorded number of workers; None if it is not recorded.
    """

    name: str
    version: str
    path: Path
    workers: int | None = None


class _Model(msgspec.Struct, rename="camel"):
    """The model's part of a manifest."""

    model_name: str
    model_version: str
    handler: str
    # A handler may need no file.
    serialized_file: str | None = None


class _Manifest(msgspec.Struct):
    model: _Model


# Includes the errors of zipfile for unknown methods and flags and for a missing manifest.
_UNREADABLE = (
    *(zipfile.BadZipFile, KeyError, NotImplementedError, RuntimeError, OSError),
    *(msgspec.MsgspecError, UnicodeDecodeError, RecursionError),
)


def brief(text: str) -> str:
    """Return untrusted text for use in a message: one printable line, cut if long."""
    line = " ".join(text.split())
    line = "".join(c if c.isprintable() else "?" for c in line)
    return line if len(line) <= SHOWN_CHARACTERS else f"{line[:SHOWN_CHARACTERS]}..."


def check_name(name: str, version: str = "1.0") -> None:
    """Check the name and version of a model.

    Raises:
        ArchiveError: the name or version is not valid in a URL or file name.
    """
    if not NAME.fullmatch(name) or len(name) > NAME_CHARACTERS:
        raise ArchiveError(
            f"{brief(name)!r} is not a model name: use letters, digits, dots and underscores, "
            f"{NAME_CHARACTERS} characters at most"
        )
    if not VERSION.fullmatch(version) or len(version) > VERSION_CHARACTERS:
        raise ArchiveError(
            f"{brief(version)!r} is not a version: use digits and dots, such as 2.0, "
            f"{VERSION_CHARACTERS} characters at most"
        )


def file_name(name: str, version: str) -> str:
    """Return the file name of an archive, which is unique for each version."""
    return f"{name}-{version}.mar"


def kind(path: Path) -> str | None:
    """Return the format of the model that this project's handler serves from an archive.

    It is `torchscript` or `exported`; `foreign` if the archive has another handler, and None if it
    cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            model, held = _content(archive)
    except _UNREADABLE:
        return None
    if OURS not in held:
        return "foreign"
    return "exported" if (model.serialized_file or "").endswith(".pt2") else "torchscript"


def _content(archive: zipfile.ZipFile) -> tuple[_Model, set[str]]:
    """Return the manifest's part about the model, and the names of the files."""
    model = msgspec.json.decode(archive.read(MANIFEST), type=_Manifest).model
    return model, set(archive.namelist())


def read(path: Path) -> Archive:
    """Check the archive at `path` and return its model's name and version.

    Raises:
        ArchiveError: the file is missing or invalid; the one-line message gives the reason.
    """
    if not path.is_file():
        raise ArchiveError(f"{path} is missing: build it with make archive")
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged:
                raise ArchiveError(f"{path} is corrupt: {brief(damaged)} is damaged")
            model, held = _content(archive)
    except _UNREADABLE as error:
        what = brief(str(error).partition("\n")[0])
        raise ArchiveError(f"{path} is not a model archive: {what}") from None
    for part in (model.serialized_file, model.handler.split(":")[0]):
        if (
            part is not None
            and part not in held
            and f"{part}.py" not in held
            and not _is_built_in(part)
        ):
            raise ArchiveError(
                f"{path} is corrupt: its manifest names {brief(part)}, which is missing"
            )
    return Archive(model.model_name, model.model_version, path)


def _is_built_in(handler: str) -> bool:
    """Return whether TorchServe itself has a handler of this name, such as `image_classifier`."""
    spec = find_spec("ts")
    folder = Path(spec.origin).with_name("torch_handler") if spec and spec.origin else Path()
    return f"{handler}.py" in {path.name for path in folder.glob("*.py")}


def find(store: Path, name: str, version: str) -> Archive:
    """Return the archive of a version of a model from the store.

    That is NAME-VERSION.mar, or else NAME.mar, as torch-model-archiver names it.

    Raises:
        ArchiveError: the archive is missing, corrupt, or of another model or version; or the name
            or version is invalid.
    """
    check_name(name, version)
    path = store / file_name(name, version)
    if not path.exists() and (plain := store / f"{name}.mar").exists():
        path = plain
    found = read(path)
    if (found.name, found.version) != (name, version):
        held = f"{brief(found.name)} {brief(found.version)}"
        raise ArchiveError(f"{found.path} contains {held}, not {name} {version}")
    return found
