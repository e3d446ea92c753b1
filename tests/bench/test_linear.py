"""The table of what a body costs beside one of four times its size."""

import sys

import pytest

from scripts.bench import bodies, linear


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are read from /proc")
def test_each_format_has_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = list(bodies.FORMS)[:2]
    monkeypatch.setattr(bodies, "FORMS", {name: bodies.FORMS[name] for name in names})
    linear.main(mib=0.02)
    out = capsys.readouterr().out
    assert out.startswith("N = 0.02 MiB")
    assert [line.split("|")[1].strip() for line in out.splitlines()[-2:]] == names
