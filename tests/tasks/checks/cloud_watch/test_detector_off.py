from __future__ import annotations

from tasks.checks._collect.cloud import Detectors
from tasks.checks.cloud_watch.detector_off import DetectorOff
from tenantry.capabilities import DetectorState
from tests.tasks.checks._cloud import found

CHECK = DetectorOff()


def detectors(*states: tuple[bool, bool]) -> Detectors:
    made = [
        DetectorState(service="guardduty", region=f"r{number}", enabled=enabled, present=present)
        for number, (enabled, present) in enumerate(states)
    ]
    return Detectors("guardduty", tuple(made))


def test_one_that_is_switched_off() -> None:
    assert found(CHECK, detectors((False, True))) == [("high", "guardduty/r0")]
    assert found(CHECK, detectors((True, True), (False, True))) == [("high", "guardduty/r1")]


def test_one_that_is_missing_where_another_watches() -> None:
    assert found(CHECK, detectors((True, True), (False, False))) == [("low", "guardduty/r1")]


def test_a_client_who_never_had_any_is_none() -> None:
    assert found(CHECK, detectors((False, False), (False, False))) == []
    assert found(CHECK, detectors((True, True))) == []
    assert found(CHECK, detectors()) == []
