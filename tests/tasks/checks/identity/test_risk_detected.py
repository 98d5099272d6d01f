from __future__ import annotations

from tasks.checks.identity.risk_detected import RiskDetected
from tests.tasks.checks.identity._facts import EVE, risk
from tests.tasks.checks.looks import LATELY, LONG_AGO, LOOK, found

CHECK = RiskDetected()


def test_by_level_and_by_kind() -> None:
    assert found(CHECK, risk()) == [("medium", EVE)]
    assert found(CHECK, risk(level="low")) == [("low", EVE)]
    assert found(CHECK, risk(level="high")) == [("high", EVE)]
    assert found(CHECK, risk(event="leakedCredentials", level="low")) == [("high", EVE)]
    assert found(CHECK, risk(level="hidden")) == [("medium", EVE)]
    [one] = CHECK.evaluate(risk(event="passwordSpray"), LOOK)
    assert one.attack == ("T1110.003",)


def test_settled_or_old() -> None:
    for state in ("remediated", "dismissed", "confirmedSafe"):
        assert found(CHECK, risk(state=state)) == []
    assert found(CHECK, risk(at=LONG_AGO)) == []


def test_what_happened_long_ago_and_was_detected_lately() -> None:
    assert found(CHECK, risk(at=LONG_AGO, detected_at=LATELY)) == [("medium", EVE)]
