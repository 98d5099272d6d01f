"""The attacker comes back: whether containment holds is tried, not assumed.

For each compromised account they sign in with the stolen password, and renew the session that they had. What stops them is what stops them in the real service:
error numbers are those of "Microsoft Entra authentication and authorization error codes". Known limit: an access token already issued would live on
for up to an hour; nothing here models it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from integrations.lab.clock import parse_iso
from integrations.lab.state import Tenant

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

DISABLED, WRONG_PASSWORD, SESSION_REVOKED = 50057, 50126, 50173


def come_back(lab: Lab) -> list[dict[str, Any]]:
    """Try every compromised account; each try stands in the sign-in log.

    Returns:
        for each account ``{user, password, session}``: the error number of either try, 0 when it succeeded.
    """
    tenant = lab.tenant
    began = tenant.story.began_at
    if began is None:
        return []
    return [_try(tenant, upn, began, lab.now()) for upn in tenant.story.compromised]


def _try(tenant: Tenant, upn: str, began: datetime, now: datetime) -> dict[str, Any]:
    index = tenant.directory.resolve(upn)
    if index is None:
        return {"user": upn, "password": WRONG_PASSWORD, "session": SESSION_REVOKED}
    user = tenant.directory.peek(index).props
    disabled = DISABLED if user["accountEnabled"] is False else 0
    password = disabled or (WRONG_PASSWORD if _moved(user["lastPasswordChangeDateTime"], began) else 0)
    session = disabled or (SESSION_REVOKED if _moved(user["signInSessionsValidFromDateTime"], began) else 0)
    for error, interactive in ((password, True), (session, False)):
        tenant.add_sign_in(
            index,
            now,
            str(tenant.story.attacker["ips"][0]),
            "Amsterdam",
            str(tenant.story.attacker["country"]),
            system="Linux",
            browser="Chrome 129.0.0",
            agent=str(tenant.story.attacker["user_agent"]),
            error=error,
            interactive=interactive,
        )
        tenant.sign_ins.insert(0, tenant.sign_ins.pop())
    return {"user": upn, "password": password, "session": session}


def _moved(text: str, began: datetime) -> bool:
    return parse_iso(text) > began
