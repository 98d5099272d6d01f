"""For every test: where Chromium is, and what happens without it."""

from __future__ import annotations

import shutil

import pytest

from tests.support.tools import needs

_NAMES = ("chromium", "chromium-browser", "google-chrome")


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
