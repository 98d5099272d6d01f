"""Whether a client's role is as it should be: signed in, refused without its external id, allowed what runbooks need, and not more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from integrations.aws.actions import EXCESSIVE, every_action
from integrations.aws.caller import Caller
from integrations.aws.session import AccountSessions
from integrations.aws.settings import Settings
from tenantry.errors import (
    PermissionMissing,
    ProviderError,
    Rejected,
    SignInFailed,
    TargetNotFound,
    TenantryError,
    Unreachable,
)
from tenantry.providers import ProviderCheck

__all__ = ["check", "tried"]

_AT_ONCE: Final = 50
"""Actions that one simulation is asked about."""
_PROBES: Final[dict[str, tuple[str, str, dict[str, Any]]]] = {
    "iam:ListUsers": ("iam", "list_users", {"MaxItems": 1}),
    "iam:ListRoles": ("iam", "list_roles", {"MaxItems": 1}),
    "iam:GetAccountAuthorizationDetails": ("iam", "get_account_authorization_details", {"MaxItems": 1}),
    "ec2:DescribeInstances": ("ec2", "describe_instances", {"MaxResults": 5}),
    "ec2:DescribeSnapshots": ("ec2", "describe_snapshots", {"OwnerIds": ["self"], "MaxResults": 5}),
    "s3:ListAllMyBuckets": ("s3", "list_buckets", {}),
    "cloudtrail:DescribeTrails": ("cloudtrail", "describe_trails", {}),
    "cloudtrail:LookupEvents": ("cloudtrail", "lookup_events", {"MaxResults": 1}),
    "ec2:DescribeRegions": ("ec2", "describe_regions", {}),
}
"""Reads that show by use whether an action is allowed, where simulating is not."""


async def check(caller: Caller, sessions: AccountSessions, settings: Settings) -> ProviderCheck:
    """Everything that can be told without changing anything."""
    try:
        await sessions.ready()
    except TenantryError as error:
        answered = not isinstance(error, Unreachable)
        refused, said = await _by_the_account(sessions, error)
        return ProviderCheck(
            signed_in=False,
            granted=None,
            problems=(f"{error.message}. {error.remedy}", *said),
            reachable=answered,
            refused=refused,
        )
    problems: list[str] = []
    identity = sessions.identity
    facts: dict[str, Any] = {"account": settings.account, "role": settings.role_arn}
    if identity is not None:
        facts["session"] = identity.arn
    try:
        if await sessions.without_external_id():
            problems.append(
                "the role can be assumed without the external id, so whoever else our hub works for could be made to lead us here: "
                "add the condition sts:ExternalId to its trust policy"
            )
    except ProviderError as error:
        problems.append(f"whether the external id is demanded could not be tried: {error.message}")
    granted = await _simulated(caller, settings.role_arn, problems)
    if granted is None:
        await _used(caller, problems, facts)
        skew = None if identity is None else identity.clock_skew
        return ProviderCheck(
            signed_in=True, granted=None, problems=tuple(problems), facts=facts, reachable=True, clock_skew=skew
        )
    facts["simulated"] = True
    # What goes beyond is in there too: what no runbook needs is told by whoever knows the runbooks.
    return ProviderCheck(
        signed_in=True,
        granted=frozenset(granted),
        problems=tuple(problems),
        facts=facts,
        reachable=True,
        clock_skew=None if identity is None else identity.clock_skew,
    )


async def _by_the_account(sessions: AccountSessions, error: TenantryError) -> tuple[bool, tuple[str, ...]]:
    """Whether it is the client's account that refuses us, which says nothing where the hub's own credential is refused; and what to add."""
    if not isinstance(error, SignInFailed):
        return False, ()
    try:
        await sessions.hub()
    except TenantryError as own:
        return False, (f"the hub's own credential does not sign in, so the account was not asked: {own.message}",)
    return True, ()


async def _simulated(caller: Caller, role: str, problems: list[str]) -> set[str] | None:
    """Actions that the role's policies allow, by SimulatePrincipalPolicy; None where that is not allowed."""
    allowed: set[str] = set()
    wanted = sorted(every_action() | set(EXCESSIVE))
    for some in _slices(wanted):
        try:
            async for page in caller.pages(
                "iam", "simulate_principal_policy", "EvaluationResults", PolicySourceArn=role, ActionNames=list(some)
            ):
                allowed |= {
                    str(row["EvalActionName"])
                    for row in page["EvaluationResults"]
                    if row.get("EvalDecision") == "allowed"
                }
        except (PermissionMissing, Rejected, TargetNotFound):
            return None
        except ProviderError as error:
            problems.append(f"permissions could not be simulated: {error.message}")
            return None
    return allowed


async def _used(caller: Caller, problems: list[str], facts: dict[str, Any]) -> None:
    """Without simulation: a few harmless reads, and no claim about the rest."""
    found = await tried(caller, _PROBES)
    problems += [f"{action} is not allowed" for action, worked in found.items() if worked is False]
    problems += [f"{action} could not be tried" for action, worked in found.items() if worked is None]
    facts["tried"] = {action: worked for action, worked in found.items() if worked is not None}
    facts["simulated"] = False


async def tried(caller: Caller, names: Iterable[str]) -> dict[str, bool | None]:
    """As `tenantry.providers.Tries`."""
    wanted = set(names)
    found: dict[str, bool | None] = {}
    for action, (service, operation, params) in _PROBES.items():
        if action not in wanted:
            continue
        try:
            await caller.read(service, operation, **params)
        except PermissionMissing:
            found[action] = False
        except ProviderError:
            found[action] = None
        else:
            found[action] = True
    return found


def _slices(names: Sequence[str]) -> Iterable[Sequence[str]]:
    return (names[at : at + _AT_ONCE] for at in range(0, len(names), _AT_ONCE))
