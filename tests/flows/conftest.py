"""One service for the modules that only use it; what kills servers brings its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.flows import hostile, killing
from tests.flows.stand import Stand

GRACE = 12.0
"""Seconds that a cancelled run's process has, here; an operator's are 30. Long enough to be seen on a busy machine."""


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    packages = killing.install(hostile.install(tmp_path_factory.mktemp("packages")))
    with Stand(tmp_path_factory.mktemp("served"), packages=packages) as stand:
        stand.home.estate.write_text(f"service: {{cancel_grace_seconds: {GRACE}}}\n", encoding="utf-8")
        stand.up()
        yield stand


@pytest.fixture
def stand(served: Stand) -> Stand:
    """The service, with a lab as new."""
    served.lab.reset()
    return served
