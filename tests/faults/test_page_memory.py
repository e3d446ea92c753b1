"""Ten concurrent sessions, each at the limit, fit into 512 MiB.

The page runs in its own memory cgroup, as in a container, where exceeding the limit kills it.
"""

import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from frontend.settings import Settings
from scripts.bench.cgroup import Group
from tests.faults.conftest import MIB
from tests.frontend.api import serve
from tests.frontend.session import Session
from tests.support.page import PageServer
from tests.support.wait import wait_until

SESSIONS = 10
LIMITS = Settings()
PLAIN = b"1234567 " * (LIMITS.max_text_bytes // 8 - 1)
# The growth that is allowed after ten sessions with files of ten MiB each, and as much again in
# arrays: modules that were loaded meanwhile, and memory fragmentation.
KEPT_BYTES = 64 * MIB
# Float64 in full precision: the largest file with the most numbers.
FULL = b"0.12345678901234567\n" * (LIMITS.max_numbers - 1)


@pytest.fixture
def group() -> Iterator[Group]:
    try:
        group = Group(f"page-{os.getpid()}", 512 * MIB)
    except OSError as error:
        pytest.skip(f"a control group with a memory limit takes root: {error}")
    with group:
        yield group


@pytest.fixture
def page(group: Group, tmp_path: Path) -> Iterator[PageServer]:
    """The page in its group, with a fake API that doubles the numbers."""
    with serve() as api, ExitStack() as stack:
        api.double = True
        with group.entered():
            page = PageServer(tmp_path / "log", api.url, {"BACKEND_POLL": "0"})
            stack.enter_context(page)
        yield page


def resident(page: PageServer) -> int:
    return psutil.Process(page.process.pid).memory_info().rss


def paste(session: Session) -> Session:
    return session.paste(PLAIN.decode())


def upload(session: Session) -> Session:
    return session.upload("numbers.csv", FULL)


@pytest.mark.parametrize("act", [paste, upload])
def test_ten_sessions_at_the_limit_fit_and_nothing_of_them_stays(
    page: PageServer,
    group: Group,
    act: Callable[[Session], Session],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Session(page.url) as session:
        session.paste("1 2")
    before = resident(page)
    with ThreadPoolExecutor(SESSIONS) as pool, ExitStack() as stack:
        sessions = [stack.enter_context(Session(page.url)) for _ in range(SESSIONS)]
        for session in pool.map(act, sessions):
            assert "dataframe" in session.elements, session.words()
        peak = group.peak()
    assert group.killed() == 0
    with capsys.disabled():
        sys.stdout.write(f"\n{act.__name__}: {before / MIB:.0f} MiB, then {peak / MIB:.0f} MiB\n")
    # A lost session can be resumed for a while; after that it is released.
    wait_until(lambda: resident(page) <= before + KEPT_BYTES, "the end of the sessions", 120)


def test_ten_files_of_one_session_are_not_kept(page: PageServer) -> None:
    with Session(page.url) as session:
        upload(session)
        # What is sent is what the table holds.
        assert session.elements["metric"][0].body == f"{LIMITS.max_numbers - 1:,}"
        before = resident(page)
        for _ in range(9):
            upload(session)
        # Kept, they would take nine times the size of one. The page removes them a moment later.
        # The session is still open.
        wait_until(lambda: resident(page) < before + 3 * len(FULL), "the memory of nine files")
