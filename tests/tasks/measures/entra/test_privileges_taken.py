from __future__ import annotations

from dataclasses import replace
from typing import Any

from tasks.measures.entra.privileges_taken import PrivilegesTaken
from tenantry.sweep.check import Known
from tests.tasks.checks.looks import LOOK
from tests.tasks.measures.entra.test_global_administrators import holding

EMERGENCY = replace(LOOK, known=Known(emergency=frozenset({"id-breakglass", "breakglass@acme.example"})))


def said(name: str, **of: Any) -> Any:
    fact = holding(name, **of)
    assert PrivilegesTaken().subject(fact) == name
    found = PrivilegesTaken().judge(fact, EMERGENCY)
    return None if found is None else list(found)


def test_for_good_or_for_a_while() -> None:
    assert said("anna") == ["Global Administrator for good"]
    assert said("anna", how="activated") == said("anna", how="eligible") == []
    assert said("breakglass@acme.example") == []
    assert said("anna", role="Reader") is None
