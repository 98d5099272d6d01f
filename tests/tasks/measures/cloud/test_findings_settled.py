from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tasks.measures.cloud.findings_settled import FindingsSettled
from tenantry.capabilities import DetectorState
from tests.tasks.checks._cloud import vendor_finding
from tests.tasks.measures.given import listed, measured


@pytest.mark.parametrize(
    ("on", "findings", "status", "about"),
    [
        (True, [{}], "fail", 1),
        (False, [{}], "fail", 1),  # one that was found before the detector was switched off
        (True, [{"open": False}], "pass", 0),
        (True, [], "pass", 0),
        (False, [], "not_applicable", 0),
    ],
)
async def test_what_lies_open_is_named(on: bool, findings: list[dict[str, Any]], status: str, about: int) -> None:
    async def detectors() -> tuple[DetectorState, ...]:
        return (DetectorState(service="guardduty", region="eu-central-1", enabled=on),)

    vendor = SimpleNamespace(detectors=detectors, findings=listed(*(vendor_finding(**one) for one in findings)))
    found = await measured(FindingsSettled(), findings=vendor)
    assert (found.status, len(found.about)) == (status, about)
