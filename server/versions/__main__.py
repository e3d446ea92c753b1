"""Manage the models of a running server and their versions.

python -m server.versions [OPTIONS] COMMAND ...
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer
from rich.console import Console

from server import settings
from server.client import Addresses, Client, ClientError, Unreachable, is_loopback
from server.processes import Stop, raise_stop_on_signals
from server.readiness import NotReady
from server.store import archive, records
from server.versions import comparison, display, registered
from server.versions.operations import Operations
from server.versions.registered import VersionsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# The model of all commands but `list`, which lists all.
MODEL_NAME = "doubleit"
# What a shell reports for a program that SIGINT ended.
STOPPED_STATUS = 130

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


VersionArgument = Annotated[str, typer.Argument(help="the version, such as 2.0")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="number of workers; by default that of the default version"),
]
Json = Annotated[bool, typer.Option("--json", help="print the versions as JSON and nothing else")]


class Context(NamedTuple):
    """What the commands share.

    Attributes:
        client: of the server and the model.
        store: the server's model store.
        named: whether the caller has chosen the model.
    """

    client: Client
    store: Path
    named: bool

    @contextmanager
    def operations(self, *, as_json: bool) -> Iterator[Operations]:
        """Yield the operations; afterwards print the versions if JSON is wanted."""
        yield Operations(self.client, self.store, display.Progress(quiet=as_json))
        if as_json:
            print(json.dumps(self.overview(self.client, or_none=True).summary(), indent=2))

    def overview(self, client: Client, *, or_none: bool = False) -> display.Overview:
        """Return what is known about a model's versions; `or_none` as for `registered.read`."""
        versions = registered.read(client, or_none=or_none)
        record = records.load(self.store, client.target.model)
        requests = registered.requests_by_version(client)
        kinds = {
            name: archive.kind(self.store / each.model_url) for name, each in versions.all.items()
        }
        return display.Overview(client.target, versions, record, requests, kinds)


@app.callback()
def connect(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Option(help=f"the model's name; by default all for `list`, otherwise {MODEL_NAME}"),
    ] = None,
    allow_remote: Annotated[
        bool,
        typer.Option("--allow-remote", help="use a management API that is not on loopback"),
    ] = False,
) -> None:
    """Manage the models of a running server and their versions.

    MANAGEMENT_URL, INFERENCE_URL and METRICS_URL, or else MANAGEMENT_PORT, PORT and METRICS_PORT,
    say where the server is, and MODEL_STORE names its model store.
    """
    model = MODEL_NAME if name is None else name
    archive.check_name(model)
    here = settings.read(model, "")
    server = Addresses(
        model,
        *(
            (os.environ.get(f"{api.upper()}_URL") or url).rstrip("/")
            for api, url in zip(Addresses._fields[1:], here.addresses[1:], strict=True)
        ),
    )
    if not (allow_remote or is_loopback(server.management)):
        raise VersionsError(
            f"{server.management} is not on loopback: anyone who can reach a management API can "
            "load code into the server. Add --allow-remote if that is intended"
        )
    context.obj = Context(Client(server), here.model_store, name is not None)


@app.command("list")
def list_versions(context: typer.Context, *, as_json: Json = False) -> None:
    """List the versions with their workers, batches, load times and requests.

    Without --name, those of every model; as JSON, one object after the other.
    """
    common: Context = context.obj
    models = [common.client.target.model] if common.named else common.client.models()
    found = [common.overview(common.client.of(model)) for model in models]
    if as_json:
        print(*(json.dumps(each.summary(), indent=2) for each in found), sep="\n")
    else:
        tables = [part for each in found for part in ("", each.table())][1:]
        Console(highlight=False, soft_wrap=True).print(*tables, sep="\n")


@app.command()
def register(
    context: typer.Context,
    version: VersionArgument,
    *,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Register NAME-VERSION.mar of the model store and wait until it is ready.

    The default version does not change; the first version of a model is its default. If the new
    version does not become ready, it is removed again.
    """
    with context.obj.operations(as_json=as_json) as operations:
        operations.register(version, workers)


@app.command()
def rollout(  # noqa: PLR0913 (each is an option)
    context: typer.Context,
    version: VersionArgument,
    *,
    smoke_file: Annotated[
        Path | None,
        typer.Option("--smoke", help="file of request bodies to compare, one per line"),
    ] = None,
    accept_differences: Annotated[
        bool,
        typer.Option(
            "--accept-differences", help="only require status 200 where the default returns 200"
        ),
    ] = False,
    timeout: Annotated[
        float, typer.Option(min=0.1, help="time limit in seconds for each smoke request")
    ] = 10.0,
    retire: Annotated[
        bool,
        typer.Option("--retire", help="remove the old default once its requests are completed"),
    ] = False,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Make a version the default if it responds to smoke requests as the current default does.

    The version is registered first if necessary. If the check fails, the default does not change,
    and a version that was registered for it is removed again.
    """
    requests = comparison.read(smoke_file) if smoke_file else None
    check = comparison.Check(requests, timeout, accept_differences)
    with context.obj.operations(as_json=as_json) as operations:
        operations.rollout(version, check, workers=workers, retire=retire)


@app.command()
def rollback(context: typer.Context, *, as_json: Json = False) -> None:
    """Switch back to the previous default. Running it again undoes it."""
    with context.obj.operations(as_json=as_json) as operations:
        operations.rollback()


@app.command()
def scale(
    context: typer.Context,
    version: VersionArgument,
    workers: Annotated[int, typer.Argument(min=1, help="the number of workers")],
    *,
    as_json: Json = False,
) -> None:
    """Set the number of workers of a version and wait until they are ready."""
    with context.obj.operations(as_json=as_json) as operations:
        operations.scale(version, workers)


@app.command()
def unregister(context: typer.Context, version: VersionArgument, *, as_json: Json = False) -> None:
    """Remove a version once its requests are completed. The archive stays.

    The default version cannot be removed, unless it is the last version of one of several models:
    with it, the model is removed.
    """
    with context.obj.operations(as_json=as_json) as operations:
        operations.unregister(version)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, this process's own unless given, and return the exit status."""
    # A cancelled job cleans up as Ctrl-C does.
    raise_stop_on_signals()
    try:
        app(arguments)
    except Stop:
        print("models: interrupted", file=sys.stderr)
        return STOPPED_STATUS
    except (
        VersionsError,
        ClientError,
        NotReady,
        archive.ArchiveError,
        records.RecordError,
        settings.SettingsError,
    ) as error:
        hint = ""
        if isinstance(error, Unreachable):
            hint = "; start it with make serve, or set MANAGEMENT_URL to another one"
        print(f"models: {error}{hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(run())
