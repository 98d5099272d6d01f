"""What a client's administrator is handed so that our application is registered there with exactly what it needs.

Sources (learn.microsoft.com):
    /graph/api/application-post-applications                              the registration, certificate and permissions in one call
    /entra/identity/enterprise-apps/grant-admin-consent                   the address of the consent
    /powershell/exchange/app-only-auth-powershell-v2                      an Exchange role group for an application
    /graph/api/tenantrelationship-post-delegatedadminrelationships        GDAP; application permissions are enough for it
    /graph/api/delegatedadminrelationship-post-requests                   ``lockForApproval``, then the client's administrator approves
    /entra/identity/role-based-access-control/permissions-reference       ids of the roles

Nothing here signs in or holds a secret: the certificate is the public half.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from integrations.microsoft365.appids import required_access
from tenantry.errors import InvalidInput

__all__ = [
    "GDAP_ROLES",
    "RoleGroup",
    "application",
    "consent_address",
    "exchange_lines",
    "gdap",
    "own_registration",
    "registration_lines",
]

NAME: Final = "Tenantry"
"""What the application, its certificate's entry and its Exchange role group are called at the client."""

GDAP_ROLES: Final[Mapping[str, str]] = {
    "Directory Readers": "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",
    "Security Reader": "5d6b6bb7-de71-4623-b4af-96380a352509",
    "Service Support Administrator": "f023fd81-a637-4b56-95fd-791ac0226033",
}
"""What the MSP's people need at a client: look, and open a case with the vendor. What changes something goes through the application,
each call of which stands in the record."""


@dataclass(frozen=True, slots=True)
class RoleGroup:
    """An Exchange role group for the application.

    Attributes:
        roles: management roles (learn.microsoft.com/exchange/permissions-exo/permissions-exo), each because of the cmdlets it carries:
            Mail Recipients: mailboxes, inbox rules, forwarding, permissions, mobile devices;
            Message Tracking: Get-MessageTraceV2; View-Only Configuration: Get-OrganizationConfig;
            User Options: inbox rules of others; Distribution Groups: members of groups that have an address.
    """

    name: str = NAME
    roles: tuple[str, ...] = (
        "Distribution Groups",
        "Mail Recipients",
        "Message Tracking",
        "User Options",
        "View-Only Configuration",
    )


def application(names: Iterable[str], certificate: bytes) -> dict[str, Any]:
    """The registration as ``POST /applications`` takes it.

    Args:
        names: application permissions, those of Exchange among them.
        certificate: PEM, the public half; anything else in it is left out.

    Raises:
        InvalidInput: a permission whose id is not known here; no certificate.
    """
    access = _access(names)
    try:
        found = x509.load_pem_x509_certificates(certificate)[0]
    except (ValueError, IndexError):
        raise InvalidInput("is no certificate in PEM", place="certificate") from None
    return {
        "displayName": NAME,
        "signInAudience": "AzureADMyOrg",
        "requiredResourceAccess": access,
        "keyCredentials": [
            {
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
                "displayName": NAME,
                "key": base64.b64encode(found.public_bytes(Encoding.DER)).decode(),
            }
        ],
    }


def own_registration(names: Iterable[str]) -> dict[str, Any]:
    """What the MSP's own application, which serves many clients, has to ask for: for ``PATCH /applications`` in the MSP's directory. A client
    consents to what it asks for then. Raises InvalidInput: a permission whose id is not known here."""
    return {"signInAudience": "AzureADMultipleOrgs", "requiredResourceAccess": _access(names)}


def _access(names: Iterable[str]) -> list[dict[str, Any]]:
    access, unknown = required_access(names)
    if unknown:
        raise InvalidInput(
            f"no id is known for {', '.join(unknown)}",
            place="permissions",
            remedy="Add it by name in the portal, under the registration's API permissions.",
        )
    return access


def registration_lines(graph_url: str, directory: str, file: str) -> str:
    """Lines for the client's administrator, in the Azure command line; the portal does the same by hand."""
    return (
        f"az login --tenant {directory} --allow-no-subscriptions\n"
        f'az rest --method POST --url "{graph_url}/v1.0/applications" --body @{file} --query appId -o tsv\n'
        "az ad sp create --id APPLICATION_ID                # the id that the line before printed\n"
    )


def consent_address(login_url: str, directory: str, client_id: str) -> str:
    """Where a Privileged Role Administrator of the client consents to all permissions of the registration at once."""
    return f"{login_url}/{directory}/adminconsent?client_id={client_id}"


def exchange_lines(client_id: str, group: RoleGroup | None = None) -> str:
    """Exchange Online PowerShell: a role group of the application's own, with what our cmdlets need and no more."""
    wanted = group or RoleGroup()
    roles = ", ".join(f'"{role}"' for role in wanted.roles)
    return (
        "Connect-ExchangeOnline\n"
        f"$app = (Get-MgServicePrincipal -Filter \"appId eq '{client_id}'\").Id   # after Connect-MgGraph -Scopes Application.Read.All\n"
        f'New-ServicePrincipal -AppId {client_id} -ObjectId $app -DisplayName "{wanted.name}"\n'
        f'New-RoleGroup -Name "{wanted.name}" -Roles {roles}\n'
        f'Add-RoleGroupMember -Identity "{wanted.name}" -Member $app\n'
    )


def gdap(tenant: str, directory: str) -> dict[str, Any]:
    """The delegated relationship (GDAP) for the MSP's people, as ``POST /tenantRelationships/delegatedAdminRelationships`` takes it."""
    return {
        "displayName": f"{NAME} {tenant}"[:50],
        "duration": "P365D",
        "autoExtendDuration": "P180D",
        "customer": {"tenantId": directory},
        "accessDetails": {"unifiedRoles": [{"roleDefinitionId": role} for role in GDAP_ROLES.values()]},
    }
