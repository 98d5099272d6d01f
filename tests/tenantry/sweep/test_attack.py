"""Techniques in both editions."""

from __future__ import annotations

from tenantry.sweep.attack import both_editions


def test_what_version_19_revoked_stands_beside_what_took_its_place() -> None:
    assert both_editions(["T1562.008", "T1078"]) == ("T1562.008", "T1685.002", "T1078")
    assert both_editions(["T1562.001", "T1562.006"]) == ("T1562.001", "T1685", "T1562.006")
    assert both_editions(["T1562.007"]) == ("T1562.007", "T1686.001")
