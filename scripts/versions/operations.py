"""What an operator does to the versions of a model. Each leaves what it found, or what it says.

Every change begins with writing the record of what is, so that a store that cannot be written, or
is not the server's, is noticed while nothing has changed; and ends with writing what has become.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scripts.server import readiness
from scripts.server.client import Client, ClientError
from scripts.store import archive, records
from scripts.versions import idle, registered, smoke
from scripts.versions.errors import VersionsError
from scripts.versions.progress import Progress
from scripts.versions.registered import Registered

# Seconds beyond a version's responseTimeout that it gets to finish: for what waits in its queue.
FINISH_SECONDS = 30.0
# Seconds to watch an old version finish that stays anyway.
KEPT_SECONDS = 10.0


class Operations:
    """The operations on one model of one server."""

    def __init__(self, client: Client, store: Path, progress: Progress) -> None:
        """Prepare.

        Args:
            client: of the server.
            store: the server's model store, as it is reached from here.
            progress: where steps are told.
        """
        self._client = client
        self._store = store
        self._progress = progress
        self._model = client.target.model

    def register(self, version: str, workers: int | None = None) -> None:
        """Register a version of the model store and wait until it answers; the default stays.

        Args:
            version: the version; its archive is NAME-VERSION.mar in the model store.
            workers: its number of workers; the default version's by default.

        Raises:
            VersionsError: it is registered already, or does not come to answer; then it is removed.
            archive.ArchiveError: its archive is missing, corrupt or another model's.
        """
        with self._changing() as versions:
            if version in versions.all:
                raise VersionsError(f"version {version} is registered already")
            with self._removed_on_failure(version):
                self._register(versions, version, workers)

    def rollout(
        self, version: str, check: smoke.Check, *, workers: int | None = None, retire: bool = False
    ) -> None:
        """Make a version the default once it has shown that it answers as the default does.

        Args:
            version: the version; registered if it is not.
            check: what it is asked before.
            workers: as for `register`; ignored where it is registered.
            retire: whether the old default is removed once it has answered all it was asked;
                otherwise it stays for `rollback`.

        Raises:
            VersionsError: it failed. The default is as before, and a version that was not
                registered before is removed again. Or the old version does not finish: the new
                one is the default then, and the old one stays.
            archive.ArchiveError: as for `register`.
        """
        with self._changing() as versions:
            old = versions.default
            if version == old:
                self._progress.say(f"{self._model} {version} is the default already")
                return
            if version in versions.all:
                self._check(old, version, versions.all[version].min_workers, check)
                self._set_default(version)
            else:
                with self._removed_on_failure(version):
                    workers = self._register(versions, version, workers)
                    self._check(old, version, workers, check)
                    self._set_default(version)
            self._save()
            self._progress.say(f"{self._model} {version} is the default")
            if retire:
                self._remove(old)
            elif self._finishes(old, KEPT_SECONDS):
                self._progress.say(f"{self._model} {old} has finished and stays for a rollback")
            else:
                self._progress.say(f"{self._model} {old} stays, and answers clients that name it")

    def rollback(self) -> None:
        """Make the default before the default again, at once.

        Raises:
            VersionsError: there was none, it is not registered any more, or has no worker.
        """
        with self._changing() as versions:
            record = records.load(self._store, self._model)
            previous = record.previous if record else None
            if previous is None:
                raise VersionsError(
                    f"{versions.default} is the first default: nothing to roll back to"
                )
            if previous not in versions.all:
                raise VersionsError(
                    f"{previous}, the default before {versions.default}, was removed: roll it out "
                    "to have it again"
                )
            if not versions.all[previous].ready:
                raise VersionsError(f"{previous} has no worker that could answer")
            self._set_default(previous)
            self._save()
            self._progress.say(
                f"{self._model} {previous} is the default again; {versions.default} stays"
            )

    def scale(self, version: str, workers: int) -> None:
        """Give a version so many workers and wait until they answer.

        Raises:
            VersionsError: the server does not have the version, or a worker dies while it loads.
        """
        with self._changing() as versions:
            versions.get(version)
            self._client.scale(version, workers)
            self._wait_ready(f"waiting for {version}'s workers", version, workers)
            self._progress.say(f"{self._model} {version} has {_workers(workers)}")

    def unregister(self, version: str) -> None:
        """Remove a version once it has answered all it was asked. Its archive stays.

        Raises:
            VersionsError: it is the default, not registered, or does not finish.
        """
        with self._changing() as versions:
            versions.get(version)
            if version == versions.default:
                raise VersionsError(
                    f"{version} is the default and cannot be removed: roll out another first"
                )
            self._remove(version)

    @contextmanager
    def _changing(self) -> Iterator[Registered]:
        """Give the versions as they are; record what became of them, whatever happens."""
        with records.locked(self._store):
            versions = registered.read(self._client)
            for described in versions.all.values():
                if not (self._store / described.model_url).exists():
                    raise VersionsError(
                        f"the server has {described.model_url}, which is not in {self._store}: "
                        "name the server's model store with MODEL_STORE"
                    )
            self._save()
            try:
                yield versions
            except BaseException:
                # Why it failed is the news, not that the server is gone.
                with suppress(VersionsError, ClientError, records.RecordError):
                    self._save()
                raise
            self._save()

    def _save(self) -> None:
        """Record what the server has now."""
        now = registered.read(self._client)
        versions = {name: records.Version(max(v.min_workers, 1)) for name, v in now.all.items()}
        record = records.Record(now.default, None, versions)
        before = records.load(self._store, self._model)
        if before != (after := record.after(before)):
            records.save(self._store, self._model, after)

    def _register(self, versions: Registered, version: str, workers: int | None) -> int:
        """Register, wait until it answers, and return the number of workers."""
        found = archive.find(self._store, self._model, version)
        workers = workers or versions.all[versions.default].min_workers
        self._client.register(found.path.name, workers)
        if registered.read(self._client).get(version).min_workers != workers:
            # The archive's own settings state another number.
            self._client.scale(version, workers)
        self._wait_ready(f"waiting for {self._model} {version} to load", version, workers)
        self._progress.say(f"{self._model} {version} answers, with {_workers(workers)}")
        return workers

    @contextmanager
    def _removed_on_failure(self, version: str) -> Iterator[None]:
        """Remove a version that was not registered before, where it turns out not to do."""
        try:
            yield
        except BaseException as failure:
            try:
                if version in registered.read(self._client).all:
                    self._client.unregister(version)
            except (VersionsError, ClientError) as error:
                raise VersionsError(
                    f"{failure}; and {version} could not be removed: {error}"
                ) from failure
            raise

    def _check(self, old: str, version: str, workers: int, check: smoke.Check) -> None:
        self._wait_ready(f"waiting for {version} to answer", version, workers)
        with self._progress.waiting(f"asking {version} what {old} is asked"):
            smoke.compare(self._client, old, version, check)
        manner = "with 200" if check.accept_differences else f"as {old} does"
        self._progress.say(
            f"{self._model} {version} answers {len(check.bodies)} smoke requests {manner}"
        )

    def _set_default(self, version: str) -> None:
        self._client.set_default(version)
        default = registered.read(self._client).default
        if default != version:
            raise VersionsError(f"TorchServe kept {default} as the default")

    def _remove(self, version: str) -> None:
        """Remove a version once it has answered all it was asked."""
        limit = registered.read(self._client).get(version).response_timeout + FINISH_SECONDS
        if not self._finishes(version, limit):
            raise VersionsError(
                f"{version} still gets requests after {limit:.0f} s, from clients that name it in "
                "the address: it stays registered"
            )
        self._client.unregister(version)
        self._progress.say(f"{self._model} {version} has finished and is removed")

    def _finishes(self, version: str, limit: float) -> bool:
        with self._progress.waiting(f"waiting for {version} to finish"):
            return idle.wait(self._client, version, limit)

    def _wait_ready(self, what: str, version: str, workers: int) -> None:
        with self._progress.waiting(what):
            readiness.wait(self._client, [version], workers=workers)


def _workers(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"
