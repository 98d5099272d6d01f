"""For every test: where Chromium is, and what happens without it."""

from __future__ import annotations

import os
import shutil

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")


def _chromium() -> str | None:
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("browser") is None or _chromium() is not None:
        return
    why = "there is no Chromium, and `make test` may not install it; install the packages in requirements/debian.txt"
    if os.environ.get("CI"):
        pytest.fail(why, pytrace=False)  # what CI does not test, nobody tests
    pytest.skip(why)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser, for tests marked ``browser``: Playwright's own downloads are not used."""
    found = _chromium()
    assert found is not None, "mark the test with `browser`"
    return found
