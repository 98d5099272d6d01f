from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tenantry.journal import Journal
from tests.support.stand import SteppingClock
from tests.tenantry.journal.support import key, url_of


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path, clock: SteppingClock) -> Iterator[Journal]:
    opened = Journal(url_of(path), key, clock)
    yield opened
    opened.close()
