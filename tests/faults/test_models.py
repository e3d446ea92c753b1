"""The model fails on one request: the others of its batch still get their responses."""

import random
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from scripts.model.archiver import CONFIG
from tests.faults.conftest import counted, fault
from tests.faults.test_floods import flood
from tests.support import raw
from tests.support.operators import add
from tests.support.server import Server

# How the model fails, by the number among its input that makes it fail.
WAYS = {-13: "an error", -14: "complex numbers", -15: "forty dimensions"}


class Failing(nn.Module):
    """Doubles the numbers, but fails in one of several ways if a special one is among them."""

    def forward(self, numbers: Tensor) -> Tensor:
        if bool((numbers == -13).any()):
            raise ValueError("13 brings bad luck")
        if bool((numbers == -14).any()):
            return torch.complex(numbers.double(), numbers.double())
        if bool((numbers == -15).any()):
            return numbers.reshape([1] * 40 + [-1])
        return numbers * 2


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    store = tmp_path_factory.mktemp("failing")
    add(store, "1.0", Failing(), CONFIG.read_text())
    with Server(store, store / "log") as server:
        yield server


@pytest.mark.parametrize("special", WAYS)
def test_a_model_that_fails_on_one_request(server: Server, special: int) -> None:
    def attack(pick: random.Random) -> bytes:
        """Return a request with the number that the model fails on, in any format."""
        numbers = [pick.choice((special, 1)) for _ in range(pick.randrange(5))] + [special]
        tensor = f'{{"name":"x","shape":[{len(numbers)}],"datatype":"INT64","data":{numbers}}}'
        bodies = (f"{numbers}", f'{{"instances":[{numbers}, 1]}}', f'{{"inputs":[{tensor}]}}')
        return raw.request(pick.choice(bodies).encode())

    with fault(f"a model that answers one request with {WAYS[special]}", server) as it:
        outcomes, _ = flood(server.ports["PORT"], attack)
        it.remark = counted(outcomes)
    assert set(outcomes) <= {"400", "500", "200"}
