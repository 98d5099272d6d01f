"""``directory_settings`` on the lab: its conformance suite, what a directory's licence hides, and the baseline that stands on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.probing import NobodyAsked
from integrations.lab.posture import ROLES
from integrations.lab.records import Record
from integrations.microsoft365.provider import Microsoft365Handle
from tenantry.baseline.discover import measures
from tenantry.baseline.judge import judge
from tenantry.baseline.model import Baseline, load_baseline
from tenantry.errors import NoProvider, PermissionMissing
from tenantry.sweep.check import Known, Look
from tenantry.sweep.discover import checks
from tenantry.sweep.live import Given, sweep_tenant
from tests.conformance.directory_settings import DirectorySettingsConformance, DirectorySettingsWorld
from tests.integrations.microsoft365.conftest import Stand, check_contract, lab_stand
from tests.integrations.microsoft365.test_live_sweep import Access
from tests.tasks.checks._collect.test_mail_domains import Published

GLOBAL, EXCHANGE = "62e90394-69f5-4237-9190-012177145e10", "29232cdf-9323-42fd-ade2-1d097af3e4de"
MAIL = "soc@msp.example"
BASELINE = load_baseline("scuba_entra")
SETTINGS = {
    "ms_aad_3_3v2",
    "ms_aad_3_4v1",
    "ms_aad_3_5v2",
    "ms_aad_5_1v1",
    "ms_aad_5_2v1",
    "ms_aad_5_3v1",
    "ms_aad_5_5v1",
    "ms_aad_5_6v1",
    "ms_aad_5_7v1",
    "ms_aad_8_2v1",
}
RULES = {"ms_aad_7_6v1", "ms_aad_7_7v1", "ms_aad_7_8v1", "ms_aad_7_9v1"}


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    found = lab_stand("clean", users=30)
    yield found
    for handle in found.handles:
        await handle.aclose()
    check_contract(found.wire.requests)


@pytest.fixture
async def world(stand: Stand) -> DirectorySettingsWorld:
    rules = stand.lab.tenant.posture.role_rules[GLOBAL]
    rules["approval"], rules["approvers"] = True, [{"@odata.type": "#microsoft.graph.groupMembers", "groupId": "g"}]
    rules["mails"]["EndUser_Assignment"] = [MAIL]
    return DirectorySettingsWorld(
        provider=(await stand.open()).capability("directory_settings"),
        approved=GLOBAL,
        plain=EXCHANGE,
        writes=lambda: len(stand.lab.audit),
    )


class TestDirectorySettings(DirectorySettingsConformance):
    pass


async def test_without_the_licence_roles_have_no_rules(stand: Stand, world: DirectorySettingsWorld) -> None:
    stand.lab.tenant.posture.premium = False
    with pytest.raises(PermissionMissing):
        _ = [one async for one in world.provider.role_rules()]


class Looking:
    def __init__(self, access: Any) -> None:
        self.access = access

    def given(self, needs: Any, look: Look) -> Given:
        return Given(self.access, look, needs, "a test")

    async def checked(self, checks: Any, look: Look) -> Any:
        return await sweep_tenant(self.access, checks, look, {})


class WithDns(Access):
    """The lab's tenant, whose domains publish this."""

    def __init__(self, handle: Microsoft365Handle, published: Published | NobodyAsked) -> None:
        super().__init__(handle)
        self._published = published

    async def capability(self, name: str) -> Any:
        return self._published if name == "public_dns" else await super().capability(name)


async def stands(
    stand: Stand, baseline: Baseline = BASELINE, published: Published | NobodyAsked | None = None
) -> dict[str, str]:
    looking: Any = Looking(WithDns(await stand.open(), published or NobodyAsked()))
    now = stand.lab.now()
    look = Look(now, now - timedelta(days=30), Known())
    found = await judge(looking, [baseline], measures(), {check.name: check for check in checks()}, look)
    return {one["policy"]: one["status"] for one in found[baseline.id]}


def restriction(kind: str, longest: str | None = None) -> dict[str, Any]:
    return {
        "restrictionType": kind,
        "state": "enabled",
        "maxLifetime": longest,
        "restrictForAppsCreatedAfterDateTime": None,
    }


def harden(stand: Stand) -> None:
    posture = stand.lab.tenant.posture
    posture.authorization["allowInvitesFrom"] = "adminsAndGuestInviters"
    posture.authorization["defaultUserRolePermissions"] |= {
        "allowedToCreateApps": False,
        "permissionGrantPoliciesAssigned": ["ManagePermissionGrantsForSelf.microsoft-user-default-low"],
    }
    posture.consent_requests |= {"isEnabled": True, "reviewers": [{"query": "/users/x", "queryType": "MicrosoftGraph"}]}
    posture.sign_in_methods["policyMigrationState"] = "migrationComplete"
    for method in posture.sign_in_methods["authenticationMethodConfigurations"]:
        if method["id"] in ("Sms", "Email"):
            method["state"] = "disabled"
        for feature in method.get("featureSettings", {}).values():
            feature["state"] = "enabled"
    limits = {
        "passwordCredentials": [restriction("passwordAddition"), restriction("symmetricKeyAddition")],
        "keyCredentials": [restriction("asymmetricKeyLifetime", "P365D")],
    }
    posture.credential_rules |= dict.fromkeys(("applicationRestrictions", "servicePrincipalRestrictions"), limits)
    posture.credential_rules["isEnabled"] = True
    for role in ROLES:
        rules = posture.role_rules[role]
        rules["approval"] = True
        rules["mails"] = {event: [MAIL] for event in rules["mails"]}


async def test_the_baseline_of_a_directory_as_it_is_made_and_of_one_that_was_hardened(stand: Stand) -> None:
    before = await stands(stand)
    assert {before[policy] for policy in SETTINGS | RULES} == {"fail"}
    assert before["ms_aad_8_1v1"] == "pass"
    harden(stand)
    after = await stands(stand)
    assert {after[policy] for policy in SETTINGS | RULES} == {"pass"}
    stand.lab.tenant.posture.authorization["guestUserRoleId"] = "a0b1b346-4d3e-4e8b-98f8-753987be4970"
    stand.lab.tenant.posture.premium = False
    unlicensed = await stands(stand)
    assert unlicensed["ms_aad_8_1v1"] == "fail"
    assert {unlicensed[policy] for policy in RULES | {"ms_aad_7_5v1"}} == {"unknown"}


async def test_rules_for_credentials_of_applications_as_graph_shows_them(
    stand: Stand, world: DirectorySettingsWorld
) -> None:
    harden(stand)
    shown = stand.lab.tenant.posture.credential_rules
    off = restriction("passwordLifetime", "P4DT12H30M5S") | {"state": "disabled"}
    since = restriction("symmetricKeyLifetime", "P4DT12H30M5S") | {
        "restrictForAppsCreatedAfterDateTime": "2014-10-19T10:37:00Z"
    }
    endless = restriction("asymmetricKeyLifetime", "for ever")
    del endless["state"]
    unheard = restriction("trustedCertificateAuthority")
    shown["applicationRestrictions"] = {"passwordCredentials": [off, since], "keyCredentials": [endless, unheard]}
    shown["servicePrincipalRestrictions"] = None
    found = await world.provider.credential_rules()
    assert [(one.holder, one.kind, one.blocked, one.longest, one.since) for one in found.rules] == [
        (
            "registration",
            "key",
            False,
            timedelta(days=4, hours=12, minutes=30, seconds=5),
            datetime(2014, 10, 19, 10, 37, tzinfo=UTC),
        ),
        ("registration", "certificate", False, None, None),
    ]
    credentials = {"ms_aad_5_5v1", "ms_aad_5_6v1", "ms_aad_5_7v1"}
    stood = await stands(stand)
    assert {stood[policy] for policy in credentials} == {"fail"}
    names = ("Policy.Read.All", "Policy.Read.ApplicationConfiguration", "Policy.ReadWrite.ApplicationConfiguration")
    stand.lab.change_permissions(revoke=names)
    stood = await stands(stand)
    assert {stood[policy] for policy in credentials} == {"unknown"}


async def test_administrators_of_the_cloud_s_own_and_agents(stand: Stand) -> None:
    stood = await stands(stand)
    assert (stood["ms_aad_7_3v1"], stood["ms_aad_9_1v1"]) == ("pass", "for_person")
    tenant = stand.lab.tenant
    [one, *_] = [row.view(0.0)["principalId"] for row in tenant.role_assignments.listed(0.0)]
    index = tenant.directory.resolve(one)
    assert index is not None
    tenant.directory.alter(index, onPremisesSyncEnabled=True)
    assert (await stands(stand))["ms_aad_7_3v1"] == "fail"
    kinds = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
    stand.lab.change_permissions(revoke=kinds)
    assert (await stands(stand))["ms_aad_7_3v1"] == "unknown"


async def test_the_baseline_of_mail_in_each_state(stand: Stand) -> None:
    baseline, posture = load_baseline("scuba_exchange"), stand.lab.tenant.posture
    names = {"ms_exo_2_2v3", "ms_exo_4_1v1", "ms_exo_4_2v1", "ms_exo_4_4v1"}
    policies = {policy.id for policy in baseline.policies}
    first = await stands(stand, baseline)
    assert first["ms_exo_1_1v2"] == "fail", "mail to one supplier is forwarded by itself"
    assert {first[policy] for policy in names} == {"for_person"}, "the estate names no resolver"
    assert (first["ms_exo_3_1v1"], first["ms_exo_7_1v1"]) == ("fail", "for_person")
    posture.mail_protection |= {"Dkim": True, "ExternalInOutlook": True}
    posture.remote_domains.remove("Paper supplies", 0.0)
    domains = stand.lab.tenant.directory.domain.lower()
    published = Published(
        {
            domains: ("v=spf1 include:spf.example -all",),
            f"_dmarc.{domains}": ("v=DMARC1; p=reject; rua=mailto:dmarc@b.example; ruf=mailto:dmarc@b.example",),
        }
    )
    assert await stands(stand, baseline, published) == dict.fromkeys(policies, "pass")
    posture.audit_log = posture.mailbox_audit = False
    everything = "ContactsSharing, CalendarSharingFreeBusyReviewer"
    posture.mail_protection |= {"SmtpClientAuthenticationDisabled": False, "Dkim": False, "ExternalInOutlook": False}
    posture.mail_protection |= {
        "Domains": [f"Anonymous:{everything}"],
        "IPAllowList": ["192.0.2.1"],
        "EnableSafeList": True,
    }
    posture.remote_domains.add(Record("Out", {"DomainName": "*", "AutoForwardEnabled": True}))
    assert await stands(stand, baseline, Published({})) == dict.fromkeys(policies, "fail") | {
        "ms_exo_7_1v1": "for_person"  # a rule for all mail may mark them
    }
    stand.lab.change_permissions(revoke=["Exchange.ManageAsApp"])
    assert await stands(stand, baseline, published) == dict.fromkeys(policies, "unknown")


@pytest.mark.parametrize(("enabled", "status"), [(True, "fail"), (None, "fail"), (False, "pass")])
async def test_a_sharing_policy_is_in_force_unless_it_says_that_it_is_not(
    stand: Stand, enabled: bool | None, status: str
) -> None:
    stand.lab.tenant.posture.mail_protection |= {"Enabled": enabled, "Domains": ["*:ContactsSharing"]}
    assert (await stands(stand, load_baseline("scuba_exchange")))["ms_exo_6_1v1"] == status


async def test_the_baseline_of_sharing_in_each_state(stand: Stand) -> None:
    baseline, sharing = load_baseline("scuba_sharepoint"), stand.lab.tenant.posture.sharing
    assert await stands(stand, baseline) == {"ms_sharepoint_1_1v1": "fail", "ms_sharepoint_1_3v1": "for_person"}
    sharing |= {"sharingDomainRestrictionMode": "allowList", "sharingAllowedDomainList": ["globex.example"]}
    sharing["sharingCapability"] = "existingExternalUserSharingOnly"
    assert await stands(stand, baseline) == {"ms_sharepoint_1_1v1": "pass", "ms_sharepoint_1_3v1": "pass"}
    sharing["sharingCapability"] = "disabled"
    assert await stands(stand, baseline) == {"ms_sharepoint_1_1v1": "pass", "ms_sharepoint_1_3v1": "not_applicable"}
    stand.lab.change_permissions(revoke=["SharePointTenantSettings.Read.All", "SharePointTenantSettings.ReadWrite.All"])
    assert await stands(stand, baseline) == {"ms_sharepoint_1_1v1": "unknown", "ms_sharepoint_1_3v1": "unknown"}


async def test_a_client_without_a_directory_has_none_of_it() -> None:
    class Nothing(Access):
        async def capability(self, name: str) -> Any:
            raise NoProvider(f"nothing has {name}")

    looking: Any = Looking(Nothing(None))  # type: ignore[arg-type]  # no handle is asked
    look = Look(datetime.now(UTC), datetime.now(UTC), Known())
    for name in ("scuba_entra", "scuba_exchange", "scuba_sharepoint"):
        baseline = load_baseline(name)
        found = await judge(looking, [baseline], measures(), {check.name: check for check in checks()}, look)
        assert {one["status"] for one in found[name]} == {"not_applicable"}
