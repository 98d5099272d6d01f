"""What the directory lets everybody do: registering and consenting, guests, ways to sign in, how roles are activated.

Sources: Graph v1.0 reference, "Get authorizationPolicy", "Get adminConsentRequestPolicy", "Get authenticationMethodsPolicy", "Get tenantAppManagementPolicy",
"Get SharePointSettings", "List roleManagementPolicyAssignments", "Use PIM policy APIs" (a filter for scope and type is demanded; without the licence 400).
"""

from __future__ import annotations

from typing import Any

from integrations.lab.graph.call import Call, refusal
from integrations.lab.graph.routing import Routes
from integrations.lab.web import Answer

routes = Routes("directory")

_READ = "Policy.Read.All"
_PIM = (
    "RoleManagementPolicy.Read.Directory RoleManagementPolicy.ReadWrite.Directory RoleManagement.Read.Directory "
    "RoleManagement.Read.All RoleManagement.ReadWrite.Directory"
)
_OF_ROLES = "scopeId eq '/' and scopeType eq 'DirectoryRole'"


@routes.add("GET", "policies/authorizationPolicy", f"{_READ} Policy.ReadWrite.Authorization")
def authorization(call: Call) -> Answer:
    """What people and guests may do without a role."""
    return call.one("policies/authorizationPolicy", call.tenant.posture.authorization)


@routes.add("GET", "policies/adminConsentRequestPolicy", f"{_READ} Policy.ReadWrite.ConsentRequest")
def consent_requests(call: Call) -> Answer:
    """Whether people may ask for consent, and whom."""
    return call.one("policies/adminConsentRequestPolicy", call.tenant.posture.consent_requests)


@routes.add(
    "GET",
    "policies/authenticationMethodsPolicy",
    f"{_READ} Policy.Read.AuthenticationMethod Policy.ReadWrite.AuthenticationMethod",
)
def authentication_methods(call: Call) -> Answer:
    """Which ways to sign in are on, and how."""
    return call.one("policies/authenticationMethodsPolicy", call.tenant.posture.sign_in_methods)


@routes.add(
    "GET",
    "policies/defaultAppManagementPolicy",
    f"{_READ} Policy.Read.ApplicationConfiguration Policy.ReadWrite.ApplicationConfiguration",
)
def credential_rules(call: Call) -> Answer:
    """What is demanded of credentials that applications are given."""
    return call.one("policies/defaultAppManagementPolicy/$entity", call.tenant.posture.credential_rules)


@routes.add(
    "GET", "admin/sharepoint/settings", "SharePointTenantSettings.Read.All SharePointTenantSettings.ReadWrite.All"
)
def sharing(call: Call) -> Answer:
    """With whom files and sites may be shared."""
    return call.one("admin/sharepoint/settings", call.tenant.posture.sharing)


@routes.add("GET", "policies/roleManagementPolicyAssignments", _PIM, options="filter expand top skiptoken")
def role_rules(call: Call) -> Answer:
    """How each role is given and activated."""
    if not call.tenant.posture.premium:
        raise refusal(400, "AadPremiumLicenseRequired", "The tenant needs to have Microsoft Entra ID P2 license.")
    if call.option("$filter") != _OF_ROLES:
        raise refusal(400, "InvalidFilter", "The filter must name scopeId and scopeType.")
    expand = call.option("$expand")
    if expand not in (None, "policy", "policy($expand=rules)"):
        raise refusal(400, "BadRequest", f"Could not expand {expand}.")

    def shape(row: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        role, rules = row
        policy = f"DirectoryRole_{call.tenant.tenant_id}_{call.tenant.dice.guid('rolePolicy', role)}"
        view: dict[str, Any] = {
            "id": f"{policy}_{role}",
            "policyId": policy,
            "scopeId": "/",
            "scopeType": "DirectoryRole",
            "roleDefinitionId": role,
        }
        if expand:
            told: dict[str, Any] = {
                "id": policy,
                "displayName": "DirectoryRole",
                "isOrganizationDefault": False,
                "scopeId": "/",
                "scopeType": "DirectoryRole",
            }
            view |= {"policy": told | ({"rules": rules_of(rules)} if "rules" in expand else {})}
        return view

    return call.page("policies/roleManagementPolicyAssignments", list(call.tenant.posture.role_rules.items()), shape)


def rules_of(rules: dict[str, Any]) -> list[dict[str, Any]]:
    """As Graph shows them: approval, and whom a mail goes to when the role is given, made available, activated."""
    kind = "#microsoft.graph.unifiedRoleManagementPolicy"
    stages = [{"primaryApprovers": rules["approvers"]}] if rules["approvers"] else []
    shown: list[dict[str, Any]] = [
        {
            "@odata.type": f"{kind}ApprovalRule",
            "id": "Approval_EndUser_Assignment",
            "setting": {"isApprovalRequired": rules["approval"], "approvalStages": stages},
        }
    ]
    for event, recipients in rules["mails"].items():
        shown.append(
            {
                "@odata.type": f"{kind}NotificationRule",
                "id": f"Notification_Admin_{event}",
                "notificationType": "Email",
                "recipientType": "Admin",
                "notificationLevel": "All",
                "isDefaultRecipientsEnabled": True,
                "notificationRecipients": recipients,
            }
        )
    return shown
