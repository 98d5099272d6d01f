from __future__ import annotations

from datetime import datetime, timedelta

from integrations.lab.clock import parse_iso
from tests.integrations.lab.stand import Stand


async def test_travel_is_impossible(stand: Stand) -> None:
    rows = [row for row in stand.lab.tenant.sign_ins if row["userPrincipalName"] == stand.finance]
    places = [(parse_iso(row["createdDateTime"]), row["location"]["countryOrRegion"]) for row in rows]
    assert any(
        abs(one - other) < timedelta(hours=1) for one, here in places for other, there in places if here != there
    )


async def test_everything_of_the_attackers_is_younger_than_the_break_in(stand: Stand) -> None:
    began = datetime.fromisoformat(stand.lab.scenario_info()["began_at"])
    assert stand.clock() - began == timedelta(hours=26)
    for name, facts in stand.artefacts.items():
        if "at" in facts:
            assert began < datetime.fromisoformat(facts["at"]) < stand.clock(), name
    user = await stand.get(f"users/{stand.finance}?$select=lastPasswordChangeDateTime")
    assert parse_iso(user["lastPasswordChangeDateTime"]) < began


async def test_the_footholds_are_all_there(stand: Stand) -> None:
    assert set(stand.artefacts) == {
        "sign_ins",
        "second_sign_ins",
        "consent",
        "rule",
        "hidden_rule",
        "forwarding",
        "authenticator",
        "device",
        "mobile_device",
        "phishing",
        "second_rule",
        "delegate",
        "send_as",
    }
    assert len(stand.artefacts["phishing"]["messages"]) == 24
    assert stand.second in [one["to"] for one in stand.artefacts["phishing"]["messages"]]


async def test_each_act_left_its_trace(stand: Stand) -> None:
    ips = set(stand.lab.scenario_info()["attacker"]["ips"])
    operations = {row["operation"] for row in stand.lab.tenant.unified if row["clientIp"].partition(":")[0] in ips}
    assert {
        "New-InboxRule",
        "UpdateInboxRules",
        "Set-Mailbox",
        "Add-MailboxPermission",
        "Add-RecipientPermission",
        "Consent to application.",
        "Send",
    } == operations


async def test_nothing_of_the_attackers_counts_as_innocent(stand: Stand) -> None:
    innocent = set(stand.lab.scenario_info()["innocent"])
    found = stand.artefacts
    theirs = {
        f"users/{stand.finance}/inboxRules/{found['rule']['identity']}",
        f"users/{stand.finance}/inboxRules/{found['hidden_rule']['identity']}",
        f"users/{stand.second}/inboxRules/{found['second_rule']['identity']}",
        f"users/{stand.finance}/authentication/{found['authenticator']['method_id']}",
        f"users/{stand.finance}/mobileDevices/{found['mobile_device']['guid']}",
        f"users/{stand.finance}/mailbox/permissions/{stand.second}",
        f"users/{stand.finance}/mailbox",
        f"devices/{found['device']['device_id']}",
        f"oauth2PermissionGrants/{found['consent']['grant_id']}",
        f"servicePrincipals/{found['consent']['service_principal_id']}",
    }
    assert not innocent & theirs


async def test_the_lookalikes_are_there(stand: Stand) -> None:
    assert stand.assistant in {row["User"] for row in await stand.run("Get-MailboxPermission", Identity=stand.finance)}
    accounts = stand.lab.scenario_info()["accounts"]
    for upn in accounts["forwards_legitimately"]:
        row = (await stand.run("Get-Mailbox", Identity=upn))[0]
        assert row["ForwardingAddress"] or row["ForwardingSmtpAddress"]
    vpn = [row for row in stand.lab.tenant.sign_ins if row["userPrincipalName"] == accounts["travels_by_vpn"][0]]
    assert {row["location"]["countryOrRegion"] for row in vpn} == {"GB", "DE"}
    grants = await stand.every(f"users/{stand.finance}/oauth2PermissionGrants")
    assert len(grants) == 2
