from __future__ import annotations

from typing import Any

from tasks.measures.entra.passwords_last import PasswordsLast
from tenantry.capabilities import DirectoryDomain
from tests.tasks.checks.looks import LOOK


def said(days: int | None, **of: Any) -> Any:
    facts = {
        "name": "acme.example",
        "verified": True,
        "federated": False,
        "issuer": "",
        "sign_in_host": "",
        "certificate_since": None,
    }
    fact = DirectoryDomain(**{**facts, "raw": {} if days is None else {"passwordValidityPeriodInDays": days}, **of})
    assert PasswordsLast().subject(fact) == "acme.example"
    found = PasswordsLast().judge(fact, LOOK)
    return None if found is None else list(found)


def test_days() -> None:
    assert said(2_147_483_647) == said(None) == []
    assert said(90) == ["passwords end after 90 days"]
    assert said(90, federated=True) is said(90, verified=False) is None
