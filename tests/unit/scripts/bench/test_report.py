"""Medians, ratios, goals and tables of results, and the page that they are written into."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.bench import report
from scripts.bench.__main__ import PAGE
from scripts.bench.goals import Goal, goals
from scripts.bench.lineup import BASELINE, LIMIT, SELF
from scripts.bench.report import LISTS_COMMAND, NETWORKS_COMMAND, markers, write_between_markers
from scripts.bench.results import Results, Sample, Spread, Turn, figure
from scripts.bench.workloads import CROWD, GRPC_LOADS, LISTS, MANY
from server.store.paths import ROOT


def turn(per_second: float, *, start: float = 2.0, rest: float = 200.0, p50: float = 1.0) -> Turn:
    sample = Sample(per_second, 0.0, p50, 4 * p50, 0.25, rest + 50)
    loads = [load for load in LISTS.loads if load.format == "JSON"]
    return Turn(start, rest, {load.key: sample for load in loads})


def run(*rounds: dict[str, Turn]) -> Results:
    return Results({"machine": "two cores"}, list(rounds), {"Another": "it has no wheel"})


def steady() -> Results:
    """Return three identical rounds of this server and FastAPI."""
    return run(*[{SELF: turn(20_000), BASELINE: turn(1_000)}] * 3)


def goal(results: Results, *words: str) -> Goal:
    (match,) = [
        goal
        for goal in goals(LISTS, results)
        if all(word in goal.what for word in words) and "gRPC" not in goal.what
    ]
    return match


# In the second round the machine is half as fast; in the third, B has a hiccup.
DRIFT = run(
    {"A": turn(1000), "B": turn(100)},
    {"A": turn(500), "B": turn(50)},
    {"A": turn(1000), "B": turn(20)},
)


def test_figures_and_ratios_are_medians_and_a_ratio_is_taken_within_a_round() -> None:
    assert DRIFT.spread("B", figure(MANY)) == Spread(50, 20, 100)
    assert DRIFT.ratio("A", figure(MANY), "B") == Spread(10, 10, 50)
    missed = run({"A": turn(1000)}, {"A": turn(600), "B": turn(200)})
    assert missed.ratio("A", figure(MANY), "B") == Spread(3, 3, 3)
    assert DRIFT.spread("A", figure(GRPC_LOADS[0])) is None
    assert DRIFT.ratio("A", figure(MANY), "C") is None


def test_the_best_other_server_leaves_the_smallest_ratio_and_the_limit_is_no_server() -> None:
    others = {f"{SELF} at 0123abc": turn(8000), LIMIT: turn(16000), "X": turn(4000, p50=0.5)}
    results = run({SELF: turn(8000), BASELINE: turn(800, p50=2), **others})
    for words, ratio in (("requests/s", "64 connections"), 2.0), ((LIMIT,), 0.5), (("p50",), 2.0):
        compared = goal(results, *words, "" if words == (LIMIT,) else "best other server (X)")
        assert compared.result
        assert (compared.result.median, compared.reached) == (ratio, False)


@pytest.mark.parametrize("words", [("start",), ("memory",), ("p50",)])
def test_less_is_better_for_start_memory_and_latency(words: tuple[str, ...]) -> None:
    slow = run({SELF: turn(1, start=3, rest=900, p50=2), BASELINE: turn(1)})
    fast = run({SELF: turn(1, start=1, rest=300, p50=0.5), BASELINE: turn(1)})
    assert goal(slow, *words).reached is False
    assert goal(fast, *words).reached is True
    assert goal(run({SELF: turn(1)}), *words).reached is None


def test_the_report_shows_each_server_its_errors_and_who_is_missing() -> None:
    results = steady()
    results.rounds[0][SELF].samples[GRPC_LOADS[1].key] = Sample(30000, 0, 1, 2, 0.1, 300)
    printed = report.report(LISTS, results)
    assert f"| {SELF} " in printed
    assert "20000 (20.0x)" in printed
    assert "Not measured: Another: it has no wheel." in printed
    # Other formats than FastAPI's are compared with its JSON.
    assert "30000 (30.0x)" in printed
    assert printed.index(f"| {SELF} ") < printed.index(f"| {BASELINE} ")
    bad = turn(100)
    bad.samples[CROWD.key] = replace(bad.samples[CROWD.key], errors=0.75)
    assert "100 (1.0x), 75 % errors" in report.report(LISTS, run({BASELINE: bad}))


def test_the_plot_names_each_server_and_is_the_same_for_the_same_figures(tmp_path: Path) -> None:
    first, second = tmp_path / "1.svg", tmp_path / "2.svg"
    report.draw(steady(), first)
    report.draw(steady(), second)
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 150 * 1024
    assert SELF in first.read_text()
    assert "20,000" in first.read_text()


def test_only_the_block_between_the_markers_is_replaced(tmp_path: Path) -> None:
    begin, end = markers(LISTS_COMMAND)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    for _ in range(2):
        write_between_markers(page, r"new \1", LISTS_COMMAND)
        assert page.read_text() == f"before\n{begin}\n\nnew \\1\n{end}\nafter\n"
    with pytest.raises(ValueError, match=r"page.md has no lines"):
        write_between_markers(page, "new", NETWORKS_COMMAND)


def test_the_page_has_the_places_for_the_tables_and_names_commits_that_exist() -> None:
    text = PAGE.read_text()
    for marker in [*markers(LISTS_COMMAND), *markers(NETWORKS_COMMAND)]:
        assert text.count(marker) == 1
    commits = re.findall(r"`([0-9a-f]{7})`", text)
    assert commits
    if (ROOT / ".git" / "shallow").exists():
        pytest.skip("a shallow clone does not have earlier commits")
    for commit in commits:
        subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, check=True)
