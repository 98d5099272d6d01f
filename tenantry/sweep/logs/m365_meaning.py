"""What an event of Microsoft 365 means, worked out of its parameters and changed properties. Added to the view:

====================  ========================================================================================
``recipients``        addresses to which mail is forwarded, redirected, copied
``outside``           domains among them that are not those of the mailbox, its owner or the organisation
``hides``             an inbox rule deletes mail, or moves it to where nobody looks
``tucks_away``        an inbox rule moves mail to the archive or the deleted items, as many people do
``odd_name``          a rule's name is empty, punctuation, or a letter or two
``money_words``       a rule looks for words of payments, passwords, or warnings
``roles``             names of directory roles that are given
``privileged``        one of them is privileged
``scopes``            permissions that a consent or role assignment gives
``risky_scopes``      those of them that read or send mail, read files, or change the directory
``all_users``         the consent is for everybody
``mfa_method``        methods of authentication before and after a change of a user
``on_self``           actor and target are one account
``gives_to_self``     who gave a right is who has it now
``role_opens_mail``   an Exchange role that opens all mailboxes
``policy_weaker``     how a rule of Conditional Access asks less than before
``location_trusted``  a named location is trusted, or a trusted one was widened
``security_defaults_off``  the security defaults were switched off
``federated_known``   a federated credential's issuers are all well-known builders of software
``lookalike``         a name that imitates a publisher's with letters of other alphabets
``guest_to_member``   a guest became a member; ``mfa_off``: a second factor is no longer demanded
====================  ========================================================================================

Privileged roles: https://learn.microsoft.com/en-us/entra/identity/role-based-access-control/permissions-reference (marked so).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from tenantry.sweep.logs.m365_policies import lookalike, policy_meaning
from tenantry.sweep.logs.values import addresses, as_list, parsed, strings, text

__all__ = ["AWAY", "HIDING", "MONEY_WORDS", "ODD_NAME", "PRIVILEGED", "RISKY", "meaning", "plain_name"]

_FORWARDING: Final = (
    "ForwardTo",
    "ForwardAsAttachmentTo",
    "RedirectTo",
    "ForwardingSmtpAddress",
    "ForwardingAddress",
    "BlindCopyTo",
    "CopyTo",
    "RedirectMessageTo",
    "AddToRecipients",
    "RuleActions",
)
_RULES: Final = frozenset({"New-InboxRule", "Set-InboxRule", "UpdateInboxRules", "Enable-InboxRule"})
HIDING: Final = re.compile(
    r"rss|junk|conversation history|sync issues|trash|\bnotes\b|recoverable|courrier indésirable|correo no deseado|unterhaltungsverlauf|problèmes de synchronisation",
    re.IGNORECASE,
)
AWAY: Final = re.compile(r"archiv|deleted ?items|gelöscht|éléments supprimés|elementos eliminados", re.IGNORECASE)
MONEY_WORDS: Final = re.compile(
    r"invoice|payment|remit|wire|iban|swift|bank|ach\b|payroll|salary|deposit|purchase order|overdue|quote|"
    r"password|passcode|mfa|verif|phish|hack|spam|suspicious|security alert|fraud|docusign|helpdesk|"
    r"rechnung|zahlung|überweisung|konto|facture|paiement|virement|factura|pago|transferencia",
    re.IGNORECASE,
)
_CONDITIONS: Final = (
    "SubjectContainsWords",
    "SubjectOrBodyContainsWords",
    "BodyContainsWords",
    "HeaderContainsWords",
    "RuleCondition",
)

PRIVILEGED: Final = frozenset(
    name.lower()
    for name in (
        "Global Administrator",
        "Company Administrator",
        "Privileged Role Administrator",
        "Privileged Authentication Administrator",
        "Application Administrator",
        "Cloud Application Administrator",
        "Authentication Administrator",
        "Authentication Policy Administrator",
        "Conditional Access Administrator",
        "Security Administrator",
        "Exchange Administrator",
        "Exchange Service Administrator",
        "SharePoint Administrator",
        "SharePoint Service Administrator",
        "Intune Administrator",
        "User Administrator",
        "User Account Administrator",
        "Helpdesk Administrator",
        "Hybrid Identity Administrator",
        "Domain Name Administrator",
        "External Identity Provider Administrator",
        "Partner Tier1 Support",
        "Partner Tier2 Support",
        "Password Administrator",
        "Groups Administrator",
        "Directory Writers",
        "Directory Synchronization Accounts",
        "Billing Administrator",
        "Compliance Administrator",
        "eDiscovery Administrator",
        "Organization Management",
    )
)
RISKY: Final = re.compile(
    r"\b(Mail\.(?!ReadBasic)\w+(\.\w+)?|MailboxSettings\.\w+|Files\.Read\w*(\.All)?|Sites\.(Read|ReadWrite|Manage|FullControl)\w*\.All|"
    r"full_access_as_(app|user)|EWS\.AccessAsUser\.All|IMAP\.AccessAs\w+\.All|IMAP\.AccessAsApp|POP\.AccessAs\w+\.All|SMTP\.Send\w*|"
    r"Directory\.(ReadWrite|AccessAsUser)\.All|RoleManagement\.ReadWrite\.\w+|AppRoleAssignment\.ReadWrite\.All|Application\.ReadWrite\.\w+|"
    r"User\.ReadWrite\.All|Group\.ReadWrite\.All|GroupMember\.ReadWrite\.All|Contacts\.Read\w*|Notes\.Read\w*\.All|Chat\.Read\w*|ChannelMessage\.Read\.All|"
    r"Exchange\.ManageAsApp|UserAuthenticationMethod\.ReadWrite\.All|Policy\.ReadWrite\.\w+|DeviceManagement\w+\.ReadWrite\.All|PrivilegedAccess\.ReadWrite\.\w+)\b",
    re.IGNORECASE,
)
_SCOPE: Final = re.compile(r"Scope:\s*([^\],;]+)")
ODD_NAME: Final = re.compile(r"[\W_]*\Z|\s*.{0,1}\s*\Z|(.)\1{1,}\Z")
_GRANTS: Final = frozenset(
    {
        "Consent to application",
        "Add delegated permission grant",
        "Add OAuth2PermissionGrant",
        "Update delegated permission grant",
        "Add app role assignment to service principal",
        "Add app role assignment grant to user",
    }
)


@lru_cache(maxsize=16_384)
def plain_name(operation: str) -> str:
    """``Update application – Certificates and secrets management `` in the one way in which rules name it."""
    return re.sub(r"\s+", " ", operation.replace("\u2013", "-").replace("\u2014", "-")).strip().rstrip(".")


def meaning(view: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """What is worked out for this event; nothing for most."""
    name = view["name"]
    found: dict[str, Any] = {}
    parameters = view.get("parameters") or {}
    if parameters:
        found.update(_forwarding(name, parameters, view, record))
    if name in _RULES:
        found.update(_rule(parameters))
    if "role" in name and (name.startswith(("Add ", "New-", "Assign"))):
        found.update(_roles(view))
    if name in _GRANTS:
        found.update(_grant(view))
    found.update(_exchange(name, parameters, view))
    if (
        "policy" in name
        or "security defaults" in name
        or "location" in name
        or "administrative unit" in name
        or name.startswith("Update application")
    ):
        found.update(policy_meaning(name, view))
    if name in _NAMED:
        shown = [*strings(view.get("targets")), text(view.get("target"))]
        if any(lookalike(one) for one in shown):
            found["lookalike"] = True
    target = text(view.get("target")).lower()
    if target and view["actor"] in target:
        found["on_self"] = True
    if name == "Update user":
        found.update(_methods(view))
    return found


_NAMED: Final = frozenset(
    {"Consent to application", "Add service principal", "Add application", "Add delegated permission grant"}
)
_OPENS_MAIL: Final = re.compile(
    r"ApplicationImpersonation|Mailbox Import Export|Mailbox Search|Organization Management|Discovery Management|eDiscovery|Application (Mail|EWS|Exchange|MailboxSettings)",
    re.IGNORECASE,
)


def _exchange(name: str, parameters: Mapping[str, Any], view: Mapping[str, Any]) -> dict[str, Any]:
    """Rights in Exchange."""
    found: dict[str, Any] = {}
    if name in ("Add-MailboxPermission", "Add-RecipientPermission"):
        given = (text(parameters.get("User")) or text(parameters.get("Trustee"))).lower()
        if given and given in (view["actor"], view["actor"].partition("@")[0]):
            found["gives_to_self"] = True
    elif name in ("New-ManagementRoleAssignment", "Add-RoleGroupMember"):
        said = " ".join(
            [*strings(parameters.get("Role")), *strings(parameters.get("Identity")), text(view.get("target"))]
        )
        if _OPENS_MAIL.search(said):
            found["role_opens_mail"] = True
    return found


def _forwarding(
    name: str, parameters: Mapping[str, Any], view: Mapping[str, Any], record: Mapping[str, Any]
) -> dict[str, Any]:
    given = [parameters[key] for key in _FORWARDING if parameters.get(key)]
    if not given:
        return {}
    recipients = addresses([value if isinstance(value, (dict, list)) else text(value) for value in given])
    if name in ("New-TransportRule", "Set-TransportRule") and not recipients:
        return {}
    own = {
        one.rpartition("@")[2]
        for one in (view["actor"], text(record.get("MailboxOwnerUPN")).lower(), text(view.get("target")).lower())
        if "@" in one
    }
    own.add(text(record.get("OrganizationName")).lower())
    outside = sorted({one.rpartition("@")[2] for one in recipients} - own)
    return {"recipients": recipients, **({"outside": outside} if outside else {})}


def _rule(parameters: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    actions = " ".join(strings(parameters.get("RuleActions")))
    deletes = any(
        text(parameters.get(key)).lower() == "true" for key in ("DeleteMessage", "SoftDeleteMessage")
    ) or re.search(r"\b(Soft|Permanent)?Delete", actions)
    moved = text(parameters.get("MoveToFolder")) or (actions if "Move" in actions else "")
    if deletes or HIDING.search(moved):
        found["hides"] = True
    elif AWAY.search(moved):
        found["tucks_away"] = True
    for key in ("Name", "RuleName"):
        if key in parameters and ODD_NAME.match(text(parameters[key]).strip()):
            found["odd_name"] = True
    searched = " ".join(one for key in _CONDITIONS for one in strings(parameters.get(key)))
    if MONEY_WORDS.search(searched):
        found["money_words"] = sorted({one.group(0).lower() for one in MONEY_WORDS.finditer(searched)})
    return found


def _roles(view: Mapping[str, Any]) -> dict[str, Any]:
    modified = view.get("modified") or {}
    names = [*strings(modified.get("Role.DisplayName")), *strings((view.get("parameters") or {}).get("Role"))]
    if not names:
        names = [one for one in strings(view.get("targets")) if one.lower() in PRIVILEGED]
    names = [one.strip('"') for one in names]
    return {"roles": names, "privileged": any(one.lower() in PRIVILEGED for one in names)} if names else {}


def _grant(view: Mapping[str, Any]) -> dict[str, Any]:
    modified = view.get("modified") or {}
    found: list[str] = []
    everybody = False
    for key, value in modified.items():
        for one in strings(parsed(value)):
            if key in ("ConsentAction.Permissions", "ConsentAction.Reason"):
                found.extend(scope for part in _SCOPE.findall(one) for scope in part.split())
                everybody = everybody or "AllPrincipals" in one
            elif key in ("DelegatedPermissionGrant.Scope", "AppRole.Value", "OAuth2PermissionGrant.Scope"):
                found.extend(one.strip('"').split())
            elif key == "DelegatedPermissionGrant.ConsentType":
                everybody = everybody or "AllPrincipals" in one
            elif key == "ConsentContext.OnBehalfOfAll":
                everybody = everybody or one.strip('"').lower() == "true"
    found = list(dict.fromkeys(found))
    risky = [one for one in found if RISKY.search(one)]
    return {"scopes": found, **({"risky_scopes": risky} if risky else {}), **({"all_users": True} if everybody else {})}


def _methods(view: Mapping[str, Any]) -> dict[str, Any]:
    modified, old = view.get("modified") or {}, view.get("modified_old") or {}
    found: dict[str, Any] = {}
    requirement = modified.get("StrongAuthenticationRequirement")
    if requirement is not None and not as_list(requirement) and as_list(old.get("StrongAuthenticationRequirement")):
        found["mfa_off"] = True
    for key in (
        "StrongAuthenticationMethod",
        "StrongAuthenticationPhoneAppDetail",
        "StrongAuthenticationUserDetails",
        "SearchableDeviceKey",
    ):
        if key in modified and as_list(modified[key]) != as_list(old.get(key)):
            found["mfa_method"] = key
            found["mfa_added"] = len(str(modified[key])) > len(str(old.get(key) or ""))
    user_type = "".join(strings(modified.get("UserType"))).strip('[]"')
    if user_type == "Member" and "Guest" in "".join(strings(old.get("UserType"))):
        found["guest_to_member"] = True
    return found
