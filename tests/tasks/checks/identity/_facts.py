"""Facts about accounts and roles, as collectors give them."""

from __future__ import annotations

from typing import Any

from tenantry.capabilities import Device, Guest, Registration, RiskDetection, RoleHolding
from tests.tasks.checks.looks import LATELY

EVE = "eve@acme.example"


def holding(**of: Any) -> RoleHolding:
    return RoleHolding(
        **{
            "id": "h1",
            "principal_id": "id-eve",
            "principal": EVE,
            "kind": "user",
            "first_party": False,
            "app_id": "",
            "role": "Global Administrator",
            "role_id": "62e90394-69f5-4237-9190-012177145e10",
            "privileged": True,
            "scope": "/",
            "how": "assigned",
            "began_at": LATELY,
            "dated": True,
            "raw": {},
            **of,
        }
    )


def guest(**of: Any) -> Guest:
    upn = "eve_evil.example#ext#@acme.onmicrosoft.com"
    return Guest(**{"id": "g1", "upn": upn, "member": True, "invited_at": LATELY, "accepted": True, "raw": {}, **of})


def registration(**of: Any) -> Registration:
    facts = {
        "account_id": "id-eve",
        "upn": EVE,
        "administrator": True,
        "second_factor": False,
        "methods": (),
        "raw": {},
    }
    return Registration(**{**facts, **of})


def device(managed: bool = False, **of: Any) -> Device:
    return Device(
        **{
            "id": "d1",
            "name": "DESKTOP-1",
            "enabled": True,
            "operating_system": "Windows",
            "registered_at": LATELY,
            "raw": {"isManaged": managed or None, "trustType": "Workplace"},
            **of,
        }
    )


def risk(**of: Any) -> RiskDetection:
    return RiskDetection(
        **{
            "id": "r1",
            "account_id": "id-eve",
            "upn": EVE,
            "event": "unfamiliarFeatures",
            "level": "medium",
            "state": "atRisk",
            "at": LATELY,
            "detected_at": None,
            "ip": "203.0.113.9",
            "country": "NL",
            "raw": {},
            **of,
        }
    )
