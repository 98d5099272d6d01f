"""For every test: where Chromium is and what happens without it, and who runs beside whom."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.tools import needs

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_LONG = ("flows", "test_demo.py", "faults", "benchmarks", "test_lock.py")
"""What takes longest, by the first part of its path: begun first, so that no process is left with it at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests run in one process, and those of all files that use the one service as well (``make test``)."""
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        first = item.path.relative_to(tests).parts[0]
        return _LONG.index(first) if first in _LONG else len(_LONG)

    items.sort(key=place)  # stable
    for item in items:
        if item.get_closest_marker("torture") is None:
            served = "served" in getattr(item, "fixturenames", ())
            item.add_marker(pytest.mark.xdist_group("served" if served else str(item.path.relative_to(tests))))


def _chromium() -> str | None:
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") is not None:
        needs(_chromium() is not None, "Chromium")


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser, for tests marked ``browser``: Playwright's own downloads are not used."""
    found = _chromium()
    assert found is not None, "mark the test with `browser`"
    return found
