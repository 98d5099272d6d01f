"""The ordinary tenant in which every story plays: administrators, applications, a synced user, people's daily sign-ins.

All of it is innocent, much of it looks suspicious at first sight: forwarding that is meant, a delegate of long standing, sign-ins through a VPN.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from integrations.lab.clock import iso
from integrations.lab.mailbox import rule
from integrations.lab.records import Record
from integrations.lab.state import EXCHANGE_APP_ID, GRAPH_APP_ID, OFFICE_IP, ROLES, VPN_IP, Tenant

(
    ADMIN,
    DEPUTY,
    BREAK_GLASS,
    FINANCE,
    ASSISTANT,
    SECOND,
    SYNCED,
    FORWARDER,
    COVER,
    ALUMNUS,
    TRAVELLER,
    RESPONDER,
    CHIEF,
) = range(13)
"""Indexes of the people with a part."""

_ACTIVE = 300
"""How many users have sign-ins in the log: more would only slow a big lab down."""


class Stage:
    """Builds the ordinary part, and gives stories the means to add theirs."""

    def __init__(self, tenant: Tenant, client_id: str, permissions: Sequence[str]) -> None:
        self.tenant = tenant
        self.client_id = client_id
        self.permissions = permissions
        self._people()
        self._applications()
        self._roles()
        self._rights()
        self._ordinary_days()

    # --- words ----------------------------------------------------------------------------------------------------

    def upn(self, index: int) -> str:
        """The user principal name of a person of the story."""
        return self.tenant.directory.upn_of(index)

    def id(self, index: int) -> str:
        """Their object id."""
        return self.tenant.directory.id_of(index)

    def innocent(self, *targets: str) -> None:
        """Note targets that no run has any business to touch, as the audit names them."""
        listed = self.tenant.story.innocent
        listed.extend(target for target in targets if target not in listed)

    def grant(self, client: str, index: int | None, scope: str, purpose: str) -> Record:
        """A delegated consent: by one user, or for everybody."""
        tenant = self.tenant
        key = tenant.dice.bytes(32, "grant", purpose).hex()[:43]
        return tenant.grants.add(
            Record(
                key,
                {
                    "clientId": client,
                    "consentType": "AllPrincipals" if index is None else "Principal",
                    "principalId": None if index is None else self.id(index),
                    "resourceId": tenant.dice.guid("sp", GRAPH_APP_ID),
                    "scope": scope,
                },
            )
        )

    def assign(self, index: int, principal: Record, at: Any, purpose: str) -> Record:
        """A user's assignment to an application (Entra makes one when a user consents)."""
        user = self.tenant.directory.peek(index).props
        return self.tenant.app_roles.add(
            Record(
                self.tenant.dice.bytes(32, "app role", purpose).hex()[:43],
                {
                    "appRoleId": "00000000-0000-0000-0000-000000000000",
                    "createdDateTime": iso(at),
                    "deletedDateTime": None,
                    "principalDisplayName": user["displayName"],
                    "principalId": user["id"],
                    "principalType": "User",
                    "resourceDisplayName": principal.props["displayName"],
                    "resourceId": principal.id,
                },
            )
        )

    def principal(
        self, app_id: str, name: str, publisher: str | None, *, owner: str | None = None, **more: Any
    ) -> Record:
        """A service principal; ``publisher`` is the verified publisher's name, None when there is none."""
        dice = self.tenant.dice
        key = dice.guid("sp", app_id)
        return self.tenant.service_principals.add(
            Record(
                key,
                {
                    "id": key,
                    "accountEnabled": True,
                    "alternativeNames": [],
                    "appDescription": None,
                    "appDisplayName": name,
                    "appId": app_id,
                    "appOwnerOrganizationId": owner or dice.guid("owner", app_id),
                    "appRoleAssignmentRequired": False,
                    "appRoles": [],
                    "description": None,
                    "displayName": name,
                    "homepage": None,
                    "keyCredentials": [],
                    "notes": None,
                    "oauth2PermissionScopes": [],
                    "passwordCredentials": [],
                    "replyUrls": [],
                    "servicePrincipalNames": [app_id],
                    "servicePrincipalType": "Application",
                    "signInAudience": "AzureADMultipleOrgs",
                    "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
                    "verifiedPublisher": {
                        "displayName": publisher,
                        "verifiedPublisherId": dice.guid("publisher", publisher)[:8] if publisher else None,
                        "addedDateTime": "2022-03-01T10:00:00Z" if publisher else None,
                    },
                    **more,
                },
            )
        )

    def right(self, trustee: str, rights: list[str], key: str | None = None) -> Record:
        """An entry of a permission table."""
        return Record(key or trustee, {"User": trustee, "AccessRights": rights, "IsInherited": False, "Deny": False})

    # --- the ordinary part ----------------------------------------------------------------------------------------

    def _people(self) -> None:
        directory = self.tenant.directory
        domain = self.tenant.domain
        directory.alter(ADMIN, department="IT", jobTitle="IT Manager")
        directory.alter(DEPUTY, department="IT", jobTitle="Systems Administrator")
        for index, local, name in (
            (BREAK_GLASS, "breakglass-01", "Emergency Access"),
            (RESPONDER, "msp.support", "MSP Support"),
        ):
            upn = f"{local}@{domain}"
            directory.alter(
                index,
                userPrincipalName=upn,
                mail=upn,
                mailNickname=local,
                displayName=name,
                givenName=None,
                surname=None,
                department=None,
                jobTitle=None,
                assignedLicenses=[],
                proxyAddresses=[f"SMTP:{upn}"],
            )
        directory.alter(FINANCE, department="Finance", jobTitle="Accounts Payable Manager")
        if self.tenant.victim is not None:
            upn = self.tenant.victim
            directory.alter(
                FINANCE,
                userPrincipalName=upn,
                mail=upn,
                mailNickname=upn.partition("@")[0],
                proxyAddresses=[f"SMTP:{upn}"],
            )
        directory.alter(ASSISTANT, department="Finance", jobTitle="Personal Assistant")
        directory.alter(SECOND, department="Finance", jobTitle="Accountant")
        directory.alter(CHIEF, department="Management", jobTitle="Chief Executive Officer")
        synced = directory.alter(
            SYNCED,
            onPremisesSyncEnabled=True,
            onPremisesImmutableId="pQ2nW7sKk0mF1ZxJ8uYb3A==",
            onPremisesLastSyncDateTime=iso(self.tenant.start - timedelta(minutes=11)),
            onPremisesDomainName="corp.contoso-lab.example",
        )
        synced.props["onPremisesSamAccountName"] = synced.props["mailNickname"][:20]
        self.tenant.on_premises[SYNCED] = {"accountEnabled": True}
        self.tenant.story.accounts = {
            "finance": self.upn(FINANCE),
            "second": self.upn(SECOND),
            "assistant": self.upn(ASSISTANT),
            "global_administrators": [self.upn(ADMIN), self.upn(DEPUTY), self.upn(BREAK_GLASS)],
            "break_glass": [self.upn(BREAK_GLASS)],
            "responder": [self.upn(RESPONDER)],
            "synced": [self.upn(SYNCED)],
            "forwards_legitimately": [self.upn(FORWARDER), self.upn(ALUMNUS)],
            "travels_by_vpn": [self.upn(TRAVELLER)],
        }
        others = (ADMIN, DEPUTY, BREAK_GLASS, ASSISTANT, SYNCED, FORWARDER, COVER, ALUMNUS, TRAVELLER, RESPONDER, CHIEF)
        self.innocent(*(f"users/{self.upn(index)}" for index in others))
        for name, members in (("Finance", (FINANCE, ASSISTANT, SECOND)), ("IT", (ADMIN, DEPUTY))):
            key = self.tenant.dice.guid("group", name)
            self.tenant.groups.add(
                Record(
                    key,
                    {
                        "id": key,
                        "displayName": name,
                        "mailEnabled": False,
                        "securityEnabled": True,
                        "members": frozenset(self.id(index) for index in members),
                    },
                )
            )

    def _applications(self) -> None:
        tenant, dice = self.tenant, self.tenant.dice
        microsoft = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
        graph_roles = [
            {
                "id": dice.guid("app role", name),
                "value": name,
                "displayName": name,
                "isEnabled": True,
                "allowedMemberTypes": ["Application"],
                "description": name,
            }
            for name in self.permissions
        ]
        manage = {
            "id": "dc50a0fb-09a3-484d-be87-e023b12c6440",
            "value": "Exchange.ManageAsApp",
            "isEnabled": True,
            "displayName": "Manage Exchange As Application",
            "allowedMemberTypes": ["Application"],
            "description": "",
        }
        graph = self.principal(GRAPH_APP_ID, "Microsoft Graph", None, owner=microsoft, appRoles=graph_roles)
        exchange = self.principal(
            EXCHANGE_APP_ID, "Office 365 Exchange Online", None, owner=microsoft, appRoles=[manage]
        )
        own = self.principal(self.client_id, "Tenantry", None, owner=dice.guid("msp"))
        for resource, roles in ((graph, graph_roles), (exchange, [manage])):
            for granted in roles:
                tenant.app_roles.add(
                    Record(
                        dice.bytes(32, "app role of us", granted["value"]).hex()[:43],
                        {
                            "appRoleId": granted["id"],
                            "createdDateTime": iso(tenant.start - timedelta(days=90)),
                            "deletedDateTime": None,
                            "principalDisplayName": "Tenantry",
                            "principalId": own.id,
                            "principalType": "ServicePrincipal",
                            "resourceDisplayName": resource.props["displayName"],
                            "resourceId": resource.id,
                        },
                    )
                )
        expenses = self.principal(dice.guid("expenses"), "Ledgerline Expenses", "Ledgerline Ltd")
        meetings = self.principal(dice.guid("meetings"), "Meeting Rooms", "Roomwise GmbH")
        consent = self.grant(expenses.id, FINANCE, "User.Read openid profile email offline_access", "expenses finance")
        assigned = self.assign(FINANCE, expenses, tenant.start - timedelta(days=240), "expenses finance")
        everybody = self.grant(meetings.id, None, "Calendars.ReadWrite User.Read", "meetings")
        self.innocent(
            *(f"servicePrincipals/{one.id}" for one in (graph, exchange, own, expenses, meetings)),
            f"oauth2PermissionGrants/{consent.id}",
            f"oauth2PermissionGrants/{everybody.id}",
            f"appRoleAssignments/{assigned.id}",
        )
        for index in (ASSISTANT, COVER, SECOND):
            other = self.grant(expenses.id, index, "User.Read openid profile email", f"expenses {index}")
            self.innocent(f"oauth2PermissionGrants/{other.id}")

    def _roles(self) -> None:
        held = (
            (ADMIN, "Global Administrator"),
            (DEPUTY, "Global Administrator"),
            (BREAK_GLASS, "Global Administrator"),
            (DEPUTY, "Exchange Administrator"),
            (RESPONDER, "Security Reader"),
            (RESPONDER, "User Administrator"),
            (COVER, "Helpdesk Administrator"),
        )
        for index, name in held:
            self.role(index, name)

    def role(self, index: int, name: str) -> Record:
        """Give a role to a person of the story; it is innocent unless the story says otherwise."""
        key = self.tenant.dice.bytes(32, "role", index, name).hex()[:43]
        self.innocent(f"roleAssignments/{key}")
        return self.tenant.role_assignments.add(
            Record(key, {"principalId": self.id(index), "roleDefinitionId": ROLES[name], "directoryScopeId": "/"})
        )

    def _rights(self) -> None:
        tenant = self.tenant
        finance = tenant.mailbox(FINANCE)
        assistant = self.upn(ASSISTANT)
        finance.full_access.add(self.right(assistant, ["FullAccess"]))
        finance.folder_rights.add(self.right(assistant, ["Editor"], f"calendar/{assistant}"))
        own = rule(
            tenant.rule_identity(FINANCE, "suppliers"),
            "Supplier newsletters",
            priority=1,
            from_addresses=["news@paper-supplies.example"],
            move_to="newsletters",
        )
        finance.rules.add(own)
        chief = tenant.mailbox(CHIEF)
        chief.rules.add(
            rule(tenant.rule_identity(CHIEF, "delegate"), "Delegate Rule -2147483644", priority=0, hidden=True)
        )
        tenant.mailbox(FORWARDER).settings.props.update(
            ForwardingAddress=self.upn(COVER), DeliverToMailboxAndForward=True
        )
        tenant.mailbox(ALUMNUS).settings.props.update(
            ForwardingSmtpAddress="smtp:board@contoso-foundation.example", DeliverToMailboxAndForward=True
        )
        base = f"users/{self.upn(FINANCE)}"
        self.innocent(
            f"{base}/inboxRules/{own.id}",
            f"{base}/mailbox/permissions/{assistant}",
            f"{base}/mailbox/folders/calendar/permissions/{assistant}",
        )
        for index in (FINANCE, SECOND):
            person = tenant.person(index)
            self.innocent(
                *(f"users/{self.upn(index)}/authentication/{method.id}" for method in person.methods),
                *(f"devices/{key}" for key in person.devices),
                *(f"users/{self.upn(index)}/mobileDevices/{phone.id}" for phone in tenant.mailbox(index).phones),
                *(f"users/{self.upn(index)}/inboxRules/{kept.id}" for kept in tenant.mailbox(index).rules),
            )
        banner = Record(
            tenant.dice.guid("transport", "banner"),
            {
                "Name": "External sender banner",
                "State": "Enabled",
                "Mode": "Enforce",
                "Priority": 0,
                "FromScope": "NotInOrganization",
                "ApplyHtmlDisclaimerText": "<p>This message came from outside.</p>",
                "RedirectMessageTo": None,
                "BlindCopyTo": None,
            },
        )
        tenant.transport_rules.add(banner)
        self.innocent(f"transportRules/{banner.id}")

    def _ordinary_days(self) -> None:
        tenant, dice = self.tenant, self.tenant.dice
        for index in range(min(tenant.directory.count, _ACTIVE)):
            if index in (BREAK_GLASS, RESPONDER):
                continue
            for day in range(6):
                at = tenant.start - timedelta(days=day, hours=2, seconds=dice.below(21_600, "day", index, day))
                failed = dice.below(40, "typo", index, day) == 0
                tenant.add_sign_in(index, at, OFFICE_IP, error=50126 if failed else 0)
            at = tenant.start - timedelta(hours=1, seconds=dice.below(80_000, "refresh", index))
            tenant.add_sign_in(index, at, OFFICE_IP, interactive=False, agent="Outlook-Windows/16.0")
        for hour in (5, 30, 54):
            at = tenant.start - timedelta(hours=hour)
            tenant.add_sign_in(TRAVELLER, at, VPN_IP, "Frankfurt am Main", "DE")
        tenant.add_unified(
            "New-InboxRule",
            tenant.start - timedelta(hours=20),
            self.upn(COVER),
            OFFICE_IP,
            f"{self.upn(COVER)}\\Newsletters",
            parameters={"Name": "Newsletters", "MoveToFolder": "Newsletters"},
        )
        tenant.add_unified(
            "Set-Mailbox",
            tenant.start - timedelta(days=2),
            "NT AUTHORITY\\SYSTEM (Microsoft.Exchange.Servicehost)",
            "",
            self.upn(CHIEF),
            parameters={"AuditEnabled": "True"},
        )
        tenant.add_directory_audit(
            "Reset user password",
            tenant.start - timedelta(days=1, hours=3),
            ADMIN,
            OFFICE_IP,
            [self.target(COVER)],
            operation="Update",
        )

    def target(self, index: int, **more: Any) -> dict[str, Any]:
        """A user as the target of a directory audit entry."""
        return {
            "id": self.id(index),
            "displayName": None,
            "type": "User",
            "userPrincipalName": self.upn(index),
            "groupType": None,
            "modifiedProperties": [],
            **more,
        }
