"""The figures and tables of docs/scale.md."""

from __future__ import annotations

import json
import re

import pytest

from scripts.bench import lineup, report, scale
from server.store.paths import ROOT

RUN = json.loads(scale.RUN.read_text())


def test_the_page_holds_the_tables_of_the_measured_run() -> None:
    begin, end = report.markers(scale.COMMAND)
    _, _, text = scale.PAGE.read_text().partition(begin)
    assert text.partition(end)[0].strip() == scale.tables(RUN), "make cloud-scale WRITE=1"


@pytest.mark.parametrize("rate", ["10", "1 000", "100 000"])
def test_each_load_has_a_row_for_each_instance_that_was_measured(rate: str) -> None:
    rows = re.findall(rf"^\| {rate} +\|", scale.tables(RUN), re.MULTILINE)
    assert len(rows) == len(RUN["figures"])


def test_concurrency_is_what_terraform_gives_an_instance() -> None:
    sizing = (ROOT / "iac/environment/variables_sizing.tf").read_text()
    concurrency = re.search(r"concurrency\s+= optional\(number, (\d+)\)", sizing)
    assert concurrency
    assert scale.CONCURRENCY[lineup.SELF] == int(concurrency[1])


def test_the_queue_is_torchserve_s() -> None:
    config = (ROOT / "config.properties").read_text()
    assert f"job_queue_size={scale.QUEUE}\n" in config
