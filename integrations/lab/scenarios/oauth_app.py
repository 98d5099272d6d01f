"""A malicious application: people consent to it on a page that looks like a document service's, an administrator among them.

Two days before the lab begins the accounts payable manager and an accountant consent to their mail being read, then the deputy administrator for
everybody and for the application itself. It reads mail by itself from abroad and adds a password to one of the client's own
applications, so that it can come back without any consent. Nobody's password is known to the attacker.

Beside it: the document service that it imitates (the same people consented, its publisher is verified), an old application of an unverified publisher
with few rights, and the client's own application with its own password.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from integrations.lab.clock import iso
from integrations.lab.records import Record
from integrations.lab.scenarios.stage import ASSISTANT, COVER, DEPUTY, FINANCE, SECOND, Stage
from integrations.lab.state import GRAPH_APP_ID, OFFICE_IP

ATTACKER_IP = "203.0.113.90"
NAME = "DocuVault Sign"
_SCOPE = "Mail.ReadWrite Mail.Send offline_access User.Read"


def build(stage: Stage) -> None:
    """Fill the tenant with the story."""
    tenant = stage.tenant
    began = tenant.start - timedelta(hours=50)
    story = tenant.story
    story.began_at = began
    story.compromised = [stage.upn(FINANCE), stage.upn(SECOND), stage.upn(DEPUTY)]
    story.attacker = {"ips": [ATTACKER_IP], "country": "NL", "addresses": [], "user_agent": "python-requests/2.32"}
    app = stage.principal(tenant.dice.guid("malicious application"), NAME, None)
    app.props["passwordCredentials"] = [password(stage, "attackers own", "sync", began)]
    facts = story.artefacts["application"] = {"id": app.id, "app_id": app.props["appId"], "name": NAME}
    _consents(stage, app, began)
    _imitated(stage)
    own = _own(stage, began)
    _at_work(stage, app, own, began)
    facts["credential"] = app.props["passwordCredentials"][0]["keyId"]
    # What was consented to is the attacker's; the people themselves are not.
    kept = (f"users/{stage.upn(index)}" for index in (ASSISTANT, COVER))
    stage.innocent(*kept)


def password(stage: Stage, purpose: str, name: str, at: Any) -> dict[str, Any]:
    """A password credential, as Graph shows one: without the password."""
    return {
        "customKeyIdentifier": None,
        "displayName": name,
        "endDateTime": iso(at + timedelta(days=730)),
        "hint": stage.tenant.dice.bytes(3, "hint", purpose).hex()[:3],
        "keyId": stage.tenant.dice.guid("password", purpose),
        "secretText": None,
        "startDateTime": iso(at),
    }


def _consents(stage: Stage, app: Record, began: Any) -> None:
    tenant = stage.tenant
    grants, assignments = [], []
    for number, index in enumerate((FINANCE, SECOND)):
        at = began + timedelta(hours=3 * number)
        grants.append(stage.grant(app.id, index, _SCOPE, f"malicious {number}").id)
        assignments.append(stage.assign(index, app, at, f"malicious {number}").id)
        _consented(stage, app, index, at, _SCOPE)
    at = began + timedelta(hours=8)
    grants.append(stage.grant(app.id, None, "Mail.Read offline_access", "malicious everybody").id)
    _consented(stage, app, DEPUTY, at, "Mail.Read Application.ReadWrite.All")
    graph = tenant.dice.guid("sp", GRAPH_APP_ID)
    roles = []
    for name in ("Mail.ReadBasic.All", "Application.ReadWrite.All"):
        key = tenant.dice.bytes(32, "malicious role", name).hex()[:43]
        tenant.app_roles.add(
            Record(
                key,
                {
                    "appRoleId": tenant.dice.guid("app role", name),
                    "createdDateTime": iso(at),
                    "deletedDateTime": None,
                    "principalDisplayName": NAME,
                    "principalId": app.id,
                    "principalType": "ServicePrincipal",
                    "resourceDisplayName": "Microsoft Graph",
                    "resourceId": graph,
                },
            )
        )
        roles.append(key)
    tenant.story.artefacts["grants"] = {"delegated": grants, "roles": roles, "assignments": assignments}


def _consented(stage: Stage, app: Record, index: int, at: Any, scope: str) -> None:
    modified = [{"displayName": "ConsentAction.Permissions", "oldValue": None, "newValue": f'"{scope}"'}]
    stage.tenant.add_directory_audit(
        "Consent to application",
        at,
        index,
        OFFICE_IP,
        [_target(app, modified)],
        category="ApplicationManagement",
        operation="Assign",
    )


def _target(app: Record, modified: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    return {
        "id": app.id,
        "displayName": app.props["displayName"],
        "type": "ServicePrincipal",
        "userPrincipalName": None,
        "groupType": None,
        "modifiedProperties": modified or [],
    }


def _imitated(stage: Stage) -> None:
    """What it looks like, and what looks like it."""
    tenant = stage.tenant
    real = stage.principal(tenant.dice.guid("docuvault"), "DocuVault eSign", "DocuVault Inc")
    poll = stage.principal(tenant.dice.guid("lunch"), "Lunch Poll", None)
    stage.innocent(f"servicePrincipals/{real.id}", f"servicePrincipals/{poll.id}")
    for index in (FINANCE, SECOND, ASSISTANT):
        grant = stage.grant(real.id, index, "Files.Read offline_access User.Read", f"docuvault {index}")
        assigned = stage.assign(index, real, tenant.start - timedelta(days=200), f"docuvault {index}")
        polled = stage.grant(poll.id, index, "User.Read", f"lunch {index}")
        stage.innocent(
            f"oauth2PermissionGrants/{grant.id}",
            f"appRoleAssignments/{assigned.id}",
            f"oauth2PermissionGrants/{polled.id}",
        )


def _own(stage: Stage, began: Any) -> Record:
    """The client's own application: its password is a year old, and the attacker's lies beside it."""
    tenant = stage.tenant
    app_id = tenant.dice.guid("payroll sync")
    principal = stage.principal(app_id, "Payroll Sync", None, owner=tenant.tenant_id)
    own = password(stage, "payroll own", "payroll server", tenant.start - timedelta(days=365))
    added = password(stage, "payroll attackers", "sync", began + timedelta(hours=9))
    key = tenant.dice.guid("registration", app_id)
    registration = tenant.applications.add(
        Record(
            key,
            {
                "id": key,
                "appId": app_id,
                "createdDateTime": "2023-05-02T10:00:00Z",
                "displayName": "Payroll Sync",
                "keyCredentials": [],
                "owners": (stage.id(DEPUTY),),
                "passwordCredentials": [own, added],
                "signInAudience": "AzureADMyOrg",
            },
        )
    )
    tenant.story.artefacts["planted"] = {"application": key, "credential": added["keyId"], "principal": principal.id}
    stage.innocent(f"servicePrincipals/{principal.id}", f"applications/{key}/passwordCredentials/{own['keyId']}")
    return registration


def _at_work(stage: Stage, app: Record, own: Record, began: Any) -> None:
    tenant = stage.tenant
    entry = tenant.add_directory_audit(
        "Update application – Certificates and secrets management ",
        began + timedelta(hours=9),
        None,
        ATTACKER_IP,
        [{**_target(own), "type": "Application"}],
        category="ApplicationManagement",
        app=NAME,
    )
    entry["initiatedBy"]["app"].update(
        appId=app.props["appId"], servicePrincipalId=app.id, servicePrincipalName=app.props["appId"]
    )
    listed = []
    for number in range(12):
        at = began + timedelta(hours=8, minutes=30 + 190 * number)
        listed.append(signs_in(stage, app, min(at, tenant.start - timedelta(minutes=20 + number)), ATTACKER_IP))
    tenant.story.artefacts["sign_ins"] = {"ids": listed, "ip": ATTACKER_IP}


def signs_in(stage: Stage, app: Record, at: Any, ip: str) -> str:
    """An application's sign-in as itself; its id in the log."""
    made = stage.tenant.add_sign_in(
        DEPUTY, at, ip, "Amsterdam", "NL", interactive=False, agent="python-requests/2.32", app=app.props["displayName"]
    )
    made.update(
        appId=app.props["appId"],
        resourceDisplayName="Microsoft Graph",
        servicePrincipalId=app.id,
        servicePrincipalName=app.props["displayName"],
        signInEventTypes=["servicePrincipal"],
        userDisplayName=None,
        userId=None,
        userPrincipalName=None,
        clientAppUsed="",
    )
    return str(made["id"])
