"""The versions of a model for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table

from scripts.server.client import Target
from scripts.store.records import Record
from scripts.versions.metrics import UNVERSIONED
from scripts.versions.registered import Registered


def summary(
    server: Target, versions: Registered, record: Record | None, requests: Mapping[str, int] | None
) -> dict[str, object]:
    """Return everything that is known of the versions, as JSON takes it.

    Args:
        server: where they are.
        versions: what the server says.
        record: what it would come back with after a restart, if anything was recorded.
        requests: how many requests each version got since the server started, if that is known.
    """
    previous = record.previous if record else None
    return {
        "model": server.model,
        "default": versions.default,
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
                "batch_delay_ms": version.max_batch_delay,
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
    """Return what people need of `summary`."""
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in ("version", "", "workers", "batch", "queue", "loaded (UTC)", "requests"):
        right = heading in ("queue", "requests")
        grid.add_column(heading, justify="right" if right else "left", no_wrap=True)
    for name, version in versions.all.items():
        loaded = min((worker.start_time for worker in version.workers), default=None)
        grid.add_row(
            name,
            _role(name, versions, record),
            f"{version.ready} of {version.min_workers} ready",
            f"{version.batch_size}/{version.max_batch_delay} ms",
            str(version.job_queue_status.pending_requests),
            f"{loaded:%Y-%m-%d %H:%M:%S}" if loaded else "-",
            "?" if requests is None else str(requests.get(name, 0)),
        )
    return Group(grid, *_notes(server, versions, record, requests))


def _role(name: str, versions: Registered, record: Record | None) -> str:
    if name == versions.default:
        return "default"
    return "before" if record and record.previous == name else ""


def _notes(
    server: Target, versions: Registered, record: Record | None, requests: Mapping[str, int] | None
) -> list[str]:
    if requests is None:
        notes = [f"no metrics at {server.metrics}: requests are not known"]
    else:
        unversioned = requests.get(UNVERSIONED, 0)
        notes = [
            f"{unversioned} more requests named no version: the default of the time answered them"
        ]
    if record and (record.default, set(record.versions)) != (versions.default, set(versions.all)):
        recorded = ", ".join(record.others)
        notes.append(
            f"after a restart it would be default {record.default}"
            f"{recorded and f', also {recorded}'}: versions were changed without this tool"
        )
    return notes
