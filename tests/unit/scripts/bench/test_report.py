from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.bench import goals, plot, report
from scripts.bench.lineup import BASELINE, SELF
from scripts.bench.report import LISTS_COMMAND, markers, table, write_between_markers
from scripts.bench.results import Results, Sample, Spread, figure
from scripts.bench.workloads import CROWD, GRPC_LOADS, LISTS, MANY
from tests.unit.scripts.bench.runs import run, steady, turn

# In the second round the machine is half as fast; in the third, B has a hiccup.
DRIFT = run(
    {"A": turn(1000), "B": turn(100)},
    {"A": turn(500), "B": turn(50)},
    {"A": turn(1000), "B": turn(20)},
)


def text(results: Results) -> str:
    return report.report(LISTS, results, [*goals.goals(LISTS, results)])


def test_a_figure_is_the_median_with_its_lowest_and_highest_round() -> None:
    assert DRIFT.spread("B", figure(MANY)) == Spread(50, 20, 100)


def test_a_ratio_is_taken_within_a_round_so_that_drift_cancels() -> None:
    assert DRIFT.ratio("A", figure(MANY), "B") == Spread(10, 10, 50)


def test_a_round_that_one_of_the_two_missed_does_not_count() -> None:
    results = run({"A": turn(1000)}, {"A": turn(600), "B": turn(200)})
    assert results.ratio("A", figure(MANY), "B") == Spread(3, 3, 3)


def test_what_was_not_measured_has_no_figure() -> None:
    assert DRIFT.spread("C", figure(MANY)) is None
    assert DRIFT.spread("A", figure(GRPC_LOADS[0])) is None
    assert DRIFT.ratio("A", figure(MANY), "C") is None


def test_the_report_has_a_row_for_each_server_and_names_who_is_missing() -> None:
    results = steady()
    results.rounds[0][SELF].samples[GRPC_LOADS[1].key] = Sample(30000, 0, 1, 2, 0.1, 300)
    printed = text(results)
    assert f"| {SELF} " in printed
    assert "20000 (20.0x)" in printed
    assert "Not measured: Another: it has no wheel." in printed
    # Other formats than FastAPI's are compared with its JSON.
    assert "30000 (30.0x)" in printed


def test_the_fastest_comes_first() -> None:
    printed = text(run({"Slow": turn(1), BASELINE: turn(2), "Fast": turn(3)}))
    assert printed.index("| Fast ") < printed.index(f"| {BASELINE} ") < printed.index("| Slow ")


def test_errors_are_shown_next_to_the_throughput() -> None:
    bad = turn(100)
    bad.samples[CROWD.key] = replace(bad.samples[CROWD.key], errors=0.75)
    assert "100 (1.0x), 75 % errors" in text(run({BASELINE: bad}))


def test_a_table_is_markdown_with_aligned_columns() -> None:
    assert table(["a", "b"], [["x", "10"]]) == "| a   |   b |\n|:----|----:|\n| x   |  10 |"


def test_a_run_survives_its_file(tmp_path: Path) -> None:
    results = steady()
    results.save(tmp_path / "bench.json")
    assert Results.load(tmp_path / "bench.json") == results


def test_the_block_between_the_markers_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    begin, end = markers(LISTS_COMMAND)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    for _ in range(2):
        write_between_markers(page, r"new \1", LISTS_COMMAND)
        assert page.read_text() == f"before\n{begin}\n\nnew \\1\n{end}\nafter\n"


def test_a_page_without_markers_is_an_error_that_names_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text")
    with pytest.raises(ValueError, match=r"page.md has no lines"):
        write_between_markers(page, "new", LISTS_COMMAND)
    assert page.read_text() == "text"


def test_the_plot_names_each_server_and_is_the_same_for_the_same_figures(tmp_path: Path) -> None:
    first, second = tmp_path / "1.svg", tmp_path / "2.svg"
    plot.draw(steady(), first)
    plot.draw(steady(), second)
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 150 * 1024
    assert SELF in first.read_text()
    assert "20,000" in first.read_text()
