"""What an operator sees: finished steps, and what is being waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import rich.progress
from rich.console import Console

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
