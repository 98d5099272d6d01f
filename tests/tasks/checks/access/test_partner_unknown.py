from __future__ import annotations

from typing import Any

from tasks.checks.access.partner_unknown import PartnerUnknown
from tenantry.capabilities import PartnerRelation
from tests.tasks.checks.looks import PARTNER, found

CHECK = PartnerUnknown()
STRANGER = "0e000000-0000-4000-8000-000000000005"


def relation(**of: Any) -> PartnerRelation:
    facts = {"tenant_id": STRANGER, "name": "Helpers", "kind": "administers", "active": True, "since": None, "raw": {}}
    return PartnerRelation(**{**facts, **of})


def test_a_stranger() -> None:
    assert found(CHECK, relation()) == [("medium", STRANGER)]
    assert found(CHECK, relation(kind="service_provider")) == [("medium", STRANGER)]
    assert found(CHECK, relation(kind="trusted")) == [("low", STRANGER)]


def test_ours_and_what_has_ended() -> None:
    assert found(CHECK, relation(tenant_id=PARTNER)) == []
    assert found(CHECK, relation(active=False)) == []
