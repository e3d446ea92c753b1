"""The figures and tables of docs/scale.md."""

from __future__ import annotations

import json
import re

import pytest

from scripts.bench import lineup, scale
from server.store.paths import ROOT

RUN = json.loads(scale.RUN.read_text())


def test_the_page_holds_the_tables_of_the_measured_run() -> None:
    page = scale.PAGE.read_text()
    block = re.search(f"{scale.BEGIN}\n\n(.*)\n{scale.END}", page, re.DOTALL)
    assert block
    assert block[1] == scale.tables(RUN), "make cloud-scale WRITE=1"


@pytest.mark.parametrize("rate", ["10", "1 000", "100 000"])
def test_each_load_has_a_row_for_each_instance_that_was_measured(rate: str) -> None:
    rows = [line for line in scale.tables(RUN).splitlines() if line.startswith(f"| {rate} |")]
    assert len(rows) == len(RUN["figures"])


def test_concurrency_is_what_terraform_gives_an_instance() -> None:
    sizing = (ROOT / "iac/environment/variables_sizing.tf").read_text()
    concurrency = re.search(r"concurrency\s+= optional\(number, (\d+)\)", sizing)
    assert concurrency
    assert scale.CONCURRENCY[lineup.SELF] == int(concurrency[1])


def test_the_queue_is_torchserve_s() -> None:
    config = (ROOT / "config.properties").read_text()
    assert f"job_queue_size={scale.QUEUE}\n" in config
