"""A check that lies is not believed: what a working system says is known, not only that something answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter

from tenantry.capabilities.probing import ProbeAnswer
from tenantry.disaster.judge import judged
from tenantry.disaster.probes import Probe

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PROBE = TypeAdapter(Probe)
HTTP = {
    "kind": "http",
    "url": "https://a.example/",
    "contains": "Add to basket",
    "lacks": ["stack trace"],
    "certificate_days": 7,
}
GOOD = {"status": 200, "text": "… Add to basket …", "certificate_until": NOW + timedelta(days=8)}
COMMAND = {"kind": "command", "host": "h", "argv": ["systemctl"], "contains": "running"}
SQL = {"kind": "sql", "host": "h", "database": "d", "query": "SELECT 1"}


@pytest.mark.parametrize(
    ("probe", "answer", "holds", "said"),
    [
        (HTTP, GOOD, True, "as it should"),
        (HTTP, {**GOOD, "text": "<h1>We are sorry</h1>"}, False, "status 200, and not the page"),
        (HTTP, {**GOOD, "text": "Add to basket stack trace"}, False, "the page of an error"),
        (HTTP, {**GOOD, "status": 503}, False, "status 503"),
        (HTTP, {**GOOD, "certificate_until": NOW + timedelta(days=6)}, False, "its certificate ends on"),
        (HTTP, {**GOOD, "certificate_until": None}, False, "could not be read"),
        (HTTP, {"error": "no answer within 10 s"}, False, "no answer"),
        (HTTP, {"asked": False, "error": "no provider"}, None, "no provider"),
        ({"kind": "tcp", "host": "h", "port": 25, "expects": "220"}, {"text": "220 mail"}, True, ""),
        (
            {"kind": "tcp", "host": "h", "port": 25, "expects": "220"},
            {"text": "HTTP/1.1 400"},
            False,
            "says 'HTTP/1.1 400' first",
        ),
        (
            {"kind": "dns", "name": "a.example", "addresses": ["192.0.2.2", "192.0.2.1"]},
            {"text": "192.0.2.1 192.0.2.2"},
            True,
            "",
        ),
        (
            {"kind": "dns", "name": "a.example", "addresses": ["192.0.2.2"]},
            {"text": "192.0.2.1 192.0.2.2"},
            False,
            "resolves to 192.0.2.1",
        ),
        (COMMAND, {"status": 0, "text": "running"}, True, ""),
        (COMMAND, {"status": 3, "text": "running"}, False, "ended with 3"),
        (COMMAND, {"status": 0, "text": "degraded"}, False, "lacks 'running'"),
        ({**SQL, "at_least": 5}, {"text": "7\n"}, True, ""),
        ({**SQL, "at_least": 5}, {"text": "0"}, False, "the value is 0 and less than 5"),
        ({**SQL, "at_least": 5}, {"text": "many"}, False, "no number"),
        ({**SQL, "equals": "f"}, {"text": "t"}, False, "not 'f'"),
    ],
)
def test_verdicts(probe, answer, holds, said) -> None:
    verdict = judged(PROBE.validate_python(probe), ProbeAnswer(**answer), NOW)
    assert verdict.holds is holds
    assert said in verdict.said


def test_a_drill_says_that_it_asked_nothing() -> None:
    verdict = judged(PROBE.validate_python(HTTP), ProbeAnswer(rehearsed=True), NOW)
    assert verdict.holds is True
    assert "drill" in verdict.said
