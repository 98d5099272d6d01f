from __future__ import annotations

import copy
from typing import Any

import pytest

from tasks.measures.entra.access_rule import PRIVILEGED, AccessRule
from tenantry.baseline.measure import Verdict
from tenantry.capabilities import AccessPolicy
from tests.tasks.measures.entra.test_privileges_taken import EMERGENCY
from tests.tasks.measures.given import listed, measured

EVERYBODY: dict[str, Any] = {
    "conditions": {
        "users": {"includeUsers": ["All"], "excludeUsers": ["id-breakglass"]},
        "applications": {"includeApplications": ["All"]},
        "clientAppTypes": ["all"],
    },
    "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
}
STRONG = {
    "operator": "OR",
    "builtInControls": [],
    "authenticationStrength": {"id": "00000000-0000-0000-0000-000000000004"},
}


def rule(*, enforced: bool = True, grant: Any = None, **conditions: Any) -> AccessPolicy:
    raw = copy.deepcopy(EVERYBODY)
    raw["conditions"] |= conditions
    raw["grantControls"] = grant or raw["grantControls"]
    return AccessPolicy(
        **{
            "id": "r",
            "name": "The rule",
            "enforced": enforced,
            "reporting": not enforced,
            "demands": True,
            "everybody": True,
        },
        **{"excluded": (), "created_at": None, "changed_at": None, "raw": raw},
    )


class Directory:
    def __init__(self, *rules: AccessPolicy) -> None:
        self.policies = listed(*rules)


async def said(*rules: AccessPolicy, **parameters: Any) -> Verdict:
    measure = AccessRule(AccessRule.Params.model_validate({"grant": "mfa", **parameters}))
    return await measured(measure, EMERGENCY, directory=Directory(*rules))


async def test_one_that_is_whole_is_enough() -> None:
    assert (await said(rule(enforced=False), rule())).status == "pass"
    assert (await said()).status == "fail"
    assert (await said(rule(enforced=False))).about == ("The rule: it is not enforced",)


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ({"users": {"includeUsers": ["All"], "excludeUsers": ["id-somebody"]}}, "it leaves somebody out"),
        ({"users": {"includeUsers": ["All"], "excludeGroups": ["g"]}}, "it leaves somebody out"),
        ({"users": {"includeUsers": ["All"], "excludeGuestsOrExternalUsers": {"x": 1}}}, "it leaves somebody out"),
        ({"users": {"includeGroups": ["g"]}}, "it is not about everybody whom it should be about"),
        ({"applications": {"includeApplications": ["one"]}}, "it is not about everything that it should be about"),
        (
            {"applications": {"includeApplications": ["All"], "excludeApplications": ["a"]}},
            "it is not about everything that it should be about",
        ),
        ({"clientAppTypes": ["browser"]}, "it is about some programs only"),
        ({"userRiskLevels": ["high"]}, "it counts at some risks only"),
        ({"signInRiskLevels": ["high"]}, "it counts at some risks only"),
        ({"authenticationFlows": {"transferMethods": "deviceCodeFlow"}}, "it is about some flows only"),
        (
            {"locations": {"includeLocations": ["All"], "excludeLocations": ["AllTrusted"]}},
            "it counts under a further condition only",
        ),
        ({"platforms": {"includePlatforms": ["iOS"]}}, "it counts under a further condition only"),
        ({"devices": {"deviceFilter": {"mode": "exclude", "rule": "x"}}}, "it counts under a further condition only"),
    ],
)
async def test_what_leaves_a_gap_does_not_count(conditions: Any, why: str) -> None:
    found = await said(rule(**conditions))
    assert (found.status, found.about) == ("fail", (f"The rule: {why}",))


@pytest.mark.parametrize(
    ("grant", "demanded", "status"),
    [
        ({"operator": "OR", "builtInControls": ["mfa", "compliantDevice"]}, "mfa", "fail"),
        ({"operator": "AND", "builtInControls": ["mfa", "compliantDevice"]}, "mfa", "pass"),
        ({"operator": "OR", "builtInControls": ["mfa"], "termsOfUse": ["t"]}, "mfa", "fail"),
        ({"operator": "OR", "builtInControls": ["compliantDevice", "domainJoinedDevice"]}, "managed", "pass"),
        ({"operator": "OR", "builtInControls": ["block"]}, "block", "pass"),
        ({"operator": "OR", "builtInControls": ["mfa"]}, "phishing_resistant", "fail"),
        (STRONG, "phishing_resistant", "pass"),
        (STRONG, "mfa", "pass"),
        ({"operator": "OR", "authenticationStrength": {"id": "a-made-one"}}, "mfa", "fail"),
        ({"operator": "OR", "builtInControls": []}, "mfa", "fail"),
    ],
)
async def test_what_is_demanded(grant: Any, demanded: str, status: str) -> None:
    assert (await said(rule(grant=grant), grant=demanded)).status == status


async def test_risks_flows_and_old_programs() -> None:
    block = {"operator": "OR", "builtInControls": ["block"]}
    assert (await said(rule(grant=block, userRiskLevels=["high"]), grant="block", user_risk=["high"])).status == "pass"
    assert (
        await said(rule(grant=block, userRiskLevels=["medium"]), grant="block", user_risk=["high"])
    ).status == "fail"
    flow = {"transferMethods": "deviceCodeFlow"}
    assert (
        await said(rule(grant=block, authenticationFlows=flow), grant="block", transfer="deviceCodeFlow")
    ).status == "pass"
    legacy = rule(grant=block, clientAppTypes=["exchangeActiveSync", "other"])
    assert (await said(legacy, grant="block", clients="legacy")).status == "pass"
    assert (await said(legacy, grant="block")).status == "fail"


async def test_administrators_and_registering() -> None:
    administrators = rule(grant=STRONG, users={"includeRoles": sorted(PRIVILEGED)})
    assert (await said(administrators, grant="phishing_resistant", users="privileged")).status == "pass"
    some = rule(grant=STRONG, users={"includeRoles": sorted(PRIVILEGED)[1:]})
    assert (await said(some, grant="phishing_resistant", users="privileged")).status == "fail"
    registering = rule(applications={"includeUserActions": ["urn:user:registersecurityinfo"]})
    assert (await said(registering, target="registering")).status == "pass"
    assert (await said(registering)).status == "fail"
