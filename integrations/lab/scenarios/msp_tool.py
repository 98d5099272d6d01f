"""The MSP's own tool is taken: its application, which every client let in, signs in from abroad.

The same application, with the same client id, is in every tenant of this story: that is what makes it worth taking. It put a password on one of
the client's own applications in the night; what it does by day is the MSP's ordinary work, from the MSP's network.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from integrations.lab.clock import iso
from integrations.lab.records import Record
from integrations.lab.scenarios.oauth_app import password, signs_in
from integrations.lab.scenarios.stage import DEPUTY, Stage
from integrations.lab.state import GRAPH_APP_ID

TOOL: Final = "Orbit RMM"
CLIENT_ID: Final = "5e0d1c2b-3a49-4f58-8e67-7d6c5b4a3f2e"
ATTACKER_IP: Final = "203.0.113.120"
_MSP_IP: Final = "198.51.100.20"


def build(stage: Stage) -> None:
    """Fill the tenant with the story."""
    tenant = stage.tenant
    began = tenant.start - timedelta(hours=7)
    story = tenant.story
    story.began_at = began
    story.attacker = {"ips": [ATTACKER_IP], "country": "NL", "addresses": [], "user_agent": "python-requests/2.32"}
    tool = stage.principal(CLIENT_ID, TOOL, None, owner="0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d")
    key = tenant.dice.bytes(32, "tool role").hex()[:43]
    tenant.app_roles.add(
        Record(
            key,
            {
                "appRoleId": tenant.dice.guid("app role", "Application.ReadWrite.All"),
                "createdDateTime": iso(tenant.start - timedelta(days=300)),
                "deletedDateTime": None,
                "principalDisplayName": TOOL,
                "principalId": tool.id,
                "principalType": "ServicePrincipal",
                "resourceDisplayName": "Microsoft Graph",
                "resourceId": tenant.dice.guid("sp", GRAPH_APP_ID),
            },
        )
    )
    app_id = tenant.dice.guid("backup reports")
    principal = stage.principal(app_id, "Backup Reports", None, owner=tenant.tenant_id)
    own = password(stage, "backup own", "report server", tenant.start - timedelta(days=200))
    added = password(stage, "backup attackers", "rpt", began + timedelta(minutes=20))
    registration = tenant.dice.guid("registration", app_id)
    tenant.applications.add(
        Record(
            registration,
            {
                "id": registration,
                "appId": app_id,
                "createdDateTime": "2024-02-01T10:00:00Z",
                "displayName": "Backup Reports",
                "keyCredentials": [],
                "owners": (stage.id(DEPUTY),),
                "passwordCredentials": [own, added],
                "signInAudience": "AzureADMyOrg",
            },
        )
    )
    entry = tenant.add_directory_audit(
        "Update application – Certificates and secrets management ",
        began + timedelta(minutes=20),
        None,
        ATTACKER_IP,
        [
            {
                "id": registration,
                "displayName": "Backup Reports",
                "type": "Application",
                "userPrincipalName": None,
                "groupType": None,
                "modifiedProperties": [],
            }
        ],
        category="ApplicationManagement",
        app=TOOL,
    )
    entry["initiatedBy"]["app"].update(appId=CLIENT_ID, servicePrincipalId=tool.id, servicePrincipalName=CLIENT_ID)
    for hour in range(3):
        signs_in(stage, tool, began + timedelta(hours=hour), ATTACKER_IP)
        signs_in(stage, tool, tenant.start - timedelta(days=2 + hour), _MSP_IP)
    story.artefacts["tool"] = {"id": tool.id, "app_id": CLIENT_ID, "name": TOOL, "role": key}
    story.artefacts["planted"] = {"application": registration, "credential": added["keyId"], "principal": principal.id}
    stage.innocent(
        f"servicePrincipals/{principal.id}",
        f"applications/{registration}/passwordCredentials/{own['keyId']}",
        f"appRoleAssignments/{key}",
    )
