"""An ordinary tenant that a sweep looks at as a whole: nothing happened, and much of it looks like something at first sight.

Mail flow rules that copy inside, rules that sort invoices, a right to send as a colleague, a role that was activated as it should be, guests, an
application of a verified publisher that reads mail, one that GitHub signs in to, a renewed secret, a rule about sign-ins that is being tried out, a
trusted office, a domain that the client's own provider signs in, a unit of administrators, the MSP as service provider.
"""

from __future__ import annotations

import base64
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from integrations.lab.clock import iso
from integrations.lab.mailbox import rule
from integrations.lab.records import Record
from integrations.lab.scenarios.oauth_app import password
from integrations.lab.scenarios.stage import ASSISTANT, COVER, DEPUTY, FINANCE, SECOND, Stage
from integrations.lab.state import GRAPH_APP_ID, OFFICE_IP, ROLES

ACTIVATES, GUEST = 16, 19
"""Indexes of people with a part: somebody who activates a role, somebody who was invited."""


def build(stage: Stage) -> None:
    """Fill the tenant."""
    stage.innocent(f"users/{stage.upn(FINANCE)}", f"users/{stage.upn(SECOND)}")
    _mail(stage)
    _people(stage)
    _applications(stage)
    _policies(stage)
    _relations(stage)


def _mail(stage: Stage) -> None:
    tenant = stage.tenant
    tenant.mailbox(COVER).rules.add(
        rule(tenant.rule_identity("clean", "invoices"), "Invoices", priority=2, contains=["invoice"], move_to="archive")
    )
    tenant.mailbox(ASSISTANT).send_as.add(stage.right(stage.upn(COVER), ["SendAs"]))
    transport(stage, "Legal archive", tenant.start - timedelta(days=3), BlindCopyTo=[stage.upn(COVER)])
    transport(stage, "Scanners in the office", tenant.start - timedelta(days=700), SetSCL="-1")
    tenant.posture.remote_domains.add(
        Record("Paper supplies", {"DomainName": "paper-supplies.example", "AutoForwardEnabled": True})
    )


def transport(stage: Stage, name: str, at: datetime, **actions: Any) -> Record:
    """A mail flow rule."""
    props = {"Name": name, "State": "Enabled", "Mode": "Enforce", "Priority": 1, "WhenChanged": iso(at), **actions}
    return stage.tenant.transport_rules.add(Record(stage.tenant.dice.guid("transport", name), props))


def _people(stage: Stage) -> None:
    tenant = stage.tenant
    made_guest(stage, GUEST, "Bo Lindqvist", "bo_paper-supplies.example")
    given = stage.role(ACTIVATES, "Exchange Administrator")
    tenant.posture.role_instances[given.id] = {
        "startDateTime": iso(tenant.start - timedelta(hours=2)),
        "endDateTime": iso(tenant.start + timedelta(hours=2)),
        "assignmentType": "Activated",
    }
    key = tenant.dice.guid("eligible")
    tenant.posture.eligible.add(
        Record(
            key,
            {
                "principalId": stage.id(ACTIVATES),
                "roleDefinitionId": ROLES["Exchange Administrator"],
                "directoryScopeId": "/",
                "startDateTime": iso(tenant.start - timedelta(days=200)),
            },
        )
    )
    risk(stage, ACTIVATES, "unfamiliarFeatures", "low", tenant.start - timedelta(days=4), "dismissed")


def made_guest(stage: Stage, index: int, name: str, local: str, kind: str = "Guest") -> str:
    """Turn a user into somebody who was invited; their principal name."""
    tenant = stage.tenant
    upn = f"{local}#EXT#@{tenant.domain}"
    tenant.directory.alter(
        index,
        userPrincipalName=upn,
        displayName=name,
        mail=f"{local.replace('_', '@')}",
        mailNickname=f"{local}#EXT#",
        userType=kind,
        creationType="Invitation",
        externalUserState="Accepted",
        proxyAddresses=[],
    )
    return upn


def risk(stage: Stage, index: int, event: str, level: str, at: datetime, state: str) -> str:
    """A detection of Identity Protection; its id."""
    tenant = stage.tenant
    key = tenant.dice.guid("risk detection", index, event)
    user = tenant.directory.peek(index).props
    tenant.posture.risks.append(
        {
            "id": key,
            "activity": "signin",
            "activityDateTime": iso(at),
            "detectedDateTime": iso(at + timedelta(minutes=8)),
            "lastUpdatedDateTime": iso(at + timedelta(minutes=8)),
            "detectionTimingType": "offline",
            "ipAddress": OFFICE_IP,
            "location": {"city": "Leeds", "state": "", "countryOrRegion": "GB"},
            "riskDetail": "none",
            "riskEventType": event,
            "riskLevel": level,
            "riskState": state,
            "source": "IdentityProtection",
            "userDisplayName": user["displayName"],
            "userId": user["id"],
            "userPrincipalName": user["userPrincipalName"],
        }
    )
    return key


def _applications(stage: Stage) -> None:
    tenant = stage.tenant
    long_ago = tenant.start - timedelta(days=500)
    backup = stage.principal(tenant.dice.guid("mail backup"), "Keepsafe Mail Backup", "Keepsafe Inc")
    may(stage, backup, "Mail.Read", long_ago)
    stage.principal(tenant.dice.guid("signatures"), "Outlook signatures by Signa", "Signa AB")
    website = registered(stage, "Website deployment", [])
    website.props["federated"] = [
        federated(stage, "github", "https://token.actions.githubusercontent.com", "repo:contoso-lab/website:ref:main")
    ]
    ending = password(stage, "reports old", "2025", tenant.start - timedelta(days=720))
    registered(stage, "Reports", [ending, password(stage, "reports new", "2026", tenant.start - timedelta(days=5))])
    graph = tenant.service_principals.get(tenant.dice.guid("sp", GRAPH_APP_ID))
    if graph is not None:
        stage.tenant.role_assignments.add(
            Record(
                tenant.dice.bytes(32, "role of microsoft").hex()[:43],
                {"principalId": graph.id, "roleDefinitionId": ROLES["Security Reader"], "directoryScopeId": "/"},
            )
        )


def registered(stage: Stage, name: str, passwords: list[dict[str, Any]], *owners: str) -> Record:
    """An application of the client's own; its registration."""
    tenant = stage.tenant
    app_id = tenant.dice.guid("own application", name)
    stage.principal(app_id, name, None, owner=tenant.tenant_id)
    key = tenant.dice.guid("registration", app_id)
    return tenant.applications.add(
        Record(
            key,
            {
                "id": key,
                "appId": app_id,
                "createdDateTime": "2023-05-02T10:00:00Z",
                "displayName": name,
                "keyCredentials": [],
                "owners": (stage.id(DEPUTY), *owners),
                "passwordCredentials": passwords,
                "signInAudience": "AzureADMyOrg",
            },
        )
    )


def federated(stage: Stage, purpose: str, issuer: str, subject: str) -> dict[str, Any]:
    """A federated credential, as Graph shows one."""
    return {
        "id": stage.tenant.dice.guid("federated", purpose),
        "name": purpose,
        "issuer": issuer,
        "subject": subject,
        "description": None,
        "audiences": ["api://AzureADTokenExchange"],
    }


def may(stage: Stage, app: Record, name: str, at: datetime) -> Record:
    """Give an application a permission over Graph."""
    tenant = stage.tenant
    return tenant.app_roles.add(
        Record(
            tenant.dice.bytes(32, "permission", app.id, name).hex()[:43],
            {
                "appRoleId": tenant.dice.guid("app role", name),
                "createdDateTime": iso(at),
                "deletedDateTime": None,
                "principalDisplayName": app.props["displayName"],
                "principalId": app.id,
                "principalType": "ServicePrincipal",
                "resourceDisplayName": "Microsoft Graph",
                "resourceId": tenant.dice.guid("sp", GRAPH_APP_ID),
            },
        )
    )


def policy(stage: Stage, name: str, state: str, created: datetime, changed: datetime | None) -> Record:
    """A rule that demands a second factor of everybody."""
    return stage.tenant.posture.policies.add(
        Record(
            stage.tenant.dice.guid("policy", name),
            {
                "displayName": name,
                "state": state,
                "createdDateTime": iso(created),
                "modifiedDateTime": iso(changed) if changed else None,
                "conditions": {
                    "clientAppTypes": ["all"],
                    "signInRiskLevels": [],
                    "userRiskLevels": [],
                    "servicePrincipalRiskLevels": [],
                    "applications": {
                        "includeApplications": ["All"],
                        "excludeApplications": [],
                        "includeUserActions": [],
                        "includeAuthenticationContextClassReferences": [],
                    },
                    "users": {
                        "includeUsers": ["All"],
                        "excludeUsers": [],
                        "includeGroups": [],
                        "excludeGroups": [],
                        "includeRoles": [],
                        "excludeRoles": [],
                    },
                },
                "grantControls": {
                    "operator": "OR",
                    "builtInControls": ["mfa"],
                    "customAuthenticationFactors": [],
                    "termsOfUse": [],
                },
                "sessionControls": None,
            },
        )
    )


def location(stage: Stage, name: str, network: str, at: datetime, *, trusted: bool) -> Record:
    """A place by its addresses."""
    return stage.tenant.posture.locations.add(
        Record(
            stage.tenant.dice.guid("location", name),
            {
                "kind": "ipNamedLocation",
                "displayName": name,
                "createdDateTime": iso(at),
                "modifiedDateTime": iso(at),
                "isTrusted": trusted,
                "ipRanges": [{"@odata.type": "#microsoft.graph.iPv4CidrRange", "cidrAddress": network}],
            },
        )
    )


def _policies(stage: Stage) -> None:
    start = stage.tenant.start
    old, lately = start - timedelta(days=600), start - timedelta(days=6)
    policy(stage, "Second factor for everybody", "enabled", old, lately)
    policy(stage, "Block unknown platforms (trial)", "enabledForReportingButNotEnforced", lately, lately)
    policy(stage, "Old portal", "disabled", old, None)
    location(stage, "Head office", f"{OFFICE_IP}/32", old, trusted=True)
    location(stage, "Conference", "192.0.2.128/25", lately, trusted=False)


def federation(stage: Stage, name: str, host: str, since: datetime) -> dict[str, Any]:
    """With whom a domain's people sign in, as Graph shows it."""
    return {
        "id": stage.tenant.dice.guid("federation", name),
        "displayName": name,
        "issuerUri": f"https://{host}/trust/{name}",
        "passiveSignInUri": f"https://{host}/saml",
        "activeSignInUri": f"https://{host}/active",
        "metadataExchangeUri": None,
        "signOutUri": f"https://{host}/out",
        "signingCertificate": _certificate(host, since),
        "nextSigningCertificate": None,
        "preferredAuthenticationProtocol": "saml",
        "federatedIdpMfaBehavior": "acceptIfMfaDoneByFederatedIdp",
    }


def _certificate(name: str, since: datetime) -> str:
    key = Ed25519PrivateKey.generate()
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(
        issuer_name=called,
        subject_name=called,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=since,
        not_valid_after=since + timedelta(days=1095),
    ).sign(key, None)
    return base64.b64encode(made.public_bytes(Encoding.DER)).decode()


def _relations(stage: Stage) -> None:
    tenant = stage.tenant
    tenant.posture.domains["contoso-works.example"] = federation(
        stage, "works", "contoso.okta.com", tenant.start - timedelta(days=400)
    )
    unit(stage, "Branch North", None)
    partner(stage, tenant.dice.guid("msp"), provider=True)


def unit(stage: Stage, name: str, visibility: str | None) -> Record:
    """An administrative unit."""
    return stage.tenant.posture.units.add(
        Record(
            stage.tenant.dice.guid("unit", name),
            {
                "displayName": name,
                "description": None,
                "visibility": visibility,
                "isMemberManagementRestricted": False,
            },
        )
    )


def partner(stage: Stage, tenant_id: str, *, provider: bool) -> Record:
    """Another tenant with which something is agreed."""
    return stage.tenant.posture.partners.add(
        Record(tenant_id, {"isServiceProvider": provider, "isInMultiTenantOrganization": False, "inboundTrust": None})
    )
