"""For every test: where Chromium is and what happens without it, and who runs beside whom."""

from __future__ import annotations

import gc
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.tools import needs

# Nothing is timed: a machine that is busy is no defect. In CI Hypothesis has a profile of its own that says the same.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
if settings.get_current_profile_name() == "default":
    settings.load_profile("untimed")

# Before moto is imported: it would give each account 1,300 of the vendor's images, and a snapshot of each, in every region.
os.environ.setdefault("MOTO_AMIS_PATH", str(Path(__file__).parent / "support" / "aws_images.json"))

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_LONG = (
    *("flows", "test_demo.py", "faults", "runbooks", "benchmarks", "test_lock.py"),
    *("test_rotation.py", "test_certified_rotation.py", "test_key_rotation.py"),
)
"""What takes longest, by the first part of its path or by its file: begun first, so that no process is left with it at the end."""
_SERVED = {
    **dict.fromkeys(
        (
            "test_alerts_served",
            "test_body",
            "test_browser",
            "test_deployments",
            "test_disaster_served",
            "test_drop_page",
            "test_offboarding_served",
            "test_onboarding_served",
            "test_prefect_cli",
            "test_rotating_served",
            "test_sweep_served",
        ),
        "one service",
    ),
    **dict.fromkeys(("test_cancel", "test_keeper", "test_launch", "test_limit", "test_security"), "another service"),
}
"""Files of tests/flows that share a service, which takes as long to start as most of them to run."""


def pytest_configure() -> None:
    # What collecting makes stays until the end: looking through it for garbage again and again took a third of the time.
    gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, *gc.get_threshold()[1:])  # as in processes that carry runs (flows/interpreter.py)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        parts = (item.path.relative_to(tests).parts[0], item.path.name)
        return next((_LONG.index(part) for part in parts if part in _LONG), len(_LONG))

    items.sort(key=place)  # stable


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For ``--dist loadfile``: a file's tests run in one process, and so do those of files that share a service."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class Shared(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = Path(super()._split_scope(nodeid))
            return _SERVED.get(file.stem, str(file)) if file.parent.name == "flows" else str(file)

    return Shared(config, log)


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
