from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scripts.bench import plot
from scripts.bench.lineup import BASELINE, SELF
from scripts.bench.loads import CROWD
from scripts.bench.report import BEGIN, END, report, table, write_between_markers
from scripts.bench.results import Results
from tests.unit.scripts.bench.runs import run, steady, turn


def test_the_report_has_a_row_for_each_server_and_names_who_is_missing() -> None:
    text = report(steady())
    assert f"| {SELF} | 20000 (20.0x) |" in text
    assert "Not measured: Another: it has no wheel." in text
    assert "GET /ping of DoubleIt on TorchServe, 256 connections: 30000/s." in text


def test_the_fastest_comes_first() -> None:
    text = report(run({"Slow": turn(1), BASELINE: turn(2), "Fast": turn(3)}))
    assert text.index("| Fast ") < text.index(f"| {BASELINE} ") < text.index("| Slow ")


def test_errors_are_shown_next_to_the_throughput() -> None:
    bad = turn(100)
    bad.samples[CROWD.key] = replace(bad.samples[CROWD.key], errors=0.75)
    assert "100 (1.0x), 75 % errors" in report(run({BASELINE: bad}))


def test_a_table_is_markdown_with_aligned_columns() -> None:
    assert table(["a", "b"], [["x", "10"]]) == "| a   |   b |\n|:----|----:|\n| x   |  10 |"


def test_a_run_survives_bench_json(tmp_path: Path) -> None:
    results = steady()
    results.save(tmp_path / "bench.json")
    assert Results.load(tmp_path / "bench.json") == results


def test_the_block_between_the_markers_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_between_markers(page, r"new \1")
    write_between_markers(page, r"new \1")
    assert page.read_text() == f"before\n{BEGIN}\n\nnew \\1\n{END}\nafter\n"


def test_a_page_without_markers_is_an_error_that_names_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("text")
    with pytest.raises(ValueError, match=r"page.md has no lines"):
        write_between_markers(page, "new")
    assert page.read_text() == "text"


def test_the_plot_names_each_server_and_is_the_same_for_the_same_figures(tmp_path: Path) -> None:
    first, second = tmp_path / "1.svg", tmp_path / "2.svg"
    plot.draw(steady(), first)
    plot.draw(steady(), second)
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 150 * 1024
    assert SELF in first.read_text()
    assert "20,000" in first.read_text()
