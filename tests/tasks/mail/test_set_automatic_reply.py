from __future__ import annotations

from tasks.mail.set_automatic_reply import SetAutomaticReply
from tenantry.capabilities import AutomaticReply
from tests.support.effects import Case, ContestedEffectContract, drive
from tests.support.fakes import FakeTenant

TEXT = "I left Acme & Co. Write to <kim@acme.example>."


def prepare(tenant: FakeTenant) -> dict[str, str]:
    return {"account": tenant.add_account("alice").upn, "text": "I left. Kim answers you."}


def another(tenant: FakeTenant) -> None:
    tenant.mail.reply_of["id-alice"] = AutomaticReply(state="on", inside="Back on Monday.", audience="none")


class TestSetAutomaticReply(ContestedEffectContract):
    case = Case(
        task=SetAutomaticReply,
        prepare=prepare,
        writes=[("set_automatic_reply", "id-alice", "on")],
        undo_writes=[("set_automatic_reply", "id-alice", "off")],
        seen=lambda tenant: tenant.mail.reply_of.get("id-alice", AutomaticReply()),
        upsets=another,
    )


async def test_nobody_outside_is_answered_unless_it_is_asked_for():
    tenant = FakeTenant()
    [change] = (await drive(tenant, SetAutomaticReply(), {**prepare(tenant), "outside": False})).changes
    assert (change.after["outside"], change.after["audience"]) == ("", "none")


async def test_a_reply_that_says_the_same_in_html_is_the_same():
    tenant = FakeTenant()
    params = prepare(tenant)
    tagged = "<html>\n<body><div>I left. Kim answers&nbsp;you.</div></body></html>".replace("&nbsp;", " ")
    tenant.mail.reply_of["id-alice"] = AutomaticReply(state="on", inside=tagged, outside=tagged, audience="all")
    assert (await drive(tenant, SetAutomaticReply(), params)).changes == []


async def test_signs_that_html_uses_are_text():
    tenant = FakeTenant()
    params = {**prepare(tenant), "text": TEXT}
    [change] = (await drive(tenant, SetAutomaticReply(), params)).changes
    assert change.after["inside"] == "I left Acme &amp; Co. Write to &lt;kim@acme.example&gt;."
    assert (await drive(tenant, SetAutomaticReply(), params)).changes == []
