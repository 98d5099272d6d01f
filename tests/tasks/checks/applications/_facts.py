"""Facts about applications, as collectors give them."""

from __future__ import annotations

from typing import Any

from tenantry.capabilities import (
    Application,
    ApplicationCredential,
    ApplicationOwner,
    FederatedCredential,
    GivenPermission,
    InventoriedApplication,
    InventoriedGrant,
)
from tests.tasks.checks.looks import LATELY, OURS

HOME = "0c000000-0000-4000-8000-000000000003"
APP = "0d000000-0000-4000-8000-000000000004"
NAMED = f"DocuVault Sign ({APP})"
TRUSTED = ({"first_party": True}, {"ours": True}, {"app_id": OURS})
"""What makes an application one that no check has a word about."""


def application(of: dict[str, Any] | None = None, **more: Any) -> InventoriedApplication:
    facts = {
        "id": "sp1",
        "app_id": APP,
        "name": "DocuVault Sign",
        "enabled": True,
        "verified": False,
        "publisher": "",
        "own": False,
        "first_party": False,
        "ours": False,
        "raw": {"appOwnerOrganizationId": HOME},
        **(of or {}),
    }
    whole = {
        "created_at": None,
        "credentials": (),
        "federated": (),
        "permissions": (),
        "owners": (),
        "addresses": (),
        **more,
    }
    return InventoriedApplication(application=Application(**facts), **whole)


def credential(**of: Any) -> ApplicationCredential:
    return ApplicationCredential(
        **{
            "id": "c1",
            "kind": "password",
            "holder": "registration",
            "holder_id": "reg1",
            "application_id": "sp1",
            "label": "sync",
            "begins_at": LATELY,
            "ends_at": None,
            "raw": {},
            **of,
        }
    )


def federated(issuer: str) -> FederatedCredential:
    return FederatedCredential(id="f1", name="deploy", issuer=issuer, subject="sub", raw={})


def permission(name: str, since: Any = LATELY) -> GivenPermission:
    return GivenPermission(name=name, resource="Microsoft Graph", since=since)


def owner(name: str, guest: bool) -> ApplicationOwner:
    return ApplicationOwner(id="o1", name=name, guest=guest)


def grant(*scopes: str, **of: Any) -> InventoriedGrant:
    return InventoriedGrant(
        **{
            "id": "g1",
            "application_id": "sp1",
            "app_id": APP,
            "application": "DocuVault Sign",
            "verified": False,
            "first_party": False,
            "own": False,
            "account_id": "id-anna",
            "scopes": scopes,
            "raw": {},
            **of,
        }
    )
