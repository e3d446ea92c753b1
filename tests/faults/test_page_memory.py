"""Ten concurrent sessions, each at the limit, fit into 512 MiB.

The page runs in its own memory cgroup, as in a container, where exceeding the limit kills it.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from frontend.settings import Settings
from scripts.bench.cgroup import Group
from tests.frontend.api import serve
from tests.frontend.session import Session
from tests.support.page import PageServer
from tests.support.wait import wait_until

LIMIT_BYTES = 512 * 2**20
SESSIONS = 10
LIMITS = Settings()
PLAIN = b"1234567 " * (LIMITS.max_text_bytes // 8 - 1)
# The growth that is allowed after ten sessions with files of ten MiB each, and as much again in
# arrays: modules that were loaded meanwhile, and memory fragmentation.
KEPT_BYTES = 64 * 2**20
# Float64 in full precision: the largest file with the most numbers.
FULL = b"0.12345678901234567\n" * (LIMITS.max_numbers - 1)


@pytest.fixture
def group() -> Iterator[Group]:
    try:
        made = Group(f"page-{os.getpid()}", LIMIT_BYTES)
    except OSError as error:
        pytest.skip(f"a control group with a memory limit takes root: {error}")
    yield made
    made.remove()


@pytest.fixture
def page(group: Group, tmp_path: Path) -> Iterator[PageServer]:
    """The page in its group, with a fake API that doubles the numbers."""
    with serve() as api, ExitStack() as stack:
        api.double = True
        with group.entered():
            page = PageServer(tmp_path / "log", api.url, {"BACKEND_POLL": "0"})
            stack.enter_context(page)
        yield page


def paste(session: Session) -> Session:
    return session.paste(PLAIN.decode())


def upload(session: Session) -> Session:
    return session.upload("numbers.txt", PLAIN)


def upload_full(session: Session) -> Session:
    return session.upload("numbers.csv", FULL)


@pytest.mark.parametrize("act", [paste, upload, upload_full])
def test_ten_sessions_at_the_limit_fit_and_nothing_of_them_stays(
    page: PageServer,
    group: Group,
    act: Callable[[Session], Session],
    record_testsuite_property: Callable[[str, object], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert page.process
    process = psutil.Process(page.process.pid)
    with Session(page.url) as session:
        session.paste("1 2")
    before = process.memory_info().rss
    sessions = [Session(page.url).__enter__() for _ in range(SESSIONS)]
    with ThreadPoolExecutor(SESSIONS) as pool:
        for session in pool.map(act, sessions):
            assert "dataframe" in session.elements, session.words()
    peak = group.peak()
    assert group.killed() == 0
    record_testsuite_property(f"page_mib_{act.__name__}", peak // 2**20)
    for session in sessions:
        session.close()
    # A lost session can be resumed for a while; after that it is released.
    deadline = time.monotonic() + 120
    while process.memory_info().rss > before + KEPT_BYTES and time.monotonic() < deadline:
        time.sleep(1)
    after = process.memory_info().rss
    with capsys.disabled():
        figures = [f"{size >> 20} MiB" for size in (before, peak, after)]
        sys.stdout.write(f"\n{act.__name__}: before, at most, after: {', '.join(figures)}\n")
    assert after <= before + KEPT_BYTES


def test_ten_files_of_one_session_are_not_kept(page: PageServer) -> None:
    assert page.process
    process = psutil.Process(page.process.pid)
    with Session(page.url) as session:
        upload_full(session)
        before = process.memory_info().rss
        for _ in range(9):
            upload_full(session)
        # Kept, they would take nine times the size of one. The page removes them a moment later.
        # The session is still open.
        wait_until(
            lambda: process.memory_info().rss < before + 3 * len(FULL), "the memory of nine files"
        )


def test_what_is_sent_is_what_the_table_holds(page: PageServer) -> None:
    with Session(page.url) as session:
        upload_full(session)
        assert session.elements["metric"][0].body == f"{LIMITS.max_numbers - 1:,}"
