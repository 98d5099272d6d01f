from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from integrations.lab.mailbox import Mailbox
from integrations.microsoft365.provider import Microsoft365Handle
from tenantry.capabilities import Forwarding
from tenantry.errors import InDoubt, PermissionMissing, Rejected, VendorFault
from tests.conformance.mail import MailConformance, MailWorld
from tests.integrations.microsoft365.conftest import Stand


@pytest.fixture
def world(stand: Stand, handle: Microsoft365Handle) -> MailWorld:
    story = stand.story
    artefacts = story["artefacts"]
    assistant = story["accounts"]["assistant"]
    second = story["accounts"]["second"]
    index = stand.lab.tenant.directory.resolve(stand.user)
    assert index is not None
    box = stand.lab.tenant.mailbox(index)
    return MailWorld(
        provider=handle.capability("mail"),
        mailbox=stand.user,
        missing="nobody@nowhere.example",
        rules=frozenset(rule.id for rule in box.rules if not rule.props["system"]),
        hidden_rule=artefacts["hidden_rule"]["identity"],
        forwards_to=artefacts["hidden_rule"]["forwards_to"],
        rule=artefacts["rule"]["identity"],
        forwarding=Forwarding(
            smtp_address=artefacts["forwarding"]["smtp_address"].removeprefix("smtp:"), keep_copy=True
        ),
        delegates=frozenset(
            {f"full_access:{assistant}", f"full_access:{second}", f"send_as:{second}", f"folder:{assistant}:Calendar"}
        ),
        phones=frozenset(phone.id for phone in box.phones),
        sent_subject=artefacts["phishing"]["subject"],
        since=stand.since,
        until=stand.until,
        coming=frozenset({"Quarter close", "Team stand-up", "Supplier day", "Safety briefing"}),
        writes=lambda: stand.lab.writes,
    )


class TestConformance(MailConformance):
    pass


def _cmdlets(stand: Stand) -> list[tuple[str, dict[str, Any]]]:
    bodies = [json.loads(request.content)["CmdletInput"] for request in stand.wire.sent("POST", "/InvokeCommand")]
    return [(body["CmdletName"], body["Parameters"]) for body in bodies]


async def test_a_services_name_does_not_hide_a_rule_that_sends_mail_away(
    stand: Stand, handle: Microsoft365Handle
) -> None:
    index = stand.lab.tenant.directory.resolve(stand.user)
    assert index is not None
    hidden = stand.lab.tenant.mailbox(index).rules.get(stand.story["artefacts"]["hidden_rule"]["identity"])
    assert hidden is not None
    hidden.props["name"] = "Junk E-Mail Rule"
    rules = await handle.capability("mail").rules(stand.user)
    assert [rule.hidden for rule in rules if rule.name == "Junk E-Mail Rule"] == [True]


async def test_a_delegate_rule_cannot_be_disabled(stand: Stand, handle: Microsoft365Handle) -> None:
    index = stand.lab.tenant.directory.resolve(stand.user)
    assert index is not None
    rule = stand.lab.tenant.mailbox(index).rules.get(stand.story["artefacts"]["rule"]["identity"])
    assert rule is not None
    rule.props["name"] = "Delegate Rule -1234"
    with pytest.raises(Rejected) as caught:
        await handle.capability("mail").set_rule_enabled(stand.user, rule.id, False)
    assert caught.value.detail["vendor_code"] == "InboxRuleOperationException"


async def test_lists_come_whole_although_pages_hold_one_row(stand: Stand, handle: Microsoft365Handle) -> None:
    whole = await handle.capability("mail").rules(stand.user)
    stand.faults(
        partial_page_rate=0.0, script=[{"match": {"cmdlet": "Get-InboxRule"}, "fault": "partial_page", "style": "rows"}]
    )
    stand.wire.requests.clear()
    assert await handle.capability("mail").rules(stand.user) == whole
    assert len(stand.wire.sent("POST", "/InvokeCommand")) > 2
    anchors = {request.headers["x-anchormailbox"] for request in stand.wire.sent("POST", "/InvokeCommand")}
    assert anchors == {f"UPN:{stand.user}"}


async def test_a_mailbox_may_be_named_by_id(stand: Stand, handle: Microsoft365Handle) -> None:
    account = await handle.capability("identity").account(stand.user)
    by_id = await handle.capability("mail").rules(account.id)
    assert [rule.id for rule in by_id] == [rule.id for rule in await handle.capability("mail").rules(stand.user)]


async def test_a_permission_without_the_exchange_role(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.lab.change_permissions(exchange_roles=["Global Reader"])
    with pytest.raises(PermissionMissing) as caught:
        await handle.capability("mail").rules(stand.user)
    assert "m365-exchange.ps1" in caught.value.remedy


async def test_a_write_without_an_answer_is_in_doubt_and_done_once(stand: Stand, handle: Microsoft365Handle) -> None:
    mail = handle.capability("mail")
    rule = stand.story["artefacts"]["rule"]["identity"]
    (delegate, *_) = await mail.delegates(stand.user)
    for call in (
        lambda: mail.set_rule_enabled(stand.user, rule, False),
        lambda: mail.set_forwarding(stand.user, Forwarding()),
        lambda: mail.remove_delegate(stand.user, delegate),
        lambda: mail.remove_rule(stand.user, rule),
    ):
        before = stand.lab.writes
        stand.faults(script=[{"fault": "timeout_after_effect", "hang_ms": 0}])
        with pytest.raises(InDoubt):
            await call()
        assert stand.lab.writes == before + 1


@pytest.mark.parametrize(
    ("exception", "attempts"),
    [
        ("ServerBusyException", 3),
        ("CmdletProxyNotAvailableFailure", 3),
        ("TransientException", 1),
        ("BackendCommunicationException", 1),
    ],
)
async def test_passing_errors_under_400(
    stand: Stand, handle: Microsoft365Handle, exception: str, attempts: int
) -> None:
    """Two say that nothing was done and are waited out; two leave it open and are not."""
    details = [{"code": "Client", "target": "", "message": f"Ex1|Microsoft.Exchange.{exception}|busy"}]
    refusal = httpx.Response(400, json={"error": {"code": "BadRequest", "message": "", "details": details}})
    answers = [refusal, refusal]
    stand.wire.instead = lambda request: answers.pop() if answers and "InvokeCommand" in request.url.path else None
    call = handle.capability("mail").set_forwarding(stand.user, Forwarding())
    if attempts > 1:
        await call
        assert len(stand.lab.audit) == 1
    else:
        with pytest.raises(InDoubt):
            await call
    assert len(stand.wire.sent("POST", "InvokeCommand")) == attempts


@pytest.mark.parametrize("exception", ["ServerBusyException", "TransientException"])
async def test_passing_errors_under_400_on_a_read(stand: Stand, handle: Microsoft365Handle, exception: str) -> None:
    details = [{"code": "Client", "target": "", "message": f"Ex1|Microsoft.Exchange.{exception}|busy"}]
    answers = [httpx.Response(400, json={"error": {"code": "BadRequest", "message": "", "details": details}})]
    stand.wire.instead = lambda request: answers.pop() if answers and "InvokeCommand" in request.url.path else None
    assert (await handle.capability("mail").forwarding(stand.user)).active


async def test_forwarding_that_the_vendor_does_not_tell_is_not_none(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.wire.instead = lambda request: (
        httpx.Response(200, json={"value": [{"Identity": "x"}]}) if "InvokeCommand" in request.url.path else None
    )
    with pytest.raises(VendorFault):
        await handle.capability("mail").forwarding(stand.user)


async def test_only_what_was_asked_is_set(stand: Stand, handle: Microsoft365Handle) -> None:
    await handle.capability("mail").set_forwarding(stand.user, Forwarding())
    assert _cmdlets(stand) == [
        (
            "Set-Mailbox",
            {
                "Identity": stand.user,
                "ForwardingAddress": None,
                "ForwardingSmtpAddress": None,
                "DeliverToMailboxAndForward": False,
            },
        )
    ]


async def test_folders_of_a_mailbox_in_another_language(stand: Stand, handle: Microsoft365Handle) -> None:
    right = {"User": {"DisplayName": "X", "UserPrincipalName": "X@client.example"}, "AccessRights": ["Editor"]}
    missing = [{"message": "Ex1|Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException|no"}]

    def answer(request: httpx.Request) -> httpx.Response | None:
        if "InvokeCommand" not in request.url.path:
            return None
        body = json.loads(request.content)["CmdletInput"]
        name, parameters = body["CmdletName"], body["Parameters"]
        if name == "Get-MailboxFolderStatistics":
            rows = {"Inbox": "/Posteingang", "Calendar": "/Kalender"}
            scope = parameters["FolderScope"]
            return httpx.Response(200, json={"value": [{"FolderType": scope, "FolderPath": rows[scope]}]})
        if name == "Get-MailboxFolderPermission":
            if parameters["Identity"] == f"{stand.user}:\\Kalender":
                return httpx.Response(200, json={"value": [right]})
            if parameters["Identity"] == f"{stand.user}:\\Posteingang":
                return httpx.Response(200, json={"value": []})
            return httpx.Response(404, json={"error": {"code": "NotFound", "details": missing}})
        return httpx.Response(200, json={"value": []})

    stand.wire.instead = answer
    (delegate,) = await handle.capability("mail").delegates(stand.user)
    assert (delegate.key, delegate.rights) == ("folder:x@client.example:Kalender", ("Editor",))


async def test_inherited_denied_and_own_rights_are_no_delegates(stand: Stand, handle: Microsoft365Handle) -> None:
    given = {"User": "X@client.example", "AccessRights": ["FullAccess"], "IsInherited": False, "Deny": False}
    rows = {
        "Get-MailboxPermission": [
            {**given, "User": "NT AUTHORITY\\SELF"},
            {**given, "User": "inherited@client.example", "IsInherited": True},
            {**given, "User": "denied@client.example", "Deny": True},
            given,
        ],
        "Get-RecipientPermission": [
            {"Trustee": "NT AUTHORITY\\SELF", "AccessRights": ["SendAs"], "AccessControlType": "Allow"},
            {"Trustee": "denied@client.example", "AccessRights": ["SendAs"], "AccessControlType": "Deny"},
            {"Trustee": "Y@client.example", "AccessRights": "SendAs", "AccessControlType": "Allow"},
        ],
        "Get-MailboxFolderPermission": [
            {"User": "Default", "AccessRights": ["AvailabilityOnly"]},
            {"User": "Anonymous", "AccessRights": ["None"]},
            {"User": "none@client.example", "AccessRights": ["None"]},
        ],
    }

    def answer(request: httpx.Request) -> httpx.Response | None:
        if "InvokeCommand" not in request.url.path:
            return None
        return httpx.Response(200, json={"value": rows[json.loads(request.content)["CmdletInput"]["CmdletName"]]})

    stand.wire.instead = answer
    found = await handle.capability("mail").delegates(stand.user)
    assert [(delegate.key, delegate.rights) for delegate in found] == [
        ("full_access:x@client.example", ("FullAccess",)),
        ("send_as:y@client.example", ("SendAs",)),
    ]


# --- sent, and what was swept from Sent Items ---------------------------------------------------------------------------


def _empty_sent_items(stand: Stand) -> None:
    index = stand.lab.tenant.directory.resolve(stand.user)
    assert index is not None
    box = stand.lab.tenant.mailbox(index)
    for message in list(box.messages):
        if message.props["folder"] == "sentitems":
            box.messages.remove(message.id, 0.0)


async def test_mail_swept_from_sent_items_is_still_known(stand: Stand, handle: Microsoft365Handle) -> None:
    mail = handle.capability("mail")
    since, until = stand.since, stand.until
    before = {message.internet_message_id: message async for message in mail.sent(stand.user, since, until)}
    assert not any("trace" in message.raw for message in before.values())
    _empty_sent_items(stand)
    after = {message.internet_message_id: message async for message in mail.sent(stand.user, since, until)}
    phished = {message["internet_message_id"] for message in stand.story["artefacts"]["phishing"]["messages"]}
    assert phished <= after.keys()
    assert all(after[key].recipients == before[key].recipients for key in phished)
    assert all("trace" in message.raw for message in after.values())


async def test_a_long_trace_is_read_to_its_end(
    stand: Stand, handle: Microsoft365Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = handle.capability("mail")
    until = stand.until
    since = until - timedelta(days=30)
    _empty_sent_items(stand)
    whole = [message.internet_message_id async for message in mail.sent(stand.user, since, until)]
    assert len([name for name, _ in _cmdlets(stand) if name == "Get-MessageTraceV2"]) == 3, "ten days at a time"
    monkeypatch.setattr("integrations.microsoft365.mail._TRACE_ROWS", 2)
    stand.wire.requests.clear()
    assert sorted([message.internet_message_id async for message in mail.sent(stand.user, since, until)]) == sorted(
        whole
    )
    assert len(_cmdlets(stand)) > len(whole) / 2


async def test_a_trace_reaches_back_ninety_days(stand: Stand, handle: Microsoft365Handle) -> None:
    long_ago = stand.since - timedelta(days=400)
    async for _ in handle.capability("mail").sent(stand.user, long_ago, stand.until):
        pass
    starts = [parameters["StartDate"] for name, parameters in _cmdlets(stand) if name == "Get-MessageTraceV2"]
    assert len(starts) == 9


async def test_who_organized_a_meeting_cancels_it_and_who_was_asked_declines_it_by_name(
    stand: Stand, handle: Microsoft365Handle
) -> None:
    mail = handle.capability("mail")
    for meeting in await mail.meetings(stand.user, stand.until):
        await mail.leave_meeting(stand.user, meeting, "They left.")
        action = "cancel" if meeting.organized else "decline"
        [sent] = stand.wire.sent("POST", f"/events/{meeting.id}/{action}")
        told = {name.lower(): value for name, value in json.loads(sent.content).items()}
        assert told == (
            {"comment": "They left."} if meeting.organized else {"comment": "They left.", "sendresponse": True}
        )


def calendar(stand: Stand) -> Mailbox:
    index = stand.lab.tenant.directory.resolve(stand.user)
    assert index is not None
    return stand.lab.tenant.calendar(index)


async def test_a_series_with_an_end_is_over_the_day_after(stand: Stand, handle: Microsoft365Handle) -> None:
    mail, box = handle.capability("mail"), calendar(stand)
    series = next(one for one in box.meetings if one.props["subject"] == "Team stand-up")
    for days, coming in ((-2, False), (0, True), (2, True)):
        last = (stand.until + timedelta(days=days)).date().isoformat()
        series.props["recurrence"]["range"] |= {"type": "endDate", "endDate": last}
        assert ("Team stand-up" in {one.subject for one in await mail.meetings(stand.user, stand.until)}) is coming


async def test_a_meeting_whose_time_is_not_told_is_an_error(stand: Stand, handle: Microsoft365Handle) -> None:
    box = calendar(stand)
    next(iter(box.meetings)).props["start"] = {"dateTime": "2026-11-23T09:00:00", "timeZone": "Romance Standard Time"}
    with pytest.raises(VendorFault):
        await handle.capability("mail").meetings(stand.user, stand.until)


async def test_how_large_a_mailbox_is_where_the_vendor_says_so(stand: Stand, handle: Microsoft365Handle) -> None:
    box = calendar(stand)
    box.size = 53_687_091_200
    assert (await handle.capability("mail").appearance(stand.user)).size == 53_687_091_200


async def test_exchange_refuses_to_hide_who_is_synced(stand: Stand, handle: Microsoft365Handle) -> None:
    directory = stand.lab.tenant.directory
    synced = next(i for i in range(directory.count) if directory.peek(i).props["onPremisesSyncEnabled"])
    mailbox = directory.upn_of(synced)
    assert (await handle.capability("mail").appearance(mailbox)).synced
    with pytest.raises(Rejected):
        await handle.capability("mail").set_hidden(mailbox, True)
