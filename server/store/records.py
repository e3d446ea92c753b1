"""The record of the versions that a server loads after a restart, stored beside the archives.

TorchServe keeps the registered versions in memory only. MODEL_STORE/NAME.json therefore stores the
versions of the model NAME, the default and the previous default. server/versions/ writes it,
server/ reads it.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec

from server.store import archive

# Far more than any record has. A larger file is something else.
LARGEST_BYTES = 1 << 20
# A new record, at most, has to fit into the model store before anything is changed.
SPARE_BYTES = 1 << 12
# Readable by all, because the server may run as another user than the operator.
MODE = 0o644


class RecordError(Exception):
    """A record cannot be read, written or applied; the message names the file."""


class Version(msgspec.Struct, forbid_unknown_fields=True):
    """A registered version."""

    workers: Annotated[int, msgspec.Meta(ge=1)]


class Record(msgspec.Struct, forbid_unknown_fields=True):
    """The versions of one model.

    Attributes:
        default: the version for URLs without a version; one of `versions`.
        previous: the previous default, to which a rollback switches back. It may have been
            unregistered since.
        versions: all registered versions.
    """

    default: str
    previous: str | None
    versions: dict[str, Version]

    def __post_init__(self) -> None:
        if self.default not in self.versions:
            raise ValueError(f"the default {self.default} is not among the versions")

    @property
    def others(self) -> list[str]:
        """The versions that are not the default."""
        return [version for version in self.versions if version != self.default]

    def after(self, before: "Record | None") -> "Record":
        """Return this record with the previous default, derived from the record `before`."""
        if before is None:
            previous = self.previous
        elif before.default == self.default:
            previous = before.previous
        else:
            previous = before.default
        return Record(self.default, previous, self.versions)


def load_all(store: Path) -> dict[str, Record]:
    """Return the record of each model that has one, by the model's name.

    The folder may hold other JSON files. One that is not a record is an error only if the store has
    an archive of that name.

    Raises:
        RecordError: as for `load`.
    """
    found: dict[str, Record] = {}
    for file in sorted(store.glob("*.json")):
        if not archive.NAME.fullmatch(file.stem):
            continue
        try:
            record = load(store, file.stem)
        except RecordError:
            if any(store.glob(archive.file_name(file.stem, "*"))):
                raise
            continue
        if record:
            found[file.stem] = record
    return found


def path(store: Path, model: str) -> Path:
    """Return the path of a model's record."""
    return store / f"{model}.json"


def load(store: Path, model: str) -> Record | None:
    """Return the record of a model, or None if there is none.

    Raises:
        RecordError: the file is not a valid record.
    """
    file = path(store, model)
    if not os.path.lexists(file):
        return None
    try:
        # Reading a pipe or a device may take forever.
        if file.is_file() and file.stat().st_size <= LARGEST_BYTES:
            return msgspec.json.decode(file.read_bytes(), type=Record)
        error = f"it is not a regular file of at most {LARGEST_BYTES >> 20} MiB"
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as failure:
        error = str(failure)
    raise RecordError(f"{file} is not a record of versions: {error}; fix or remove it")


def save(store: Path, model: str, record: Record | None) -> None:
    """Write the record atomically: after a crash, either the old or the new one is complete.

    Without a record, the model's file is removed.

    Raises:
        RecordError: the record cannot be written.
    """
    file = path(store, model)
    try:
        if record is None:
            file.unlink(missing_ok=True)
            _sync(store)
            return
        with tempfile.NamedTemporaryFile(dir=store, prefix=f".{file.name}.", delete=False) as new:
            try:
                new.write(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
                new.flush()
                os.fchmod(new.fileno(), MODE)
                os.fsync(new.fileno())
                Path(new.name).replace(file)
            except BaseException:
                Path(new.name).unlink()
                raise
        _sync(store)
    except OSError as error:
        raise RecordError(f"cannot write {file}: {error.strerror}") from None


def _sync(folder: Path) -> None:
    """Flush the folder to disk, so that a rename in it survives a power failure."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Lock the store, so that no other process changes versions at the same time.

    Raises:
        RecordError: another process holds the lock, the folder does not exist, or nothing can be
            written to it.
    """
    try:
        fd = os.open(store, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise RecordError(f"no model store at {store}: {error.strerror}") from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecordError(f"another command is changing the versions in {store}") from None
        try:
            with tempfile.NamedTemporaryFile(dir=store, prefix=".space.") as spare:
                spare.write(bytes(SPARE_BYTES))
                spare.flush()
                os.fsync(spare.fileno())
        except OSError as error:
            raise RecordError(f"cannot write to {store}: {error.strerror}") from None
        yield
    finally:
        os.close(fd)
