"""The cmdlets.

Sources: ExchangePowerShell reference, one page per cmdlet; what differs over REST was measured by others and is noted where it matters: an
unknown Identity given to Get-InboxRule lists everything, delegate rules cannot be disabled, a right that is not there is a warning.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from integrations.lab.clock import iso, parse_iso
from integrations.lab.exchange.command import Cmdlets, Command, Row, failure, invalid, missing
from integrations.lab.graph.mail import rule_target
from integrations.lab.mailbox import FOLDERS, Mailbox, rule
from integrations.lab.records import Record, Table

cmdlets = Cmdlets()

_LIST: dict[str, type] = {"ResultSize": object}
_CONFIRM: dict[str, type] = {"Confirm": bool}
_RULE_WRITE: dict[str, type] = {
    "Identity": str,
    "Mailbox": str,
    "Force": bool,
    "AlwaysDeleteOutlookRulesBlob": bool,
    **_CONFIRM,
}

# --- inbox rules ------------------------------------------------------------------------------------------------------


def _alias(command: Command, box: Mailbox) -> str:
    return str(command.tenant.directory.peek(box.owner).props["mailNickname"])


def _described(addresses: list[str]) -> list[str] | None:
    """Recipients as Exchange writes them in rules; null when there are none."""
    return [f'"{address}" [SMTP:{address}]' for address in addresses] or None


def _rule_row(command: Command, box: Mailbox, row: Record) -> Row:
    view = row.view(command.now)
    return {
        "Identity": f"{_alias(command, box)}\\{row.id}",
        "RuleIdentity": int(row.id),
        "Name": view["name"],
        "Enabled": view["enabled"],
        "Priority": view["priority"],
        "Description": "",
        "ForwardTo": _described(view["forward_to"]),
        "ForwardAsAttachmentTo": _described(view["forward_as_attachment_to"]),
        "RedirectTo": _described(view["redirect_to"]),
        "MoveToFolder": FOLDERS.get(view["move_to"]) if view["move_to"] else None,
        "DeleteMessage": view["delete"],
        "SoftDeleteMessage": False,
        "MarkAsRead": view["mark_read"],
        "StopProcessingRules": view["stop"],
        "SubjectOrBodyContainsWords": view["contains"] or None,
        "From": _described(view["from"]),
        "MailboxOwnerId": _alias(command, box),
        "SupportedByTask": True,
        "IsValid": True,
    }


@cmdlets.add(
    "Get-InboxRule",
    {"Mailbox": str, "Identity": str, "IncludeHidden": bool, "SkipCount": int, **_LIST},
    required="Mailbox",
    nullable="Identity",
)
def get_inbox_rule(command: Command) -> list[Row]:
    """Rules of a mailbox. An Identity that is null or unknown gives them all: check what came back."""
    box = command.mailbox("Mailbox")
    rows = [row for row in box.rules.listed(command.now) if command.arg("IncludeHidden") or not row.props["hidden"]]
    found = _find_rule(command, rows)
    return [_rule_row(command, box, row) for row in ([found] if found else rows)]


@cmdlets.add("Disable-InboxRule", _RULE_WRITE, required="Identity")
def disable_inbox_rule(command: Command) -> list[Row]:
    """Switch a rule off."""
    return _switch(command, enabled=False)


@cmdlets.add("Enable-InboxRule", _RULE_WRITE, required="Identity")
def enable_inbox_rule(command: Command) -> list[Row]:
    """Switch a rule on."""
    return _switch(command, enabled=True)


@cmdlets.add("Remove-InboxRule", _RULE_WRITE, required="Identity")
def remove_inbox_rule(command: Command) -> list[Row]:
    """Delete a rule."""
    box, found = _rule_to_write(command)
    box.rules.remove(found.id, command.now, command.lab.faults.lag)
    command.wrote(rule_target(command.tenant.directory.upn_of(box.owner), found), dict(found.props), None)
    return []


@cmdlets.add(
    "New-InboxRule",
    {
        "Mailbox": str,
        "Name": str,
        "From": list,
        "SubjectOrBodyContainsWords": list,
        "MoveToFolder": str,
        "DeleteMessage": bool,
        "MarkAsRead": bool,
        "ForwardTo": list,
        "RedirectTo": list,
        "ForwardAsAttachmentTo": list,
        "StopProcessingRules": bool,
        "Priority": int,
        "Force": bool,
        "AlwaysDeleteOutlookRulesBlob": bool,
        **_CONFIRM,
    },
    required="Mailbox Name",
)
def new_inbox_rule(command: Command) -> list[Row]:
    """Create a rule; its identity is new."""
    box = command.mailbox("Mailbox")
    folder = command.arg("MoveToFolder")
    name = next(
        (key for key, shown in FOLDERS.items() if shown.lower() == str(folder).rpartition("\\")[2].lower()), None
    )
    if folder is not None and name is None:
        raise invalid(f"The folder '{folder}' does not exist.")
    made = rule(
        command.tenant.rule_identity(command.tenant.serial("rule")),
        str(command.arg("Name")),
        priority=command.arg("Priority") or 1,
        contains=command.arg("SubjectOrBodyContainsWords"),
        from_addresses=command.arg("From"),
        move_to=name,
        delete=bool(command.arg("DeleteMessage")),
        mark_read=bool(command.arg("MarkAsRead")),
        forward_to=command.arg("ForwardTo"),
        redirect_to=command.arg("RedirectTo"),
        forward_as_attachment_to=command.arg("ForwardAsAttachmentTo"),
        stop=bool(command.arg("StopProcessingRules")),
    )
    box.rules.add(made, command.now, command.lab.faults.lag)
    command.wrote(rule_target(command.tenant.directory.upn_of(box.owner), made), None, dict(made.props))
    return [_rule_row(command, box, made)]


def _find_rule(command: Command, rows: list[Record]) -> Record | None:
    """The rule that Identity means: ``alias\\number``, a number, or a name that only one rule has."""
    key = str(command.arg("Identity") or "").rpartition("\\")[2]
    if not key:
        return None
    by_number = next((row for row in rows if row.id == key), None)
    if by_number is not None:
        return by_number
    by_name = [row for row in rows if row.props["name"].lower() == key.lower()]
    if len(by_name) > 1:
        raise failure(
            400,
            "BadRequest",
            "Microsoft.Exchange.Configuration.Tasks.ManagementObjectAmbiguousException",
            f"The operation couldn't be performed because '{key}' matches multiple entries.",
        )
    return by_name[0] if by_name else None


def _rule_to_write(command: Command) -> tuple[Mailbox, Record]:
    owner = command.arg("Mailbox") or str(command.arg("Identity")).rpartition("\\")[0]
    box = command.tenant.mailbox(command.recipient(str(owner)))
    found = _find_rule(command, list(box.rules))
    if found is None:
        raise missing(
            f"The operation couldn't be performed because object '{command.arg('Identity')}' couldn't be found."
        )
    if found.props["system"]:
        raise failure(
            400,
            "BadRequest",
            "Microsoft.Exchange.Management.StoreTasks.InboxRuleOperationException",
            "This rule is managed by the service and can't be changed.",
        )
    return box, found


def _switch(command: Command, *, enabled: bool) -> list[Row]:
    box, found = _rule_to_write(command)
    if found.props["name"].startswith("Delegate Rule -"):
        raise failure(
            400,
            "BadRequest",
            "Microsoft.Exchange.Management.StoreTasks.InboxRuleOperationException",
            "A delegate rule can't be enabled or disabled.",
        )
    before = found.write({"enabled": enabled}, command.now, command.lab.faults.lag)
    command.wrote(rule_target(command.tenant.directory.upn_of(box.owner), found), before, {"enabled": enabled})
    return []


# --- mailboxes --------------------------------------------------------------------------------------------------------


def _mailbox_row(command: Command, box: Mailbox) -> Row:
    user = command.tenant.directory.peek(box.owner).props
    settings = box.settings.view(command.now)
    return {
        "Identity": user["displayName"],
        "Guid": box.guid,
        "ExchangeGuid": box.guid,
        "ExternalDirectoryObjectId": user["id"],
        "Alias": user["mailNickname"],
        "DisplayName": user["displayName"],
        "UserPrincipalName": user["userPrincipalName"],
        "PrimarySmtpAddress": user["userPrincipalName"],
        "EmailAddresses": user["proxyAddresses"],
        "EmailAddresses@data.type": "Collection(System.String)",
        "IsDirSynced": bool(user["onPremisesSyncEnabled"]),
        "ProhibitSendReceiveQuota": "100 GB (107,374,182,400 bytes)",
        "RetainDeletedItemsFor": "14.00:00:00",
        "AuditEnabled": True,
        "GrantSendOnBehalfTo": [],
        "WhenChangedUTC": box.changed_at or iso(command.tenant.start - timedelta(days=200)),
        **settings,
    }


@cmdlets.add("Get-Mailbox", {"Identity": str, "RecipientTypeDetails": str, "Filter": str, **_LIST}, mailbox=False)
def get_mailbox(command: Command) -> list[Row]:
    """One mailbox, or all of them. A list makes every mailbox of the tenant: page it."""
    if command.arg("Identity") is not None:
        return [_mailbox_row(command, command.mailbox())]
    if command.has("Filter"):
        raise invalid("Only mailboxes by Identity, or all of them.")
    kind = command.arg("RecipientTypeDetails")
    rows = [_mailbox_row(command, command.tenant.mailbox(index)) for index in command.tenant.directory.present()]
    return [row for row in rows if kind is None or row["RecipientTypeDetails"] == kind]


@cmdlets.add(
    "Set-Mailbox",
    {
        "Identity": str,
        "ForwardingAddress": str,
        "ForwardingSmtpAddress": str,
        "DeliverToMailboxAndForward": bool,
        "HiddenFromAddressListsEnabled": bool,
        "Type": str,
        "Force": bool,
        **_CONFIRM,
    },
    required="Identity",
    nullable="ForwardingAddress ForwardingSmtpAddress",
)
def set_mailbox(command: Command) -> list[Row]:
    """Change forwarding, type, visibility. Only what is given changes; null clears. What is mastered on premises is refused."""
    box = command.mailbox()
    user = command.tenant.directory.peek(box.owner).props
    changes: dict[str, Any] = {}
    if command.has("ForwardingAddress"):
        value = command.arg("ForwardingAddress")
        changes["ForwardingAddress"] = value and command.tenant.directory.upn_of(command.recipient(value))
    if command.has("ForwardingSmtpAddress"):
        value = command.arg("ForwardingSmtpAddress")
        bare = str(value or "").removeprefix("smtp:")
        if value is not None and "@" not in bare:
            raise invalid(f"'{value}' isn't a valid SMTP address.")
        changes["ForwardingSmtpAddress"] = value and f"smtp:{bare}"
    for name in ("DeliverToMailboxAndForward", "HiddenFromAddressListsEnabled"):
        if command.has(name):
            changes[name] = command.arg(name)
    if "HiddenFromAddressListsEnabled" in changes and user["onPremisesSyncEnabled"]:
        raise invalid(
            f"The action 'Set-Mailbox', 'HiddenFromAddressListsEnabled', can't be performed on the object '{user['displayName']}' because the object "
            "is being synchronized from your on-premises organization.",
            "Microsoft.Exchange.Configuration.Tasks.TaskInvalidOperationException",
        )
    if command.has("Type"):
        kinds = {"regular": "UserMailbox", "shared": "SharedMailbox", "room": "RoomMailbox"}
        kind = kinds.get(str(command.arg("Type")).lower())
        if kind is None:
            raise invalid(f"Cannot convert value '{command.arg('Type')}' to a mailbox type.")
        changes["RecipientTypeDetails"] = kind
    settings = {name: box.settings.props[name] for name in changes}
    if settings == changes:
        command.warnings.append(
            f"The command completed successfully but no settings of '{command.arg('Identity')}' have been modified."
        )
    before = box.settings.write(changes, command.now, command.lab.faults.lag)
    box.changed_at = iso(command.lab.now())
    command.wrote(f"users/{command.tenant.directory.upn_of(box.owner)}/mailbox", before, changes)
    return []


# --- rights -----------------------------------------------------------------------------------------------------------


def _right_rows(command: Command, table: Table, key: str, **extra: Any) -> list[Row]:
    rows = []
    for row in table.listed(command.now):
        view = dict(row.view(command.now))
        user = view.pop("User")
        rows.append({**extra, key: user, **view, "AccessRights@data.type": "Collection(System.String)"})
    return rows


def _trustee(command: Command, name: str) -> str:
    return command.tenant.directory.upn_of(command.recipient(str(command.arg(name))))


def _rights(command: Command, allowed: frozenset[str]) -> list[str]:
    rights = command.arg("AccessRights")
    known = {name.lower(): name for name in allowed}
    if not rights or not all(isinstance(right, str) and right.lower() in known for right in rights):
        raise invalid(f"Cannot bind parameter 'AccessRights': one of {', '.join(sorted(allowed))} is expected.")
    return [known[right.lower()] for right in rights]


_MAILBOX_RIGHTS = frozenset({"FullAccess", "ReadPermission", "SendAs", "ChangePermission", "ChangeOwner", "DeleteItem"})


@cmdlets.add("Get-MailboxPermission", {"Identity": str, "User": str, **_LIST}, required="Identity")
def get_mailbox_permission(command: Command) -> list[Row]:
    """Who may open a mailbox; the owner's own entry (SELF) is among them."""
    box = command.mailbox()
    rows = _right_rows(command, box.full_access, "User", Identity=_alias(command, box))
    wanted = command.arg("User")
    return [row for row in rows if wanted is None or row["User"].lower() == str(wanted).lower()]


@cmdlets.add(
    "Add-MailboxPermission",
    {"Identity": str, "User": str, "AccessRights": list, "AutoMapping": bool, "InheritanceType": str, **_CONFIRM},
    required="Identity User AccessRights",
)
def add_mailbox_permission(command: Command) -> list[Row]:
    """Let somebody open a mailbox."""
    box = command.mailbox()
    return _add_right(command, box, box.full_access, "mailbox/permissions", "User", _MAILBOX_RIGHTS)


@cmdlets.add(
    "Remove-MailboxPermission",
    {"Identity": str, "User": str, "AccessRights": list, "InheritanceType": str, **_CONFIRM},
    required="Identity User AccessRights",
)
def remove_mailbox_permission(command: Command) -> list[Row]:
    """Take that right back."""
    box = command.mailbox()
    return _remove_right(command, box, box.full_access, "mailbox/permissions", "User", _MAILBOX_RIGHTS)


_MEMBER = {"Identity": str, "Member": str, "BypassSecurityGroupManagerCheck": bool, **_CONFIRM}


@cmdlets.add("Add-DistributionGroupMember", _MEMBER, required="Identity Member", mailbox=False)
def add_distribution_group_member(command: Command) -> list[Row]:
    """Put somebody into a group that has an address."""
    group, member = _distribution_group(command), _member(command)
    if member in group.props["members"]:
        raise failure(
            400,
            "BadRequest",
            "Microsoft.Exchange.Management.Tasks.MemberAlreadyExistsException",
            f'The recipient "{member}" is already a member of the group "{group.props["displayName"]}".',
        )
    return _set_members(command, group, group.props["members"] | {member}, member)


@cmdlets.add("Remove-DistributionGroupMember", _MEMBER, required="Identity Member", mailbox=False)
def remove_distribution_group_member(command: Command) -> list[Row]:
    """Take somebody out of it."""
    group, member = _distribution_group(command), _member(command)
    if member not in group.props["members"]:
        raise failure(
            400,
            "BadRequest",
            "Microsoft.Exchange.Management.Tasks.MemberNotFoundException",
            f'The recipient "{member}" isn\'t a member of the group "{group.props["displayName"]}".',
        )
    return _set_members(command, group, group.props["members"] - {member}, member)


def _distribution_group(command: Command) -> Record:
    """By its address. Groups without one, and those of Microsoft 365, are none of Exchange's."""
    key = str(command.arg("Identity")).lower()
    for group in command.tenant.groups:
        facts = group.props
        if facts["mailEnabled"] and "Unified" not in facts.get("groupTypes", ()) and facts["mail"].lower() == key:
            return group
    raise missing(f"The operation couldn't be performed because object '{key}' couldn't be found.")


def _member(command: Command) -> str:
    return command.tenant.directory.id_of(command.recipient(str(command.arg("Member"))))


def _set_members(command: Command, group: Record, members: frozenset[str], member: str) -> list[Row]:
    group.write({"members": members}, command.now, command.lab.faults.lag)
    command.wrote(f"groups/{group.id}/members/{member}", member not in members, member in members)
    return []


_SEND_AS = frozenset({"SendAs"})


@cmdlets.add("Get-RecipientPermission", {"Identity": str, "Trustee": str, "AccessRights": list, **_LIST}, mailbox=False)
def get_recipient_permission(command: Command) -> list[Row]:
    """Who may send as the mailbox, or as whom in the whole organization."""
    indexes = [command.recipient(str(command.arg("Identity")))] if command.has("Identity") else None
    boxes = [command.tenant.mailbox(index) for index in indexes or command.tenant.directory.present()]
    rows = [
        row
        for box in boxes
        for row in _right_rows(
            command, box.send_as, "Trustee", Identity=_alias(command, box), AccessControlType="Allow"
        )
    ]
    wanted = command.arg("Trustee")
    return [row for row in rows if wanted is None or row["Trustee"].lower() == str(wanted).lower()]


@cmdlets.add(
    "Add-RecipientPermission",
    {"Identity": str, "Trustee": str, "AccessRights": list, **_CONFIRM},
    required="Identity Trustee AccessRights",
)
def add_recipient_permission(command: Command) -> list[Row]:
    """Let somebody send as the mailbox."""
    box = command.mailbox()
    return _add_right(command, box, box.send_as, "mailbox/sendAs", "Trustee", _SEND_AS)


@cmdlets.add(
    "Remove-RecipientPermission",
    {"Identity": str, "Trustee": str, "AccessRights": list, **_CONFIRM},
    required="Identity Trustee AccessRights",
)
def remove_recipient_permission(command: Command) -> list[Row]:
    """Take that right back."""
    box = command.mailbox()
    return _remove_right(command, box, box.send_as, "mailbox/sendAs", "Trustee", _SEND_AS)


def _add_right(
    command: Command, box: Mailbox, table: Table, place: str, key: str, allowed: frozenset[str]
) -> list[Row]:
    trustee = _trustee(command, key)
    rights = _rights(command, allowed)
    found = table.get(trustee)
    before = list(found.props["AccessRights"]) if found else []
    after = sorted({*before, *rights})
    if after == sorted(before):
        command.warnings.append(f"The appropriate access control entry is already present for '{trustee}'.")
    if found is None:
        found = Record(trustee, {"User": trustee, "AccessRights": after, "IsInherited": False, "Deny": False})
        table.add(found, command.now, command.lab.faults.lag)
    else:
        found.write({"AccessRights": after}, command.now, command.lab.faults.lag)
    owner = command.tenant.directory.upn_of(box.owner)
    command.wrote(f"users/{owner}/{place}/{trustee}", before, after)
    return [
        {"Identity": _alias(command, box), key: trustee, "AccessRights": after, "IsInherited": False, "Deny": False}
    ]


def _remove_right(
    command: Command, box: Mailbox, table: Table, place: str, key: str, allowed: frozenset[str]
) -> list[Row]:
    trustee = _trustee(command, key)
    rights = _rights(command, allowed)
    found = table.get(trustee)
    before = list(found.props["AccessRights"]) if found else []
    after = [right for right in before if right not in rights]
    if found is None or after == before:
        command.warnings.append(
            f"Can't remove the access control entry on the object '{command.arg('Identity')}' for account '{trustee}' "
            "because the ACE isn't present."
        )
    elif after:
        found.write({"AccessRights": after}, command.now, command.lab.faults.lag)
    else:
        table.remove(trustee, command.now, command.lab.faults.lag)
    owner = command.tenant.directory.upn_of(box.owner)
    command.wrote(f"users/{owner}/{place}/{trustee}", before, after)
    return []


_FOLDER_RIGHTS = frozenset(
    {"None", "Owner", "PublishingEditor", "Editor", "PublishingAuthor", "Author", "Reviewer", "Contributor"}
    | {"AvailabilityOnly", "LimitedDetails"}
)


def _folder(command: Command) -> tuple[Mailbox, str]:
    """``user@domain:\\Calendar`` names a folder of a mailbox."""
    owner, mark, folder = str(command.arg("Identity")).partition(":\\")
    box = command.tenant.mailbox(command.recipient(owner))
    name = folder.lower()
    if not mark or not any(row.id.startswith(f"{name}/") for row in box.folder_rights):
        raise missing(f"The operation couldn't be performed because '{command.arg('Identity')}' couldn't be found.")
    return box, name


@cmdlets.add("Get-MailboxFolderPermission", {"Identity": str, "User": str, **_LIST}, required="Identity")
def get_folder_permission(command: Command) -> list[Row]:
    """Who may see a folder; Default and Anonymous stand for everybody."""
    box, folder = _folder(command)
    wanted = command.arg("User")
    return [
        {
            "Identity": command.arg("Identity"),
            "FolderName": folder.title(),
            "User": view["User"],
            "AccessRights": view["AccessRights"],
            "SharingPermissionFlags": None,
        }
        for row in box.folder_rights.listed(command.now)
        if row.id.startswith(f"{folder}/")
        and (view := row.view(command.now))
        and (wanted is None or view["User"].lower() == str(wanted).lower())
    ]


@cmdlets.add(
    "Add-MailboxFolderPermission",
    {"Identity": str, "User": str, "AccessRights": list, "SendNotificationToUser": bool, **_CONFIRM},
    required="Identity User AccessRights",
)
def add_folder_permission(command: Command) -> list[Row]:
    """Give somebody rights on a folder; a second time is an error."""
    box, folder = _folder(command)
    trustee = _trustee(command, "User")
    rights = _rights(command, _FOLDER_RIGHTS)
    key = f"{folder}/{trustee}"
    if box.folder_rights.get(key) is not None:
        raise failure(
            400,
            "BadRequest",
            "Microsoft.Exchange.Management.StoreTasks.UserAlreadyExistsInPermissionEntryException",
            f"An existing permission entry was found for user: {trustee}.",
        )
    box.folder_rights.add(
        Record(key, {"User": trustee, "AccessRights": rights, "IsInherited": False, "Deny": False}),
        command.now,
        command.lab.faults.lag,
    )
    owner = command.tenant.directory.upn_of(box.owner)
    command.wrote(f"users/{owner}/mailbox/folders/{folder}/permissions/{trustee}", None, rights)
    return [{"Identity": command.arg("Identity"), "User": trustee, "AccessRights": rights}]


@cmdlets.add(
    "Remove-MailboxFolderPermission",
    {"Identity": str, "User": str, "SendNotificationToUser": bool, **_CONFIRM},
    required="Identity User",
)
def remove_folder_permission(command: Command) -> list[Row]:
    """Take somebody's rights on a folder back; a second time is an error."""
    box, folder = _folder(command)
    trustee = _trustee(command, "User")
    found = box.folder_rights.remove(f"{folder}/{trustee}", command.now, command.lab.faults.lag)
    if found is None:
        raise failure(
            404,
            "NotFound",
            "Microsoft.Exchange.Management.StoreTasks.UserNotFoundInPermissionEntryException",
            f"There is no existing permission entry found for user: {trustee}.",
        )
    owner = command.tenant.directory.upn_of(box.owner)
    command.wrote(f"users/{owner}/mailbox/folders/{folder}/permissions/{trustee}", found.props["AccessRights"], None)
    return []


# --- transport rules --------------------------------------------------------------------------------------------------


@cmdlets.add("Get-TransportRule", {"Identity": str, "State": str, **_LIST}, mailbox=False)
def get_transport_rule(command: Command) -> list[Row]:
    """Mail flow rules of the organization."""
    rows = [
        {"Guid": row.id, "Identity": row.props["Name"], **row.view(command.now)}
        for row in command.tenant.transport_rules.listed(command.now)
    ]
    wanted = command.arg("Identity")
    if wanted is None:
        return rows
    found = [row for row in rows if wanted in (row["Guid"], row["Name"])]
    if not found:
        raise missing(f"The operation couldn't be performed because object '{wanted}' couldn't be found.")
    return found


@cmdlets.add("Disable-TransportRule", {"Identity": str, "Mode": str, **_CONFIRM}, required="Identity", mailbox=False)
def disable_transport_rule(command: Command) -> list[Row]:
    """Switch a mail flow rule off."""
    return _switch_transport(command, "Disabled")


@cmdlets.add("Enable-TransportRule", {"Identity": str, "Mode": str, **_CONFIRM}, required="Identity", mailbox=False)
def enable_transport_rule(command: Command) -> list[Row]:
    """Switch a mail flow rule on."""
    return _switch_transport(command, "Enabled")


def _switch_transport(command: Command, state: str) -> list[Row]:
    wanted = command.arg("Identity")
    found = next((row for row in command.tenant.transport_rules if wanted in (row.id, row.props["Name"])), None)
    if found is None:
        raise missing(f"The operation couldn't be performed because object '{wanted}' couldn't be found.")
    before = found.write({"State": state}, command.now, command.lab.faults.lag)
    command.wrote(f"transportRules/{found.id}", before, {"State": state})
    return []


# --- mobile devices ---------------------------------------------------------------------------------------------------


def _phone_row(command: Command, box: Mailbox, row: Record) -> Row:
    alias = _alias(command, box)
    return {
        "Identity": f"{alias}\\ExchangeActiveSyncDevices\\Outlook§{row.props['DeviceId']}",
        "UserDisplayName": alias,
        **row.view(command.now),
    }


@cmdlets.add("Get-MobileDevice", {"Mailbox": str, "Identity": str, **_LIST})
def get_mobile_device(command: Command) -> list[Row]:
    """Phones of a mailbox, or one phone; not both."""
    if command.has("Mailbox") == command.has("Identity"):
        raise invalid("Parameter set cannot be resolved: give Mailbox or Identity.")
    if command.has("Mailbox"):
        box = command.mailbox("Mailbox")
        return [_phone_row(command, box, row) for row in box.phones.listed(command.now)]
    box, found = _phone(command)
    return [_phone_row(command, box, found)]


@cmdlets.add("Remove-MobileDevice", {"Identity": str, **_CONFIRM}, required="Identity")
def remove_mobile_device(command: Command) -> list[Row]:
    """End a phone's partnership with its mailbox."""
    box, found = _phone(command)
    box.phones.remove(found.id, command.now, command.lab.faults.lag)
    owner = command.tenant.directory.upn_of(box.owner)
    command.wrote(f"users/{owner}/mobileDevices/{found.id}", dict(found.props), None)
    return []


def _phone(command: Command) -> tuple[Mailbox, Record]:
    """A phone by its identity, or by its GUID together with the anchor's mailbox."""
    wanted = str(command.arg("Identity"))
    anchor = command.request.headers.get("x-anchormailbox", "").removeprefix("UPN:")
    owner = wanted.partition("\\")[0] if "\\" in wanted else anchor
    box = command.tenant.mailbox(command.recipient(owner))
    for row in box.phones:
        if wanted in (row.id, _phone_row(command, box, row)["Identity"]):
            return box, row
    raise missing(f"The operation couldn't be performed because object '{wanted}' couldn't be found.")


# --- traces and settings ----------------------------------------------------------------------------------------------

_STATUSES = frozenset(["delivered", "expanded", "failed", "filteredasspam", "gettingstatus", "pending", "quarantined"])


@cmdlets.add(
    "Get-MessageTraceV2",
    {
        "StartDate": str,
        "EndDate": str,
        "SenderAddress": object,
        "RecipientAddress": object,
        "MessageTraceId": str,
        "Status": object,
        "StartingRecipientAddress": str,
        "ResultSize": int,
    },
    mailbox=False,
)
def get_message_trace(command: Command) -> list[Row]:
    """Messages of the last 90 days, at most 10 days a query and ResultSize (1000 unless said, 5000 at most) rows.

    There are no pages: go on with EndDate and StartingRecipientAddress from the last row.
    """
    now = command.lab.now()
    end = _date(command, "EndDate", now)
    begin = _date(command, "StartDate", end - timedelta(days=2))
    size = command.arg("ResultSize")
    size = 1000 if size is None else size
    if not 1 <= size <= 5000:
        raise invalid("ResultSize must be from 1 to 5000.")
    if begin > end or end - begin > timedelta(days=10) or begin < now - timedelta(days=90, hours=1):
        raise invalid("The dates must lie within the last 90 days and at most 10 days apart.")
    wanted = {
        name: {value.lower() for value in _texts(command, name)}
        for name in ("SenderAddress", "RecipientAddress", "Status")
    }
    if wanted["Status"] - _STATUSES:
        raise invalid("Cannot bind parameter 'Status'.")
    after = str(command.arg("StartingRecipientAddress") or "").lower()
    low, high = iso(begin)[:-1], end.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0"
    rows = []
    for row in sorted(command.tenant.traces, key=lambda one: (one["Received"], one["RecipientAddress"]), reverse=True):
        if not low <= row["Received"] <= high:
            continue
        if after and row["Received"] == high and row["RecipientAddress"].lower() >= after:
            continue
        if any(wanted[name] and row[name].lower() not in wanted[name] for name in wanted):
            continue
        if command.arg("MessageTraceId") not in (None, row["MessageTraceId"]):
            continue
        rows.append(dict(row))
    if len(rows) > size:
        last = rows[size - 1]
        command.warnings.append(
            "There are more results, use the following command to get more. Get-MessageTraceV2 "
            f'-StartingRecipientAddress "{last["RecipientAddress"]}" -EndDate "{last["Received"]}"'
        )
    return rows[:size]


def _date(command: Command, name: str, default: datetime) -> datetime:
    text = command.arg(name)
    if text is None:
        return default
    try:
        return parse_iso(text)
    except ValueError:
        raise invalid(f"Cannot convert value '{text}' to type System.DateTime.") from None


def _texts(command: Command, name: str) -> list[str]:
    value = command.arg(name)
    listed = [] if value is None else value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) for text in listed):
        raise invalid(f"Cannot bind parameter '{name}'.")
    return [str(text) for text in listed]
