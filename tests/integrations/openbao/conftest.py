from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.bao import Bao


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with Bao(tmp_path_factory.mktemp("bao")) as server:
        yield server
