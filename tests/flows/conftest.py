"""One service for the modules that only use it; what kills servers brings its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows.stand import Stand


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with Stand(tmp_path_factory.mktemp("served")) as stand:
        stand.up()
        yield stand


@pytest.fixture
def stand(served: Stand) -> Stand:
    """The service, with a lab as new."""
    served.lab.reset()
    return served
