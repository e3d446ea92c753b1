from collections.abc import Iterator

import pytest

from tests.frontend.api import Api, serve


@pytest.fixture
def api() -> Iterator[Api]:
    with serve() as running:
        yield running
