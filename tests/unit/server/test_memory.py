import re
from pathlib import Path

import pytest

from server import memory
from server.store.paths import ROOT
from wire import limits as handler

MIB, GIB = 1 << 20, 1 << 30


@pytest.mark.parametrize(
    ("text", "size"),
    [("1GiB", GIB), ("1g", GIB), ("512 MB", 512 * MIB), ("2048Ki", 2 * MIB), ("1073741824", GIB)],
)
def test_memory_may_be_stated(text: str, size: int) -> None:
    assert memory.at_hand({"MEMORY": text}) == size


@pytest.mark.parametrize("text", ["much", "-1GiB", "1TiB", "1.5GiB", "9" * 5_000, "\u0661", " "])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size such as 1GiB or 512MiB"):
        memory.at_hand({"MEMORY": text})


@pytest.mark.parametrize(
    ("groups", "files"),
    [
        ("0::/a/b\n", {"a/memory.max": GIB}),
        ("0::/a/b\n", {"a/b/memory.max": "max", "a/memory.max": GIB}),
        ("0::/../x\n", {"memory.max": GIB}),
        ("9:cpu:/\n4:memory:/a\n", {"memory/a/memory.limit_in_bytes": GIB}),
        # In a container, the path is the host's and the files are the container's.
        ("4:memory:/docker/1f\n", {"memory/memory.limit_in_bytes": GIB}),
    ],
)
def test_the_control_groups_limit_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: str, files: dict[str, object]
) -> None:
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    own = tmp_path / "own"
    own.write_text(groups)
    monkeypatch.setattr(memory, "CGROUPS", tmp_path)
    monkeypatch.setattr(memory, "OWN_GROUPS", own)
    assert memory.at_hand({}) == GIB


def test_without_control_groups_it_is_the_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stated = memory.at_hand({})
    monkeypatch.setattr(memory, "OWN_GROUPS", tmp_path / "none")
    assert memory.at_hand({}) >= stated > 0
    assert memory.cores() >= 1


@pytest.mark.parametrize("workers", [1, 2, 8])
@pytest.mark.parametrize("size", [512, 1024, 2048, 4096, 16_384, 65_536])
def test_what_is_allowed_fits(size: int, workers: int) -> None:
    try:
        limits = memory.limits(size * MIB, workers=workers)
    except ValueError:
        assert size <= 256 + 256 * workers
        return
    # Java's heap may be full of garbage while bodies arrive and the workers are busy.
    taken = limits.heap + limits.response + limits.work
    assert taken < (size - 256) * MIB
    assert 0 < limits.request <= min(32 * MIB, limits.response)
    # The largest list of numbers can be answered alone.
    assert limits.request * memory.JSON <= limits.work


def test_the_handler_counts_with_the_same_costs() -> None:
    assert (handler.JSON, handler.BINARY) == (memory.JSON, memory.BINARY)


def test_more_memory_is_never_less_and_larger_models_are_never_more() -> None:
    sizes = [memory.limits(mib * MIB, workers=2).request for mib in range(600, 40_000, 100)]
    assert sizes == sorted(sizes)
    by_model = [memory.limits(8 * GIB, models=[mib * MIB]).request for mib in range(0, 2_000, 100)]
    assert by_model == sorted(by_model, reverse=True)


def test_recorded_workers_count_beside_those_of_the_other_models() -> None:
    sizes = [MIB, 2 * MIB, 2 * MIB]
    same = memory.limits(GIB, workers=2, models=sizes, recorded=[None] * 3)
    assert memory.limits(GIB, workers=2, models=sizes, recorded=[2, None, 2]) == same
    assert memory.limits(GIB, workers=9, models=sizes, recorded=[2, 2, 2]).heap == same.heap
    with pytest.raises(ValueError, match="1024 MiB do not hold 1000000002 recorded workers"):
        memory.limits(GIB, workers=2, models=sizes[:2], recorded=[10**9, None])


def figures(limits: memory.Limits) -> dict[str, str]:
    """Return the rows about derived limits in docs/reliability.md."""
    irregular = min(limits.request, limits.work / memory.OBJECTS)
    return {
        "workers": str(limits.workers),
        "Java's heap, MiB": str(limits.heap // MIB),
        "Java's buffers, MiB": str(limits.direct // MIB),
        "largest response, MiB": f"{limits.response / MIB:.1f}",
        "largest request, MiB": f"{limits.request / MIB:.1f}",
        "largest irregular V1 request, MiB": f"{irregular / MIB:.1f}",
    }


def test_the_documents_state_the_limits_that_are_derived(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "cores", lambda: 2)
    columns = [figures(memory.limits(size * MIB)) for size in (512, 1024, 2048, 4096)]
    page = (ROOT / "docs/reliability.md").read_text().partition("derives them:")[2]
    for title in columns[0]:
        line = next(line for line in page.splitlines() if line.startswith(f"| {title} "))
        assert re.split(r"\s*\|\s*", line)[2:-1] == [column[title] for column in columns], title
    sizing = (ROOT / "iac/environment/variables_sizing.tf").read_text()
    small, default = (memory.limits(size * MIB, workers=1).request // MIB for size in (512, 1024))
    assert default == memory.LARGEST_REQUEST_BYTES // MIB
    assert f"maximum of {default} MiB from 1Gi on, {small} MiB with 512Mi" in re.sub(
        r"\s+# ", " ", sizing
    )
