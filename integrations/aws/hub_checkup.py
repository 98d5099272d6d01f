"""Whether the MSP's hub is as it should be: who it is, which roles it may assume, which of the clients' it may not, and what it may do besides."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from botocore.credentials import Credentials

from integrations.aws.hub import Hub
from integrations.aws.hub_rights import ASSUME, Judged, Principal, judged, must, read, unreadable, wanted
from tenantry.errors import PermissionMissing
from tenantry.providers import ProviderCheck

__all__ = ["check"]

_BEHIND: Final = "role: "
"""Before what the hub's role is granted, where there is one between its user and the clients."""
_CHECK_UP: Final = "tenantry-check-up"
_LIFE_S: Final = 900


async def check(
    hub: Hub, hub_role: str | None, roles: Sequence[str], *, second_factor: bool
) -> tuple[ProviderCheck, frozenset[str]]:
    """Reads alone.

    Args:
        hub_role: the role between, if there is one.
        roles: resource names of the clients' roles.
        second_factor: the user has one, whose seed is exchanged.

    Returns:
        what was found, and everything that the hub is to have: whatever else is in ``direct`` is too much.

    Raises:
        SignInFailed: the key is refused. Rejected: it is no user's.
    """
    signed = await hub.signed(await hub.present())
    await hub.user(signed)
    arn = str((await hub.call(signed, "sts", "get_caller_identity"))["Arn"])
    user = Principal("User", arn.rsplit("/", 1)[-1], arn)
    facts: dict[str, Any] = {"user": arn}
    of_user = must(roles if hub_role is None else (hub_role,), exchanged=True, second_factor=second_factor)
    asked = user
    try:
        found = await _judged(hub, signed, user, of_user)
        names, wider, lacking = found.names, dict(found.wider), of_user - found.granted
        assumes, allowed = found.assumes, wanted(of_user)
        if hub_role is not None:
            asked = Principal("Role", hub_role.rsplit("/", 1)[-1], hub_role)
            of_role = must(roles, exchanged=False, second_factor=False)
            behind = await _judged(hub, await _through(hub, signed, hub_role), asked, of_role)
            assumes, lacking = behind.assumes, lacking | (of_role - behind.granted)
            names |= {f"{_BEHIND}{name}" for name in behind.names}
            allowed |= {f"{_BEHIND}{name}" for name in wanted(of_role)}
            wider |= {f"{_BEHIND}{n}": frozenset(f"{_BEHIND}{one}" for one in more) for n, more in behind.wider.items()}
    except PermissionMissing as refused:
        problems = (unreadable(asked, refused),)
        return ProviderCheck(signed_in=True, granted=None, problems=problems, facts=facts, reachable=True), frozenset()
    facts["may_assume"] = list(assumes)
    return (
        ProviderCheck(
            signed_in=True,
            granted=names.union(*wider.values()),
            direct=names,
            wider=wider,
            problems=tuple(_said(name) for name in sorted(lacking)),
            facts=facts,
            reachable=True,
        ),
        allowed,
    )


async def _judged(hub: Hub, credentials: Credentials, principal: Principal, needed: frozenset[str]) -> Judged:
    return judged(await read(partial(hub.call, credentials), principal), wanted(needed))


async def _through(hub: Hub, signed: Credentials, role: str) -> Credentials:
    """A session of the hub's role."""
    answer = await hub.call(
        signed, "sts", "assume_role", RoleArn=role, RoleSessionName=_CHECK_UP, DurationSeconds=_LIFE_S
    )
    made = answer.get("Credentials") or {}
    return Credentials(made.get("AccessKeyId"), made.get("SecretAccessKey"), made.get("SessionToken"))


def _said(name: str) -> str:
    action, _, place = name.partition(" on ")
    if action == ASSUME:
        return f"the hub may not assume {place}: that client is not reached"
    return (
        f"the hub may not do {action} {'on ' + place if place != 'nothing' else ''}".rstrip()
        + ": it cannot exchange its credential"
    )
