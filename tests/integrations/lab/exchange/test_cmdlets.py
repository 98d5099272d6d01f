from __future__ import annotations

from typing import Any

import pytest

from integrations.lab.mailbox import SYSTEM_RULES
from tests.integrations.lab.stand import Stand


def details(answer: Any) -> str:
    """The exception's class name of an Exchange error."""
    text: str = answer.json()["error"]["details"][0]["message"]
    return text.split("|")[1].rpartition(".")[2]


# --- inbox rules ------------------------------------------------------------------------------------------------------


async def test_hidden_rules_only_when_asked_for(stand: Stand) -> None:
    rows = await stand.run("Get-InboxRule", Mailbox=stand.finance)
    assert [row["Name"] for row in rows] == ["Supplier newsletters", "."]
    rows = await stand.run("Get-InboxRule", Mailbox=stand.finance, IncludeHidden=True)
    assert {row["Name"] for row in rows} == {*SYSTEM_RULES, "Supplier newsletters", ".", "sync"}
    hidden = next(row for row in rows if row["Name"] == "sync")
    assert stand.lab.tenant.story.attacker["addresses"][0] in hidden["ForwardTo"][0]
    assert hidden["Identity"] == f"{stand.finance.partition('@')[0]}\\{hidden['RuleIdentity']}"


async def test_an_unknown_identity_lists_everything(stand: Stand) -> None:
    for identity in ("12345", None):
        rows = await stand.run("Get-InboxRule", Mailbox=stand.finance, Identity=identity)
        assert len(rows) == 2
    wanted = stand.artefacts["rule"]["identity"]
    rows = await stand.run("Get-InboxRule", Mailbox=stand.finance, Identity=wanted)
    assert [str(row["RuleIdentity"]) for row in rows] == [wanted]


async def test_a_rule_is_switched_by_any_form_of_its_identity(stand: Stand) -> None:
    number = stand.artefacts["hidden_rule"]["identity"]
    alias = stand.finance.partition("@")[0]
    for identity, more in (
        (number, {"Mailbox": stand.finance}),
        (f"{alias}\\{number}", {}),
        ("sync", {"Mailbox": stand.finance}),
    ):
        await stand.run("Disable-InboxRule", Identity=identity, **more)
        rows = await stand.run("Get-InboxRule", Mailbox=stand.finance, IncludeHidden=True)
        assert next(row["Enabled"] for row in rows if row["Name"] == "sync") is False
        await stand.run("Enable-InboxRule", Identity=identity, Confirm=False, Force=True, **more)
    assert {entry["target"] for entry in stand.lab.audit} == {f"users/{stand.finance}/inboxRules/{number}"}
    assert len(stand.lab.audit) == 6


async def test_both_services_show_the_same_rule(stand: Stand) -> None:
    await stand.run("Disable-InboxRule", Identity=stand.artefacts["rule"]["identity"], Mailbox=stand.finance)
    path = f"users/{stand.finance}/mailFolders/inbox/messageRules/{stand.artefacts['rule']['graph_id']}"
    assert (await stand.get(path))["isEnabled"] is False


async def test_a_rule_that_is_gone(stand: Stand) -> None:
    number = stand.artefacts["rule"]["identity"]
    await stand.run("Remove-InboxRule", Identity=number, Mailbox=stand.finance)
    for name in ("Remove-InboxRule", "Disable-InboxRule", "Enable-InboxRule"):
        answer = await stand.cmdlet(name, Identity=number, Mailbox=stand.finance)
        assert (answer.status_code, details(answer)) == (404, "ManagementObjectNotFoundException")
    assert len(stand.lab.audit) == 1


@pytest.mark.parametrize("name", ["Disable-InboxRule", "Remove-InboxRule"])
async def test_system_rules_are_not_touched(stand: Stand, name: str) -> None:
    answer = await stand.cmdlet(name, Identity="Junk E-Mail Rule", Mailbox=stand.finance)
    assert (answer.status_code, details(answer)) == (400, "InboxRuleOperationException")


async def test_delegate_rules_cannot_be_disabled(stand: Stand) -> None:
    chief = stand.lab.tenant.directory.upn_of(12)
    answer = await stand.cmdlet("Disable-InboxRule", Identity="Delegate Rule -2147483644", Mailbox=chief)
    assert answer.status_code == 400
    assert stand.lab.audit == []


async def test_an_ambiguous_name_is_refused(stand: Stand) -> None:
    for _ in range(2):
        await stand.run("New-InboxRule", Mailbox=stand.finance, Name="twice", DeleteMessage=True)
    answer = await stand.cmdlet("Disable-InboxRule", Identity="twice", Mailbox=stand.finance)
    assert (answer.status_code, details(answer)) == (400, "ManagementObjectAmbiguousException")


async def test_a_new_rule(stand: Stand) -> None:
    rows = await stand.run(
        "New-InboxRule", Mailbox=stand.finance, Name="n", SubjectOrBodyContainsWords=["x"], MoveToFolder="Archive"
    )
    listed = await stand.run("Get-InboxRule", Mailbox=stand.finance)
    assert rows[0]["RuleIdentity"] in [row["RuleIdentity"] for row in listed]
    answer = await stand.cmdlet("New-InboxRule", Mailbox=stand.finance, Name="n", MoveToFolder="Nowhere")
    assert answer.status_code == 400


# --- mailboxes --------------------------------------------------------------------------------------------------------


async def test_forwarding_is_cleared_only_by_null(stand: Stand) -> None:
    row = (await stand.run("Get-Mailbox", Identity=stand.finance))[0]
    assert row["ForwardingSmtpAddress"].startswith("smtp:")
    await stand.run("Set-Mailbox", Identity=stand.finance, DeliverToMailboxAndForward=False)
    row = (await stand.run("Get-Mailbox", Identity=stand.finance))[0]
    assert (row["ForwardingSmtpAddress"] is None, row["DeliverToMailboxAndForward"]) == (False, False)
    await stand.run("Set-Mailbox", Identity=stand.finance, ForwardingSmtpAddress=None, ForwardingAddress=None)
    row = (await stand.run("Get-Mailbox", Identity=stand.finance))[0]
    assert row["ForwardingSmtpAddress"] is None
    await stand.run("Set-Mailbox", Identity=stand.finance, ForwardingSmtpAddress="x@y.example")
    assert stand.lab.audit[-1]["after"] == {"ForwardingSmtpAddress": "smtp:x@y.example"}


async def test_a_change_that_changes_nothing_is_a_warning_and_a_write(stand: Stand) -> None:
    answer = await stand.cmdlet("Set-Mailbox", Identity=stand.assistant, ForwardingSmtpAddress=None)
    assert "no settings" in answer.json()["@adminapi.warnings"][0]
    assert len(stand.lab.audit) == 1


@pytest.mark.parametrize(
    "parameters",
    [
        {"ForwardingSmtpAddress": "nobody"},
        {"DeliverToMailboxAndForward": "yes"},
        {"DeliverToMailboxAndForward": None},
        {"Type": "Communal"},
        {"ForwardingSmtpAdress": None},
    ],
)
async def test_settings_that_are_refused(stand: Stand, parameters: dict[str, Any]) -> None:
    answer = await stand.cmdlet("Set-Mailbox", Identity=stand.finance, **parameters)
    assert answer.status_code == 400
    assert stand.lab.audit == []


async def test_mailboxes_by_address_id_and_alias(stand: Stand) -> None:
    user = stand.lab.tenant.directory.peek(3)
    for identity in (stand.finance, user.id, user.props["mailNickname"]):
        row = (await stand.run("Get-Mailbox", Identity=identity))[0]
        assert row["ExternalDirectoryObjectId"] == user.id
    answer = await stand.cmdlet("Get-Mailbox", Identity="nobody@contoso-lab.example")
    assert (answer.status_code, details(answer)) == (404, "ManagementObjectNotFoundException")
    answer = await stand.cmdlet("Set-Mailbox", Identity=stand.finance, ForwardingAddress="nobody@contoso-lab.example")
    assert answer.status_code == 404


async def test_a_mailbox_becomes_shared(stand: Stand) -> None:
    await stand.run("Set-Mailbox", Identity=stand.finance, Type="Shared")
    rows = await stand.run("Get-Mailbox", RecipientTypeDetails="SharedMailbox", ResultSize="Unlimited")
    assert [row["UserPrincipalName"] for row in rows] == [stand.finance]


# --- rights -----------------------------------------------------------------------------------------------------------

KINDS = [
    ("MailboxPermission", "User", "FullAccess", "delegate"),
    ("RecipientPermission", "Trustee", "SendAs", "send_as"),
]


@pytest.mark.parametrize(("noun", "key", "right", "artefact"), KINDS)
async def test_rights_are_listed_taken_and_given(stand: Stand, noun: str, key: str, right: str, artefact: str) -> None:
    trustee = stand.artefacts[artefact]["trustee"]
    rows = await stand.run(f"Get-{noun}", Identity=stand.finance)
    assert {"NT AUTHORITY\\SELF", trustee} <= {row[key] for row in rows}
    arguments = {"Identity": stand.finance, key: trustee, "AccessRights": [right], "Confirm": False}
    await stand.run(f"Remove-{noun}", **arguments)
    assert trustee not in {row[key] for row in await stand.run(f"Get-{noun}", Identity=stand.finance)}
    again = await stand.cmdlet(f"Remove-{noun}", **arguments)
    assert (again.status_code, len(again.json()["@adminapi.warnings"])) == (200, 1)
    await stand.run(f"Add-{noun}", **arguments)
    again = await stand.cmdlet(f"Add-{noun}", **arguments)
    assert len(again.json()["@adminapi.warnings"]) == 1
    assert trustee in {row[key] for row in await stand.run(f"Get-{noun}", Identity=stand.finance)}
    assert len(stand.lab.audit) == 4
    assert [entry["before"] for entry in stand.lab.audit] == [[right], [], [], [right]]


async def test_only_known_rights_and_trustees(stand: Stand) -> None:
    base = {"Identity": stand.finance, "User": stand.second, "AccessRights": ["FullAccess"]}
    for change, status in (
        ({"AccessRights": ["Everything"]}, 400),
        ({"AccessRights": []}, 400),
        ({"AccessRights": "FullAccess"}, 400),
        ({"User": "nobody@contoso-lab.example"}, 404),
    ):
        assert (await stand.cmdlet("Add-MailboxPermission", **{**base, **change})).status_code == status
    assert stand.lab.audit == []


async def test_folder_rights(stand: Stand) -> None:
    calendar = f"{stand.finance}:\\Calendar"
    rows = await stand.run("Get-MailboxFolderPermission", Identity=calendar)
    assert [(row["User"], row["AccessRights"]) for row in rows] == [
        ("Default", ["AvailabilityOnly"]),
        ("Anonymous", ["None"]),
        (stand.assistant, ["Editor"]),
    ]
    arguments = {"Identity": calendar, "User": stand.assistant}
    await stand.run("Remove-MailboxFolderPermission", **arguments, Confirm=False)
    again = await stand.cmdlet("Remove-MailboxFolderPermission", **arguments)
    assert (again.status_code, details(again)) == (404, "UserNotFoundInPermissionEntryException")
    await stand.run("Add-MailboxFolderPermission", **arguments, AccessRights=["Editor"])
    again = await stand.cmdlet("Add-MailboxFolderPermission", **arguments, AccessRights=["Editor"])
    assert (again.status_code, details(again)) == (400, "UserAlreadyExistsInPermissionEntryException")
    for identity in (stand.finance, f"{stand.finance}:\\Nowhere"):
        assert (await stand.cmdlet("Get-MailboxFolderPermission", Identity=identity)).status_code == 404


# --- the rest ---------------------------------------------------------------------------------------------------------


async def test_transport_rules(stand: Stand) -> None:
    rows = await stand.run("Get-TransportRule")
    assert [(row["Name"], row["State"]) for row in rows] == [("External sender banner", "Enabled")]
    await stand.run("Disable-TransportRule", Identity=rows[0]["Guid"], Confirm=False)
    assert (await stand.run("Get-TransportRule", Identity="External sender banner"))[0]["State"] == "Disabled"
    await stand.run("Enable-TransportRule", Identity="External sender banner")
    assert (await stand.cmdlet("Disable-TransportRule", Identity="x")).status_code == 404
    assert len(stand.lab.innocent_touched()) == 2


async def test_mobile_devices(stand: Stand) -> None:
    rows = await stand.run("Get-MobileDevice", Mailbox=stand.finance)
    theirs = next(row for row in rows if row["Guid"] == stand.artefacts["mobile_device"]["guid"])
    assert theirs["FirstSyncTime"] > stand.lab.scenario_info()["began_at"]
    assert (await stand.run("Get-MobileDevice", Identity=theirs["Identity"]))[0]["Guid"] == theirs["Guid"]
    assert (await stand.cmdlet("Get-MobileDevice", Mailbox=stand.finance, Identity=theirs["Guid"])).status_code == 400
    assert (await stand.cmdlet("Get-MobileDevice")).status_code == 400
    await stand.run("Remove-MobileDevice", Identity=theirs["Guid"], Confirm=False)
    again = await stand.cmdlet("Remove-MobileDevice", Identity=theirs["Identity"])
    assert again.status_code == 404
    assert len(await stand.run("Get-MobileDevice", Mailbox=stand.finance)) == len(rows) - 1


async def test_traces_continue_from_the_last_row(stand: Stand) -> None:
    sent = stand.artefacts["phishing"]
    span = {"StartDate": "2026-11-18T00:00:00Z", "EndDate": "2026-11-21T09:00:00Z", "SenderAddress": stand.finance}
    whole = await stand.run("Get-MessageTraceV2", **span)
    assert {row["RecipientAddress"] for row in whole} == {one["to"] for one in sent["messages"]}
    gathered: list[dict[str, Any]] = []
    more: dict[str, Any] = {}
    while True:
        answer = (await stand.cmdlet("Get-MessageTraceV2", **{**span, **more}, ResultSize=7)).json()
        gathered += answer["value"]
        if not answer["@adminapi.warnings"]:
            break
        last = answer["value"][-1]
        more = {"EndDate": last["Received"], "StartingRecipientAddress": last["RecipientAddress"]}
    assert gathered == whole
    one = await stand.run(
        "Get-MessageTraceV2", **span, RecipientAddress=[whole[0]["RecipientAddress"]], Status="Delivered"
    )
    assert one == [whole[0]]


@pytest.mark.parametrize(
    "parameters",
    [
        {"StartDate": "2026-11-01T00:00:00Z", "EndDate": "2026-11-20T00:00:00Z"},
        {"StartDate": "2026-01-01T00:00:00Z", "EndDate": "2026-01-02T00:00:00Z"},
        {"StartDate": "2026-11-20T00:00:00Z", "EndDate": "2026-11-19T00:00:00Z"},
        {"StartDate": "yesterday"},
        {"ResultSize": 5001},
        {"ResultSize": 0},
        {"ResultSize": "Unlimited"},
        {"Status": "Lost"},
        {"Page": 2},
    ],
)
async def test_traces_that_are_refused(stand: Stand, parameters: dict[str, Any]) -> None:
    assert (await stand.cmdlet("Get-MessageTraceV2", **parameters)).status_code == 400


async def test_settings_of_the_organization(stand: Stand) -> None:
    assert (await stand.run("Get-AdminAuditLogConfig"))[0]["UnifiedAuditLogIngestionEnabled"] is True
    assert (await stand.run("Get-OrganizationConfig"))[0]["AuditDisabled"] is False
    assert (await stand.run("Get-AcceptedDomain"))[0]["DomainName"] == stand.lab.domain
    assert stand.lab.audit == []
