"""A tenant that is taken in every way in which a sweep can see it now: business email compromise, a malicious application, and an intruder
who stays.

Beside each lies what the clean tenant has and what looks alike. ``artefacts["planted"]`` of the story names, for each check, what it has to find.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from integrations.lab.clock import iso
from integrations.lab.records import Record
from integrations.lab.scenarios import bec, clean, oauth_app
from integrations.lab.scenarios.stage import FINANCE, SECOND, Stage
from integrations.lab.state import PASSWORD_METHOD_ID, ROLES

FORWARDS, UNRECORDED, NEW_ADMIN, GUEST_ADMIN, GUEST_MEMBER = 13, 14, 15, 17, 18
"""Indexes of people with a part."""
OUTSIDE: Final = "collector@mailvault-collect.example"
ATTACKERS_TENANT: Final = "7d1c2b3a-4f5e-4d6c-8b7a-9e8f7a6b5c4d"
_WHEN: Final = timedelta(hours=20)


def build(stage: Stage) -> None:
    """Fill the tenant with the story."""
    tenant, story = stage.tenant, stage.tenant.story
    clean.build(stage)
    oauth_app.build(stage)
    compromised, attacker = list(story.compromised), dict(story.attacker)
    bec.build(stage)
    story.compromised = list(dict.fromkeys([*story.compromised, *compromised]))
    story.attacker["ips"] = [*story.attacker["ips"], *attacker["ips"]]
    story.innocent = [
        target for target in story.innocent if not any(f"users/{name}" == target for name in story.compromised)
    ]
    at = tenant.start - _WHEN
    planted: dict[str, str] = {}
    _mail(stage, at, planted)
    _identity(stage, at, planted)
    _applications(stage, at, planted)
    _access(stage, at, planted)
    story.artefacts["planted"] = dict(planted)


def _mail(stage: Stage, at: datetime, planted: dict[str, str]) -> None:
    tenant, posture = stage.tenant, stage.tenant.posture
    finance, second = stage.upn(FINANCE), stage.upn(SECOND)
    planted["checks.mail.rule_forwards_outside"] = finance
    planted["checks.mail.rule_hidden"] = finance
    for name in ("rule_hides_mail", "rule_odd_name", "rule_on_money_words"):
        planted[f"checks.mail.{name}"] = second
    posture.contacts.add(Record("Archive", {"ExternalEmailAddress": f"SMTP:{OUTSIDE}"}))
    box = tenant.mailbox(FORWARDS)
    box.settings.props.update(ForwardingAddress="Archive", DeliverToMailboxAndForward=True)
    box.changed_at = iso(at)
    planted["checks.mail.mailbox_forwards_outside"] = stage.upn(FORWARDS)
    clean.transport(stage, "Journal", at, BlindCopyTo=[OUTSIDE])
    planted["checks.mail.transport_rule_sends_outside"] = "Journal"
    clean.transport(stage, "Newsletter", at, SetSCL="-1")
    planted["checks.mail.transport_rule_lets_pass"] = "Newsletter"  # noqa: S105  # no password, the name of a rule
    posture.remote_domains.add(Record("Default", {"DomainName": "*", "AutoForwardEnabled": True}))
    posture.forwarding_mode = "On"
    planted["checks.mail.remote_domain_forwards"] = "Default"
    guest = clean.made_guest(stage, GUEST_ADMIN, "Eve Intruder", "eve_mailvault-collect.example").lower()
    box.send_as.add(stage.right(guest, ["SendAs"]))
    planted["checks.mail.send_as_held_outside"] = str(tenant.directory.peek(FORWARDS).props["mailNickname"])
    posture.audit_bypassed[UNRECORDED] = iso(at)
    planted["checks.mail.audit_bypassed"] = stage.upn(UNRECORDED)
    posture.audit_log = False
    planted["checks.mail.audit_log_off"] = "audit log"


def _identity(stage: Stage, at: datetime, planted: dict[str, str]) -> None:
    tenant = stage.tenant
    given = stage.role(NEW_ADMIN, "Global Administrator")
    tenant.posture.role_instances[given.id] = {"startDateTime": iso(at)}
    planted["checks.identity.privileged_role_given"] = stage.upn(NEW_ADMIN)
    person = tenant.person(NEW_ADMIN)
    for method in [row.id for row in person.methods if row.id != PASSWORD_METHOD_ID]:
        person.methods.remove(method, 0.0)
    planted["checks.identity.administrator_without_second_factor"] = stage.upn(NEW_ADMIN)
    stage.role(GUEST_ADMIN, "User Administrator")
    planted["checks.identity.guest_holds_role"] = stage.upn(GUEST_ADMIN).lower()
    member = clean.made_guest(stage, GUEST_MEMBER, "Mallory", "mallory_mailvault-collect.example", "Member")
    planted["checks.identity.guest_made_member"] = member.lower()
    began = tenant.story.began_at or at
    clean.risk(stage, FINANCE, "anomalousToken", "high", began, "atRisk")
    planted["checks.identity.risk_detected"] = stage.upn(FINANCE)
    planted["checks.identity.method_added_at_risk"] = stage.upn(FINANCE)
    device = tenant.story.artefacts["device"]
    planted["checks.identity.device_joined_unmanaged"] = f"{device['name']} ({device['device_id']})"
    tenant.add_directory_audit(
        "Add member to role",
        at,
        FINANCE,
        bec.ATTACKER_IP,
        [
            stage.target(
                NEW_ADMIN,
                modifiedProperties=[
                    {"displayName": "Role.DisplayName", "oldValue": None, "newValue": '"Global Administrator"'}
                ],
            )
        ],
        category="RoleManagement",
        operation="Assign",
    )
    planted["m365_privileged_role_given"] = stage.upn(FINANCE)


def _applications(stage: Stage, at: datetime, planted: dict[str, str]) -> None:
    tenant = stage.tenant
    malicious = tenant.story.artefacts["application"]
    named = f"{malicious['name']} ({malicious['app_id']})"
    planted["checks.applications.risky_permissions"] = planted["checks.applications.risky_consent"] = named
    planted["checks.applications.credential_new"] = f"Payroll Sync ({tenant.dice.guid('payroll sync')})"
    helper = stage.principal(tenant.dice.guid("sync helper"), "Sync Helper", None)
    key = tenant.dice.bytes(32, "role of helper").hex()[:43]
    tenant.role_assignments.add(
        Record(
            key,
            {
                "principalId": helper.id,
                "roleDefinitionId": ROLES["Privileged Role Administrator"],
                "directoryScopeId": "/",
            },
        )
    )
    tenant.posture.role_instances[key] = {"startDateTime": iso(at)}
    planted["checks.applications.holds_directory_role"] = f"Sync Helper ({helper.props['appId']})"
    portal = clean.registered(stage, "Portal", [], stage.id(GUEST_ADMIN))
    portal.props["federated"] = [clean.federated(stage, "sync", "https://idp.mailvault-collect.example", "anyone")]
    planted["checks.applications.federated_outside"] = f"Portal ({portal.props['appId']})"
    planted["checks.applications.owner_is_guest"] = f"Portal ({portal.props['appId']})"
    name = "Micr\u043esoft Office Sync"
    imitation = stage.principal(tenant.dice.guid("imitation"), name, None)
    planted["checks.applications.lookalike_name"] = f"{name} ({imitation.props['appId']})"


def _access(stage: Stage, at: datetime, planted: dict[str, str]) -> None:
    tenant = stage.tenant
    weakened = "Second factor for administrators"
    clean.policy(stage, weakened, "disabled", tenant.start - timedelta(days=500), at)
    planted["checks.access.policy_weakened"] = weakened
    clean.location(stage, "Branch", "203.0.113.0/24", at, trusted=True)
    planted["checks.access.location_trusted"] = "Branch"
    tenant.posture.domains["contoso-mail.example"] = clean.federation(
        stage, "mail", "login.mailvault-collect.example", at
    )
    planted["checks.access.domain_federated"] = "contoso-mail.example"
    clean.unit(stage, "Services", "HiddenMembership")
    planted["checks.access.unit_hidden"] = "Services"
    clean.partner(stage, ATTACKERS_TENANT, provider=True)
    planted["checks.access.partner_unknown"] = ATTACKERS_TENANT
