from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tasks.measures.access.partner_rights import PartnerRights
from tenantry.capabilities import PartnerRelation
from tests.tasks.checks.looks import PARTNER
from tests.tasks.measures.given import NOBODY, listed, measured

GLOBAL = "62e90394-69f5-4237-9190-012177145e10"
HELPDESK = "729827e3-9c14-49f7-bb1b-9608f156bbb8"


def relation(**more: Any) -> PartnerRelation:
    base: dict[str, Any] = {"tenant_id": PARTNER, "name": "MSP", "kind": "administers", "active": True, "since": None}
    return PartnerRelation(**{**base, "roles": (HELPDESK,), "raw": {}, **more})


@pytest.mark.parametrize(
    ("found", "status"),
    [
        ([relation()], "pass"),
        ([relation(), relation(roles=(HELPDESK, GLOBAL))], "fail"),
        ([relation(roles=())], "unknown"),
        ([relation(kind="service_provider", roles=())], "for_person"),
        ([relation(active=False, roles=(GLOBAL,))], "not_applicable"),
        ([relation(tenant_id="somebody", roles=(GLOBAL,))], "not_applicable"),  # a check of the sweep is about those
        ([], "not_applicable"),
    ],
)
async def test_what_our_relationship_gives(found: list[PartnerRelation], status: str) -> None:
    directory = SimpleNamespace(partners=listed(*found))
    assert (await measured(PartnerRights(), directory=directory)).status == status


async def test_who_names_no_partner_is_asked() -> None:
    directory = SimpleNamespace(partners=listed(relation()))
    assert (await measured(PartnerRights(), NOBODY, directory=directory)).status == "for_person"
