"""What an operator sees: the versions of a model, finished steps, and what is being waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import rich.progress
from rich.console import Console, Group, RenderableType
from rich.table import Table

from server.client import Target
from server.store.records import Record
from server.versions.registered import UNVERSIONED, Registered

# A shorter wait gets no line in a log.
PATIENCE_SECONDS = 1.0


class Progress:
    """Reports steps on stdout, unless JSON goes there, and waiting on stderr."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Prepare both; `quiet` reports no steps."""
        self._quiet = quiet
        self._stderr = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """Report a finished step."""
        if not self._quiet:
            print(line, flush=True)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show what is waited for: with the elapsed time on a terminal, as one line elsewhere."""
        if self._stderr.is_terminal:
            columns = rich.progress.SpinnerColumn(), "{task.description}"
            with rich.progress.Progress(
                *columns, rich.progress.TimeElapsedColumn(), console=self._stderr, transient=True
            ) as bar:
                bar.add_task(what, total=None)
                yield
            return
        timer = threading.Timer(PATIENCE_SECONDS, self._stderr.print, [f"{what} ..."])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def summary(
    server: Target, versions: Registered, record: Record | None, requests: Mapping[str, int] | None
) -> dict[str, object]:
    """Return everything that is known about the versions, ready for JSON.

    Args:
        server: the server's URLs.
        versions: the registered versions.
        record: the versions after a restart, if they were recorded.
        requests: the requests of each version since the server started, if known.
    """
    previous = record.previous if record else None
    return {
        "model": server.model,
        "default": versions.default or None,
        "previous": previous,
        "recorded": record is not None
        and record.default == versions.default
        and set(record.versions) == set(versions.all),
        "requests_without_version": requests and requests.get(UNVERSIONED, 0),
        "versions": [
            {
                "version": name,
                "default": name == versions.default,
                "previous": name == previous,
                "archive": version.model_url,
                "workers": [
                    {
                        "id": worker.id,
                        "pid": worker.pid,
                        "ready": worker.status == "READY",
                        "started": worker.start_time.isoformat(),
                    }
                    for worker in version.workers
                ],
                "workers_wanted": version.min_workers,
                "batch_size": version.batch_size,
                "max_batch_delay": version.max_batch_delay,
                "response_timeout_s": version.response_timeout,
                "queue": version.job_queue_status.pending_requests,
                "loaded": min((w.start_time.isoformat() for w in version.workers), default=None),
                "requests": None if requests is None else requests.get(name, 0),
            }
            for name, version in versions.all.items()
        ],
    }


def table(
    server: Target, versions: Registered, record: Record | None, requests: Mapping[str, int] | None
) -> RenderableType:
    """Return the columns of `summary` that an operator needs, under the model's name."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in (server.model, "", "workers", "batch", "queue", "loaded (UTC)", "requests"):
        right = heading in ("batch", "queue", "requests")
        grid.add_column(heading, justify="right" if right else "left", no_wrap=True)
    for name, version in versions.all.items():
        loaded = min((worker.start_time for worker in version.workers), default=None)
        grid.add_row(
            name,
            _role(name, versions, record),
            f"{version.ready} of {version.min_workers} ready",
            str(version.batch_size),
            str(version.job_queue_status.pending_requests),
            f"{loaded:%Y-%m-%d %H:%M:%S}" if loaded else "-",
            "?" if requests is None else str(requests.get(name, 0)),
        )
    return Group(grid, *_notes(server, versions, record, requests))


def _role(name: str, versions: Registered, record: Record | None) -> str:
    if name == versions.default:
        return "default"
    return "previous" if record and record.previous == name else ""


def _notes(
    server: Target, versions: Registered, record: Record | None, requests: Mapping[str, int] | None
) -> list[str]:
    if requests is None:
        notes = [f"no metrics at {server.metrics}: the numbers of requests are unknown"]
    else:
        unversioned = requests.get(UNVERSIONED, 0)
        notes = [f"{unversioned} requests without a version went to the then-current default"]
    if record and (record.default, set(record.versions)) != (versions.default, set(versions.all)):
        recorded = ", ".join(record.others)
        notes.append(
            f"after a restart the default would be {record.default}"
            f"{recorded and f', besides {recorded}'}: versions were changed without this tool"
        )
    return notes
