"""The images listen on $PORT, as Cloud Run requires."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from scripts.model import archiver
from tests.support import models
from tests.support.containers import PAGE, SERVER, inspect, output, readable, run
from tests.support.wait import wait_until

pytestmark = pytest.mark.usefixtures("images")


def state(container: str) -> str:
    """Return the container's health, or `ended`."""
    found = inspect(container)["State"]
    return str(found["Health"]["Status"]) if found["Running"] else "ended"


@contextmanager
def started(image: str, *options: str) -> Iterator[str]:
    """Run the image as Cloud Run does: writable, with all capabilities, and with PORT set."""
    command = ["docker", "run", "--detach", "--network=none", "--env=PORT=9123", *options, image]
    container = output(command)
    try:
        wait_until(lambda: state(container) != "starting", "a healthy container", 90)
        assert state(container) == "healthy", output(["docker", "logs", container])
        yield container
    finally:
        run(["docker", "rm", "--force", container])


@pytest.mark.parametrize(
    ("image", "path"), [(SERVER, "/predictions/doubleit/1.0/ready"), (PAGE, "/_stcore/health")]
)
def test_the_image_listens_on_the_given_port(image: str, path: str) -> None:
    with started(image) as container:
        code = (
            "import urllib.request as r\n"
            f"print(r.urlopen('http://127.0.0.1:9123{path}').status)\n"
            "ports = {int(line.split()[1].split(':')[1], 16) for file in ('tcp', 'tcp6')\n"
            "  for line in open(f'/proc/net/{file}').readlines()[1:] if line.split()[3] == '0A'}\n"
            "print({9123, 8080, 8501} & ports)"
        )
        answer = output(["docker", "exec", container, "python", "-c", code])
        assert answer.split("\n") == ["200", "{9123}"]
        # Streamlit would look up the machine's external address on the Internet.
        assert "external IP" not in output(["docker", "logs", container])


def test_the_image_serves_a_pt2_file(tmp_path: Path) -> None:
    """The build removes parts of torch, and only such a file imports torch.export."""
    rows = torch.ones(3, 2)
    batch = {"input": {0: torch.export.Dim("batch")}}
    program = torch.export.export(torch.nn.Identity(), (rows,), dynamic_shapes=batch)
    torch.export.save(program, tmp_path / "rows.pt2")
    (tmp_path / "settings.yaml").write_text(models.SERVER)
    store = tmp_path / "store"
    archiver.package(tmp_path / "rows.pt2", "rows", "1.0", tmp_path / "settings.yaml", store)
    volume = f"--volume={readable(store)}:/app/model_store:ro"
    with started(SERVER, volume, "--env=MODEL_NAME=rows") as container:
        code = (
            "import urllib.request as r\n"
            "print(r.urlopen(r.Request('http://127.0.0.1:9123/predictions/rows', b'[[1, 2.5]]',"
            " {'Content-Type': 'application/json'})).read().decode())"
        )
        assert output(["docker", "exec", container, "python", "-c", code]) == "[[1.0,2.5]]"
