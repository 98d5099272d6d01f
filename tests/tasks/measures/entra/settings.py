"""Facts of a directory's settings for measures' tests: a hardened directory, of which a test changes what it is about."""

from __future__ import annotations

from typing import Any

from tenantry.capabilities import ConsentRequests, Liberties, RoleRules, SignInMethods

__all__ = ["EXCHANGE", "GLOBAL", "liberties", "methods", "requests", "rules"]

GLOBAL, EXCHANGE = "62e90394-69f5-4237-9190-012177145e10", "29232cdf-9323-42fd-ade2-1d097af3e4de"


def liberties(**of: Any) -> Liberties:
    usual = {"registers_applications": False, "consents": (), "guests": "limited", "invites": "none", "raw": {}}
    return Liberties(**usual | of)


def requests(**of: Any) -> ConsentRequests:
    return ConsentRequests(**{"enabled": True, "reviewers": 2, "raw": {}} | of)


def methods(**of: Any) -> SignInMethods:
    states = {"Sms": False, "Voice": False, "Email": False, "MicrosoftAuthenticator": True}
    usual = {"migration": "migrationComplete", "states": states, "shows": ("app", "location"), "raw": {}}
    return SignInMethods(**usual | of)


def rules(role_id: str = GLOBAL, **of: Any) -> RoleRules:
    told = {"assigned": 1, "made_eligible": 1, "activated": 1}
    return RoleRules(**{"role_id": role_id, "approval": True, "approvers": 2, "told": told, "raw": {}} | of)
