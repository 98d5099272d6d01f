"""Every policy of the baseline for Entra ID on three directories of the lab: one that has what it demands, one that lacks all of it, and one
of which we may read nothing. What holds for one that a client does not have is asked in `test_directory_settings.py`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from integrations.lab.clock import iso
from integrations.lab.posture import ROLES
from integrations.lab.records import Record
from integrations.lab.state import PASSWORD_METHOD_ID
from tasks.measures.entra.access_rule import PRIVILEGED
from tasks.measures.entra.global_administrators import GLOBAL
from tests.integrations.microsoft365.conftest import Stand, check_contract, lab_stand
from tests.integrations.microsoft365.test_directory_settings import BASELINE, harden, stands

PERSONS = "ms_aad_9_1v1"
"""Graph v1.0 does not show what it is about: a person answers, or nobody may read the rules."""
_RESISTANT = {
    "operator": "OR",
    "builtInControls": [],
    "authenticationStrength": {"id": f"{'0' * 8}-0000-0000-0000-{'0' * 11}4"},
}


def rule(stand: Stand, name: str, grant: str | dict[str, Any], state: str = "enabled", **conditions: Any) -> None:
    """One of Conditional Access, about everybody and everything unless it says otherwise."""
    controls = {"operator": "OR", "builtInControls": [grant]} if isinstance(grant, str) else grant
    about = {
        "users": {"includeUsers": ["All"]},
        "applications": {"includeApplications": ["All"]},
        "clientAppTypes": ["all"],
        **conditions,
    }
    shown = {"displayName": name, "state": state, "conditions": about, "grantControls": controls}
    stand.lab.tenant.posture.policies.add(Record(stand.lab.tenant.dice.guid("rule", name), shown))


def demand(stand: Stand) -> None:
    """What the baseline demands of sign-ins."""
    rule(stand, "Old programs", "block", clientAppTypes=["exchangeActiveSync", "other"])
    rule(stand, "Accounts at risk", "block", userRiskLevels=["high"])
    rule(stand, "Sign-ins at risk", "block", signInRiskLevels=["high"])
    rule(stand, "Second factors that cannot be phished", _RESISTANT)
    rule(stand, "Administrators", _RESISTANT, users={"includeRoles": sorted(PRIVILEGED)})
    rule(stand, "Devices", "compliantDevice")
    registering = {"includeUserActions": ["urn:user:registersecurityinfo"]}
    rule(stand, "Registering", "compliantDevice", applications=registering)
    rule(stand, "Codes of devices", "block", authenticationFlows={"transferMethods": "deviceCodeFlow"})


def held_when_needed(stand: Stand) -> None:
    """Every privileged role is active for a while, and more people hold finer ones than the strongest."""
    tenant = stand.lab.tenant
    for row in tenant.role_assignments.listed(0.0):
        if row.view(0.0)["roleDefinitionId"] in PRIVILEGED:
            _dated(stand, row.id, "Activated")
    exchange = next(role for role, name in ROLES.items() if name == "Exchange Administrator")
    for index in (21, 22, 23):
        holds(stand, index, exchange, "Activated")


def holds(stand: Stand, index: int, role: str, how: str, *, dated: bool = True) -> None:
    """A person has a role."""
    tenant = stand.lab.tenant
    key = tenant.dice.bytes(32, "held", index, role).hex()[:43]
    who = tenant.directory.peek(index).props["id"]
    tenant.role_assignments.add(Record(key, {"principalId": who, "roleDefinitionId": role, "directoryScopeId": "/"}))
    _dated(stand, key, how, dated=dated)


def _dated(stand: Stand, key: str, how: str, *, dated: bool = True) -> None:
    tenant = stand.lab.tenant
    began = iso(tenant.start - timedelta(hours=2)) if dated else None
    ends = iso(tenant.start + timedelta(hours=2)) if how == "Activated" else None
    tenant.posture.role_instances[key] = {"startDateTime": began, "endDateTime": ends, "assignmentType": how}


def neglect(stand: Stand) -> None:
    """Whatever the baseline forbids."""
    tenant = stand.lab.tenant
    for row in tenant.posture.policies.listed(0.0):
        tenant.posture.policies.remove(row.id, 0.0)
    tenant.posture.password_days = 90
    tenant.posture.authorization["guestUserRoleId"] = "a0b1b346-4d3e-4e8b-98f8-753987be4970"
    for index in range(12, 24):
        holds(stand, index, GLOBAL, "Assigned", dated=False)
        tenant.directory.alter(index, onPremisesSyncEnabled=True)
    methods = tenant.person(12).methods
    for method in [row.id for row in methods if row.id != PASSWORD_METHOD_ID]:
        methods.remove(method, 0.0)


@pytest.fixture
def stand() -> Stand:
    return lab_stand("clean", users=30)


async def told(stand: Stand) -> dict[str, str]:
    try:
        return await stands(stand)
    finally:
        for handle in stand.handles:
            await handle.aclose()
        check_contract(stand.wire.requests)


async def test_one_that_has_what_is_demanded(stand: Stand) -> None:
    harden(stand)
    demand(stand)
    held_when_needed(stand)
    found = await told(stand)
    assert {policy: status for policy, status in found.items() if status != "pass"} == {PERSONS: "for_person"}
    assert set(found) == {policy.id for policy in BASELINE.policies}


async def test_one_that_lacks_all_of_it(stand: Stand) -> None:
    neglect(stand)
    found = await told(stand)
    assert {policy: status for policy, status in found.items() if status != "fail"} == {PERSONS: "for_person"}


async def test_one_of_which_we_may_read_nothing(stand: Stand) -> None:
    stand.lab.change_permissions(revoke=stand.lab.granted_roles)
    found = await told(stand)
    assert {policy: status for policy, status in found.items() if status != "unknown"} == {}


async def test_rules_that_are_only_tried_out_demand_nothing(stand: Stand) -> None:
    harden(stand)
    demand(stand)
    for row in stand.lab.tenant.posture.policies.listed(0.0):
        row.props["state"] = "enabledForReportingButNotEnforced"
    found = await told(stand)
    rules = {one.id for one in BASELINE.policies if any("access_rule" in asked.name for asked in one.measures)}
    assert len(rules) == 9
    assert {found[policy] for policy in rules} == {"fail"}
