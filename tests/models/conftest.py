from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.models.serving import Serving


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with Serving(tmp_path_factory.mktemp("models")) as serving:
        yield serving
