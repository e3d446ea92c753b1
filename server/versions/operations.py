"""The operations on the versions of a model. A failed operation leaves everything as it was.

A model that the server does not have is one without versions: the first one that is registered
becomes its default, and with the last one that is removed the model goes.

Each change first writes the record of the current versions, so that a model store that cannot be
written, or is not the server's, is noticed before anything has changed. Afterwards it writes the
record of the new versions.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from server import readiness
from server.client import Client, ClientError
from server.store import archive, records
from server.versions import comparison, idle, registered
from server.versions.display import Progress
from server.versions.registered import Registered, VersionsError

# How long a version may take to finish beyond its responseTimeout: for requests in its queue.
FINISH_SECONDS = 30.0
# How long to wait for an old version that stays registered.
KEPT_SECONDS = 10.0


class Operations:
    """The operations on one model of one server."""

    def __init__(self, client: Client, store: Path, progress: Progress) -> None:
        """Prepare for the client's model; `store` is the server's model store."""
        self._client, self._store, self._progress = client, store, progress
        self._model = client.target.model

    def register(self, version: str, workers: int | None = None) -> None:
        """Register a version of the model store and wait until it is ready; the default stays.

        Args:
            version: the version; its archive is NAME-VERSION.mar in the model store.
            workers: its number of workers; by default that of the default version, or for the first
                version of a model that of another model's default version.

        Raises:
            VersionsError: it is already registered.
            NotReady: it does not become ready; it is removed again.
            archive.ArchiveError: its archive is missing, corrupt or another model's.
        """
        with self._changing(new=True) as versions:
            if version in versions.all:
                raise VersionsError(f"version {version} is already registered")
            with self._removed_on_failure(version):
                self._register(versions, version, workers)

    def rollout(
        self,
        version: str,
        check: comparison.Check,
        *,
        workers: int | None = None,
        retire: bool = False,
    ) -> None:
        """Make a version the default once it has responded as the current default does.

        The first version of a model is the default once it is ready.

        Args:
            version: the version; registered if it is not.
            check: the requests to compare responses to.
            workers: as for `register`; ignored if the version is already registered.
            retire: whether to remove the old default once its requests are completed; otherwise it
                stays for `rollback`.

        Raises:
            VersionsError, NotReady, archive.ArchiveError: the version failed. The default does not
                change, and a version that was registered for this is removed again. Or the old
                version does not finish: then the new one is the default and the old one stays.
        """
        with self._changing(new=True) as versions:
            old = versions.default
            if version == old:
                self._progress.say(f"{self._model} {version} is already the default")
                return
            new = version not in versions.all
            with self._removed_on_failure(version) if new else nullcontext():
                workers = (
                    self._register(versions, version, workers)
                    if new
                    else versions.all[version].min_workers
                )
                if old:
                    self._check(old, version, workers, check)
                    self._set_default(version)
            self._save()
            self._progress.say(f"{self._model} {version} is the default")
            if not old:
                return
            if retire:
                self._remove(old)
            elif self._finishes(old, KEPT_SECONDS):
                self._progress.say(
                    f"{self._model} {old} has completed its requests and stays for a rollback"
                )
            else:
                self._progress.say(f"{self._model} {old} stays for clients whose URL names it")

    def rollback(self) -> None:
        """Switch back to the previous default.

        Raises:
            VersionsError: there is none, it is no longer registered, or it has no ready worker.
        """
        with self._changing() as versions:
            record = records.load(self._store, self._model)
            previous = record.previous if record else None
            if previous is None:
                raise VersionsError(
                    f"{versions.default} is the first default: there is nothing to roll back to"
                )
            if previous not in versions.all:
                raise VersionsError(
                    f"{previous}, the previous default, was removed: roll it out again"
                )
            if not versions.all[previous].ready:
                raise VersionsError(f"{previous} has no ready worker")
            self._set_default(previous)
            self._progress.say(
                f"{self._model} {previous} is the default again; {versions.default} stays"
            )

    def scale(self, version: str, workers: int) -> None:
        """Set the number of workers of a version and wait until they are ready.

        Raises:
            VersionsError: the server does not have the version.
            NotReady: a worker died while it loaded the model.
        """
        with self._changing() as versions:
            versions.get(version)
            self._client.scale(version, workers)
            self._wait_ready(f"waiting for {version}'s workers", version, workers)
            self._progress.say(f"{self._model} {version} has {_workers(workers)}")

    def unregister(self, version: str) -> None:
        """Remove a version once its requests are completed. Its archive stays.

        Raises:
            VersionsError: it is not registered, does not finish, or is the default and there are
                other versions or no other model.
        """
        with self._changing() as versions:
            versions.get(version)
            last = len(versions.all) == 1 and len(self._client.models()) > 1
            if version == versions.default and not last:
                raise VersionsError(
                    f"{version} is the default and cannot be removed: roll out another version "
                    "first"
                )
            self._remove(version)

    @contextmanager
    def _changing(self, *, new: bool = False) -> Iterator[Registered]:
        """Yield the current versions; afterwards record the new ones, whatever happened.

        Args:
            new: whether the model may be one that the server does not have.
        """
        with records.locked(self._store):
            versions = registered.read(self._client, or_none=new)
            for described in self._client.all_versions():
                if not (self._store / described.model_url).exists():
                    raise VersionsError(
                        f"the server has {described.model_url}, which is not in {self._store}: "
                        "name the server's model store with MODEL_STORE"
                    )
            if not versions.all and records.load(self._store, self._model):
                raise VersionsError(
                    f"the server has no model {self._model}, but "
                    f"{records.path(self._store, self._model)} names versions of it: restart the "
                    "server to load them, or remove that file"
                )
            self._save()
            try:
                yield versions
            except BaseException:
                # The original error matters, not that the server is gone.
                with suppress(VersionsError, ClientError, records.RecordError):
                    self._save()
                raise
            self._save()

    def _save(self) -> None:
        """Write the record of the versions that the server has now; without any, remove it."""
        now = registered.read(self._client, or_none=True)
        before = records.load(self._store, self._model)
        after = None
        if now.all:
            versions = {name: records.Version(max(v.min_workers, 1)) for name, v in now.all.items()}
            after = records.Record(now.default, None, versions).after(before)
        if before != after:
            records.save(self._store, self._model, after)

    def _register(self, versions: Registered, version: str, workers: int | None) -> int:
        """Register a version, wait until it is ready, and return its number of workers."""
        found = archive.find(self._store, self._model, version)
        workers = workers or self._usual_workers(versions)
        self._client.register(found.path.name, workers)
        if registered.read(self._client).get(version).min_workers != workers:
            # The archive's own settings take precedence over the number in the request.
            self._client.scale(version, workers)
        self._wait_ready(f"waiting for {self._model} {version} to load", version, workers)
        self._progress.say(f"{self._model} {version} is ready, with {_workers(workers)}")
        return workers

    def _usual_workers(self, versions: Registered) -> int:
        """Return the number of workers of the default version of this model, or else of another."""
        if not versions.all:
            others = map(self._client.of, self._client.models())
            versions = next((registered.read(other) for other in others), versions)
        return versions.get(versions.default).min_workers if versions.all else 1

    @contextmanager
    def _removed_on_failure(self, version: str) -> Iterator[None]:
        """Remove a version that was registered in this block if the block fails."""
        try:
            yield
        except BaseException as failure:
            try:
                if version in registered.read(self._client, or_none=True).all:
                    self._client.unregister(version)
            except (VersionsError, ClientError) as error:
                raise VersionsError(
                    f"{failure}; and {version} could not be removed: {error}"
                ) from failure
            raise

    def _check(self, old: str, version: str, workers: int, check: comparison.Check) -> None:
        self._wait_ready(f"waiting for {version} to be ready", version, workers)
        with self._progress.waiting(f"comparing the responses of {version} with those of {old}"):
            count = comparison.compare(self._client, old, version, check)
        manner = "with 200" if check.accept_differences else f"as {old} does"
        self._progress.say(f"{self._model} {version} responds to {count} smoke requests {manner}")

    def _set_default(self, version: str) -> None:
        self._client.set_default(version)
        default = registered.read(self._client).default
        if default != version:
            raise VersionsError(f"TorchServe kept {default} as the default")

    def _remove(self, version: str) -> None:
        """Remove a version once its requests are completed."""
        limit = registered.read(self._client).get(version).response_timeout + FINISH_SECONDS
        if not self._finishes(version, limit):
            raise VersionsError(
                f"{version} still gets requests after {limit:.0f} s, from clients whose URL names "
                "it: it stays registered"
            )
        self._client.unregister(version)
        self._progress.say(f"{self._model} {version} has completed its requests and is removed")

    def _finishes(self, version: str, limit: float) -> bool:
        with self._progress.waiting(f"waiting for {version} to finish"):
            return idle.wait(self._client, version, limit)

    def _wait_ready(self, what: str, version: str, workers: int) -> None:
        with self._progress.waiting(what):
            readiness.wait({self._client: [version]}, workers=workers)


def _workers(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"
