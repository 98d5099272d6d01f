"""Cmdlets about the organization: its settings, its domains, whom it knows outside, and what is not recorded.

Sources: ExchangePowerShell reference, one page per cmdlet. A remote domain ``*`` that lets automatic forwards out is how every
organization begins; what keeps them in is the outbound policy, whose mode ``Automatic`` means off.
"""

from __future__ import annotations

from integrations.lab.exchange.cmdlets import cmdlets
from integrations.lab.exchange.command import Command, Row

_LIST: dict[str, type] = {"ResultSize": object}


@cmdlets.add("Get-AdminAuditLogConfig", {}, mailbox=False)
def get_audit_config(command: Command) -> list[Row]:
    """Whether the unified audit log takes anything in."""
    return [
        {
            "AdminAuditLogEnabled": True,
            "LogLevel": "Verbose",
            "UnifiedAuditLogIngestionEnabled": command.tenant.posture.audit_log,
            "AdminAuditLogAgeLimit": "90.00:00:00",
        }
    ]


@cmdlets.add("Get-OrganizationConfig", {}, mailbox=False)
def get_organization_config(command: Command) -> list[Row]:
    """Settings of the organization."""
    return [
        {
            "Name": command.tenant.domain,
            "DisplayName": "Contoso Lab",
            "Identity": command.tenant.domain,
            "AuditDisabled": not command.tenant.posture.mailbox_audit,
            "OAuth2ClientProfileEnabled": True,
            "IsDehydrated": False,
        }
    ]


@cmdlets.add("Get-HostedOutboundSpamFilterPolicy", {"Identity": str}, mailbox=False)
def get_outbound_policy(command: Command) -> list[Row]:
    """Whether automatic forwards get out."""
    return [
        {
            "Name": "Default",
            "Identity": "Default",
            "IsDefault": True,
            "Enabled": True,
            "AutoForwardingMode": command.tenant.posture.forwarding_mode,
        }
    ]


@cmdlets.add("Get-TransportConfig", {}, mailbox=False)
def get_transport_config(command: Command) -> list[Row]:
    """Whether programs may send with a name and a password alone."""
    off = command.tenant.posture.mail_protection["SmtpClientAuthenticationDisabled"]
    return [{"Name": "Transport Settings", "SmtpClientAuthenticationDisabled": off, "MaxSendSize": "35 MB"}]


@cmdlets.add("Get-SharingPolicy", {"Identity": str}, mailbox=False)
def get_sharing_policy(command: Command) -> list[Row]:
    """What people may share of calendars and contacts, and with whom."""
    settings = command.tenant.posture.mail_protection
    shown = {"Enabled": settings["Enabled"], "Domains": list(settings["Domains"])}
    return [{"Name": "Default Sharing Policy", "Default": True, **shown}]


@cmdlets.add("Get-ExternalInOutlook", {"Identity": str}, mailbox=False)
def get_external_in_outlook(command: Command) -> list[Row]:
    """Whether senders from outside are marked."""
    return [{"Enabled": command.tenant.posture.mail_protection["ExternalInOutlook"], "AllowList": []}]


@cmdlets.add("Get-HostedConnectionFilterPolicy", {"Identity": str}, mailbox=False)
def get_connection_filter(command: Command) -> list[Row]:
    """Whose mail passes unfiltered."""
    settings = command.tenant.posture.mail_protection
    shown = {name: settings[name] for name in ("IPAllowList", "EnableSafeList")}
    return [{"Name": "Default", "IsDefault": True, "IPBlockList": [], **shown}]


@cmdlets.add("Get-DkimSigningConfig", {"Identity": str}, mailbox=False)
def get_signing(command: Command) -> list[Row]:
    """Which domains' mail is signed."""
    domain, on = command.tenant.domain, command.tenant.posture.mail_protection["Dkim"]
    return [{"Domain": domain, "Name": domain, "Enabled": on, "Status": "Valid" if on else "CnameMissing"}]


@cmdlets.add("Get-AcceptedDomain", {"Identity": str, **_LIST}, mailbox=False)
def get_accepted_domain(command: Command) -> list[Row]:
    """Domains whose mail is ours: what is not here is outside."""
    return [
        {
            "Name": command.tenant.domain,
            "DomainName": command.tenant.domain,
            "DomainType": "Authoritative",
            "Default": True,
        }
    ]


@cmdlets.add("Get-RemoteDomain", {"Identity": str, **_LIST}, mailbox=False)
def get_remote_domain(command: Command) -> list[Row]:
    """What may go to domains outside by itself."""
    return [
        {"Identity": row.id, "Name": row.id, **row.view(command.now)}
        for row in command.tenant.posture.remote_domains.listed(command.now)
    ]


@cmdlets.add("Get-MailContact", {"Identity": str, **_LIST}, mailbox=False)
def get_mail_contact(command: Command) -> list[Row]:
    """People outside who stand in the address book."""
    return [
        {
            "Identity": row.id,
            "Name": row.id,
            "Alias": row.id,
            "DisplayName": row.id,
            "RecipientTypeDetails": "MailContact",
            **row.view(command.now),
        }
        for row in command.tenant.posture.contacts.listed(command.now)
    ]


@cmdlets.add("Get-MailboxAuditBypassAssociation", {"Identity": str, **_LIST}, mailbox=False)
def get_audit_bypass(command: Command) -> list[Row]:
    """Every account, and whether what it does in mailboxes is recorded."""
    directory = command.tenant.directory
    bypassed = command.tenant.posture.audit_bypassed
    rows = []
    for index in directory.present():
        user = directory.peek(index).props
        rows.append(
            {
                "Identity": user["displayName"],
                "Name": user["userPrincipalName"],
                "ObjectId": user["id"],
                "AuditBypassEnabled": index in bypassed,
                "WhenChangedUTC": bypassed.get(index),
            }
        )
    return rows
