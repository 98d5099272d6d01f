from __future__ import annotations

from tenantry.sweep.report.words import by_reason


def test_checks_with_one_reason_stand_together() -> None:
    rows = [{"check": f"checks.host.c{number}", "why": "web2 is away"} for number in range(38)]
    rows[5:5] = [{"check": "checks.mail.x", "why": "no permission"}]
    assert by_reason(rows) == [
        {"check": "checks.host.c0, checks.host.c1, checks.host.c2 and 35 more", "why": "web2 is away"},
        {"check": "checks.mail.x", "why": "no permission"},
    ]
    assert by_reason([]) == []
