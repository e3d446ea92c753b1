"""What an operator sees: the versions of a model, finished steps, and what is being waited for."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.table import Table

from server.client import Addresses
from server.store.records import Record
from server.versions.registered import UNVERSIONED, Registered


class Progress:
    """Reports steps on stdout, unless `quiet`, and waiting on a terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._stderr = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """Report a finished step."""
        if not self._quiet:
            print(line, flush=True)

    def waiting(self, what: str) -> AbstractContextManager[object]:
        """Show on a terminal what is waited for, while it lasts."""
        return self._stderr.status(what) if self._stderr.is_terminal else nullcontext()


class Overview(NamedTuple):
    """What is known about the versions of a model.

    Attributes:
        server: the server's URLs and the model's name.
        versions: the registered versions.
        record: the versions after a restart, if they were recorded.
        requests: the requests of each version since the server started, if known.
        kinds: the kind of each version's archive (`archive.kind`).
    """

    server: Addresses
    versions: Registered
    record: Record | None
    requests: Mapping[str, int] | None
    kinds: Mapping[str, str | None]

    @property
    def recorded(self) -> bool:
        """Whether a restart preserves the versions and the default."""
        now = self.versions
        return self.record is not None and (
            (self.record.default, set(self.record.versions)) == (now.default, set(now.all))
        )

    def summary(self) -> dict[str, object]:
        """Return everything, ready for JSON."""
        previous = self.record and self.record.previous
        return {
            "model": self.server.model,
            "default": self.versions.default or None,
            "previous": previous,
            "recorded": self.recorded,
            "requests_without_version": self.requests and self.requests.get(UNVERSIONED, 0),
            "versions": [
                {
                    "version": name,
                    "default": name == self.versions.default,
                    "previous": name == previous,
                    "archive": version.model_url,
                    "kind": self.kinds[name],
                    "workers": [
                        {
                            "id": worker.id,
                            "pid": worker.pid,
                            "ready": worker.ready,
                            "started": worker.start_time.isoformat(),
                        }
                        for worker in version.workers
                    ],
                    "workers_wanted": version.min_workers,
                    "batch_size": version.batch_size,
                    "max_batch_delay": version.max_batch_delay,
                    "response_timeout_s": version.response_timeout,
                    "queue": version.job_queue_status.pending_requests,
                    "loaded": version.loaded and version.loaded.isoformat(),
                    "requests": None if self.requests is None else self.requests.get(name, 0),
                }
                for name, version in self.versions.all.items()
            ],
        }

    def table(self) -> RenderableType:
        """Return the columns that an operator needs, under the model's name."""
        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        name = self.server.model
        for heading in (name, "", "kind", "workers", "queue", "loaded (UTC)", "requests"):
            right = heading in ("queue", "requests")
            grid.add_column(heading, justify="right" if right else "left", no_wrap=True)
        roles = {self.record.previous: "previous"} if self.record else {}
        roles[self.versions.default] = "default"
        for name, version in self.versions.all.items():
            grid.add_row(
                name,
                roles.get(name, ""),
                self.kinds[name] or "?",
                f"{version.ready} of {version.min_workers}",
                str(version.job_queue_status.pending_requests),
                f"{version.loaded:%Y-%m-%d %H:%M:%S}" if version.loaded else "-",
                "?" if self.requests is None else str(self.requests.get(name, 0)),
            )
        return Group(grid, *self._notes())

    def _notes(self) -> Iterator[str]:
        if self.requests is None:
            yield f"no metrics at {self.server.metrics}: the numbers of requests are unknown"
        else:
            unversioned = self.requests.get(UNVERSIONED, 0)
            yield f"{unversioned} requests without a version went to the then-current default"
        if self.record and not self.recorded:
            others = ", ".join(self.record.others)
            yield (
                f"after a restart the default would be {self.record.default}"
                f"{others and f', besides {others}'}: versions were changed without this tool"
            )
