"""What an operator sees meanwhile: steps that are done, and what is being waited for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import rich.progress
from rich.console import Console

# A shorter wait is not worth a line in a log.
PATIENCE_SECONDS = 1.0


class Progress:
    """Steps go to stdout, unless it is for machines; waiting is shown on stderr."""

    def __init__(self, *, quiet: bool = False) -> None:
        """Prepare both; `quiet` keeps stdout free."""
        self._quiet = quiet
        self._stderr = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, line: str) -> None:
        """Say that a step is done."""
        if not self._quiet:
            print(line, flush=True)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show what is waited for: with the time where somebody watches, as a line in a log."""
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
