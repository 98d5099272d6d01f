"""A leaver, on the lab tenant, through the real engine and the real Microsoft 365 provider."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.lab.records import Record
from tenantry.capabilities import Delegate
from tenantry.errors import TargetNotFound
from tenantry.run import Status
from tests.support.departing_person import group_with_an_address, link_in_a_folder, telephone_number
from tests.support.lab_stand import LabStand

EVERYTHING = {
    "remove_licences": True,
    "remove_delegates": True,
    "remove_rights": True,
    "disable_devices": True,
    "leave_meetings": True,
    "make_shared": True,
    "retire_devices": True,
    "wipe_devices": True,
    "end_sharing": True,
    "clear_immutable_id": True,
    "unassign_numbers": True,
}
REPLY = "I left on Friday. Kim <kim@acme.example> answers you."
OFF = ("disable_sign_in", "reset_password", "remove_methods", "remove_consents", "disable_rules", "clear_forwarding")
OFF += ("remove_groups", "hide")
MAILBOX = ("meetings", "forwarded", "reply", "hidden", "shared")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabStand]:
    stand = LabStand(
        tmp_path, users=40, runbook="user_offboarding", params=lambda lab: {"account": leaver(lab), **EVERYTHING}
    )
    yield stand
    stand.close()


def leaver(lab: Any) -> str:
    """Somebody of the finance group, without a role."""
    return str(lab.scenario_info()["compromised"][0])


def outcomes(lab: LabStand) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for step in lab.stand.view()["steps"]:
        found.setdefault(step["id"], set()).add(step["outcome"])
    return found


def before_of(lab: LabStand, step: str) -> list[Any]:
    """What a step's changes say was there."""
    [found] = [one for one in lab.stand.view()["steps"] if one["id"] == step]
    return [change["before"] for change in found["changes"]]


async def held(lab: LabStand) -> dict[str, Any]:
    """What still lets somebody in, read anew."""
    account = leaver(lab.lab)
    access = await lab.access()
    try:
        identity, mail = await access.capability("identity"), await access.capability("mail")
        consents, devices = await identity.consents(account), await identity.devices(account)
        delegates = await mail.delegates(account)
        look, forwarding = await mail.appearance(account), await mail.forwarding(account)
        reply = await mail.automatic_reply(account)
        meetings = await mail.meetings(account, lab.stand.journal.clock.now())
        anchor = await identity.directory_anchor(account)
        elsewhere = [one async for one in identity.accounts() if one.upn.lower() != account.lower()]
        rights = [one.key for other in elsewhere for one in await rights_on(mail, other.id, account)]
    finally:
        await access.aclose()
    return {
        "consents": [one for one in consents if one.account_id is not None],
        "devices": [one.enabled for one in devices],
        "mailbox": (look.kind, look.hidden, forwarding.smtp_address, reply.state),
        "reply": reply.inside,
        "meetings": [one.subject for one in meetings],
        "rights": rights,
        "anchor": anchor,
        "trustees": {one.trustee for one in delegates if one.kind == "full_access"},
    }


async def given_rights(lab: LabStand, mailbox: str) -> None:
    """The leaver may open somebody's mailbox, send in their name, and see their calendar."""
    access = await lab.access()
    try:
        mail = await access.capability("mail")
        for kind, rights, folder in (
            ("full_access", ("FullAccess",), None),
            ("send_as", ("SendAs",), None),
            ("folder", ("Editor",), "Calendar"),
        ):
            trustee = leaver(lab.lab).lower()
            await mail.add_delegate(mailbox, Delegate(kind=kind, trustee=trustee, rights=rights, folder=folder, raw={}))
        assert len(await rights_on(mail, mailbox, trustee)) == 3
    finally:
        await access.aclose()


def own_phone(lab: LabStand) -> None:
    """A phone of the leaver's own is managed besides their computer."""
    tenant = lab.lab.tenant
    index = tenant.directory.resolve(leaver(lab.lab))
    tenant.person(index)
    owner = tenant.directory.peek(index).id
    computer = next(row for row in tenant.managed.listed(0.0) if row.props["userId"] == owner)
    id = "0f0f0f0f-0000-4000-8000-00000000abcd"
    changes = {"id": id, "deviceName": "phone", "operatingSystem": "iOS", "managedDeviceOwnerType": "personal"}
    tenant.managed.add(Record(id, {**computer.props, **changes}))


async def rights_on(mail: Any, mailbox: str, account: str) -> list[Any]:
    try:
        return [one for one in await mail.delegates(mailbox) if one.trustee == account.lower()]
    except TargetNotFound:
        return []


async def test_a_leaver_is_out_and_what_was_taken_is_listed(lab: LabStand) -> None:
    directory = lab.lab.tenant.directory
    manager = next(name for name in map(directory.upn_of, range(40)) if name != leaver(lab.lab))
    await given_rights(lab, manager)
    own_phone(lab)
    index = directory.resolve(leaver(lab.lab))
    assert index is not None
    link_in_a_folder(lab.lab.tenant, index)
    number = telephone_number(lab.lab.tenant, index)
    directory.alter(index, onPremisesImmutableId="pQ2nW7sKk0mF1ZxJ8uYb3A==")
    lab.create(params={"manager": manager, "files_to": manager, "forward_to": manager, "automatic_reply": REPLY})
    state = await lab.to_the_end()
    assert state.ended is Status.COMPLETED, [s for s in lab.stand.view()["steps"] if s["error"]]
    found = outcomes(lab)
    for step in (
        "block",
        "password",
        "methods",
        "consents",
        "devices",
        "rights",
        "handed",
        "unshared",
        "files",
        "anchor",
        "numbers",
        "groups",
        "licences",
        *MAILBOX,
    ):
        assert found[step] == {"changed"}, step
    after = await held(lab)
    assert after["consents"] == []
    assert after["rights"] == []
    given = {
        row.props["name"]: [one["grantedToV2"]["user"]["id"] for one in row.props["permissions"][1:]]
        for row in lab.lab.tenant.person(index).drive
    }
    theirs = [directory.id_of(directory.resolve(manager))]
    assert given == {"Documents": theirs, "plan.xlsx": theirs, "offer.docx": []}, "what the run gave, and no link"
    assert [one["file"] for one in before_of(lab, "unshared")] == ["Documents/offer.docx"]
    assert after["anchor"] is None
    assert number.props["assignmentTargetId"] is None
    assert not any(after["devices"])
    assert manager.lower() in after["trustees"]
    assert found["sessions"] <= {"changed", "already"}, "a reset ends sessions as well"
    orders = [entry["method"] for entry in lab.lab.audit if "managedDevices" in entry["target"]]
    assert orders == ["POST wipe", "POST retire"], "what is the person's own is never wiped"
    left = state.item("not_obeyed", None).output["not_obeyed"]
    assert [line.partition(", ")[0].rpartition(": ")[2] for line in left] == ["wiping", "retiring"]
    removed = state.item("removed", None).output
    assert removed["enabled"] is False
    assert [one["name"] for one in removed["removed_licences"]] == ["O365_BUSINESS_PREMIUM"]
    assert removed["removed_groups"] == [
        one for one in state.item("entitlements", None).output["groups"] if one["fixed"] is None
    ]
    assert removed["left"] == []
    methods = [entry["method"] for entry in lab.lab.audit]
    assert "assignLicense" in methods[-1], "licences go last"
    made_shared = [place for place, entry in enumerate(lab.lab.audit) if "RecipientTypeDetails" in str(entry["after"])]
    told = [place for place, entry in enumerate(lab.lab.audit) if "/events/" in entry["target"]]
    assert made_shared, "the mailbox was made a shared one"
    assert max(told) < made_shared[0], "after everything else in the mailbox"
    assert after["mailbox"] == ("shared", True, manager.lower(), "on")
    assert "Kim &lt;kim@acme.example&gt; answers you." in after["reply"]
    assert after["meetings"] == []
    left = {entry["method"] for entry in lab.lab.audit if "/events/" in entry["target"]}
    assert left == {"POST cancel", "POST decline"}


async def test_rights_through_a_group_end_with_the_membership(lab: LabStand) -> None:
    """Of a group with an address, which Exchange keeps: it may open a mailbox, and so may whoever is in it."""
    tenant = lab.lab.tenant
    directory = tenant.directory
    index = directory.resolve(leaver(lab.lab))
    assert index is not None
    other = next(one for one in range(20, 40) if one != index)
    group = group_with_an_address(tenant, index, other)
    right = {"User": "reception@acme.example", "AccessRights": ["FullAccess"], "IsInherited": False, "Deny": False}
    tenant.mailbox(other).full_access.add(Record("reception@acme.example", right))

    async def may_open() -> bool:
        access = await lab.access()
        try:
            mail, entitlements = await access.capability("mail"), await access.capability("entitlements")
            trustees = {one.trustee for one in await mail.delegates(directory.upn_of(other))}
            return any(
                str(one.raw.get("mail")).lower() in trustees for one in await entitlements.memberships(leaver(lab.lab))
            )
        finally:
            await access.aclose()

    assert await may_open()
    lab.create(params={**dict.fromkeys((*OFF, *EVERYTHING), False), "remove_groups": True})
    state = await lab.to_the_end()
    assert state.ended is Status.COMPLETED
    assert not await may_open()
    assert group.props["members"] == {directory.id_of(other)}
    assert "Reception" in [one["name"] for one in state.item("removed", None).output["removed_groups"]]
    assert tenant.mailbox(other).full_access.get("reception@acme.example") is not None, "the group's own right stays"
    access = await lab.access()
    try:
        await lab.stand.engine(access).undo("run-1", step="groups", by={"person": "ann"})
    finally:
        await access.aclose()
    assert await may_open()


async def test_what_was_set_on_the_mailbox_is_as_before_after_the_undo(lab: LabStand) -> None:
    directory = lab.lab.tenant.directory
    manager = next(name for name in map(directory.upn_of, range(40)) if name != leaver(lab.lab))
    before = await held(lab)
    given = {"manager": manager, "forward_to": manager, "automatic_reply": REPLY, "hide": True}
    lab.create(params={**dict.fromkeys((*OFF, *EVERYTHING), False), **given, "make_shared": True})
    assert (await lab.to_the_end()).ended is Status.COMPLETED
    assert (await held(lab))["mailbox"] != before["mailbox"]
    access = await lab.access()
    try:
        await lab.stand.engine(access).undo("run-1", step=None, by={"person": "ann"})
    finally:
        await access.aclose()
    assert (await held(lab))["mailbox"] == before["mailbox"]


async def test_without_the_clients_word_nothing_is_changed(lab: LabStand) -> None:
    lab.create()
    access = await lab.access()
    try:
        engine = lab.stand.engine(access)
        await engine.run("run-1")
        assert lab.lab.audit == []
        lab.stand.answer("run-1", "ann", decision="deny", reason="nobody asked for it")
        state = await lab.stand.engine(access).run("run-1")
    finally:
        await access.aclose()
    assert lab.lab.audit == []
    assert state.ended is not None


async def test_each_step_is_an_option(lab: LabStand) -> None:
    lab.create(params=dict.fromkeys((*OFF, *EVERYTHING), False))
    await lab.to_the_end()
    assert [entry["method"] for entry in lab.lab.audit] == ["POST revokeSignInSessions"]


async def test_a_plan_changes_nothing_and_says_what_would_be(lab: LabStand) -> None:
    lab.create(mode="plan")
    await lab.to_the_end()
    assert lab.lab.audit == []
    assert outcomes(lab)["licences"] == {"would_change"}


async def test_on_a_day_it_goes_on_by_itself_and_not_before(lab: LabStand) -> None:
    stand = lab.stand
    lab.create(params={"on": stand.journal.clock.now() + timedelta(days=3)})
    access = await lab.access()
    try:
        await stand.engine(access).run("run-1")
        stand.answer("run-1", "ann")
        await stand.engine(access).run("run-1")
        assert [gate.step for gate in stand.state("run-1").open_gates()] == ["day"]
        assert lab.lab.audit == []
        stand.answer("run-1", "ann", decision="deny", reason="she stays")
        state = await stand.engine(access).run("run-1")
    finally:
        await access.aclose()
    assert lab.lab.audit == []
    assert state.ended is None
    assert "called it off" in str(state.item("day", None).error)


async def test_a_day_that_is_over_holds_nothing_up(lab: LabStand) -> None:
    lab.create(params={"on": lab.stand.journal.clock.now() - timedelta(days=3)})
    state = await lab.to_the_end()
    assert outcomes(lab)["block"] == {"changed"}
    names = [one["name"] for one in state.item("removed", None).output["evidence"]]
    assert any(name.endswith(".md") for name in names), "the list by which it is put back"


async def test_the_account_is_deleted_when_its_day_came_and_restored_by_the_undo(lab: LabStand) -> None:
    stand = lab.stand
    later = stand.journal.clock.now() + timedelta(days=90)
    lab.create(params={**dict.fromkeys((*OFF, *EVERYTHING), False), "delete_on": later})
    access = await lab.access()
    try:
        await stand.engine(access).run("run-1")
        stand.answer("run-1", "ann")
        await stand.engine(access).run("run-1")
        assert {gate.step for gate in stand.state("run-1").open_gates()} == {"retention", "by_hand"}
        assert "DELETE" not in [entry["method"] for entry in lab.lab.audit]
        state = await lab.to_the_end()  # now, and not on the day
        assert state.ended is Status.COMPLETED
        identity = await access.capability("identity")
        with pytest.raises(TargetNotFound):
            await identity.account(leaver(lab.lab))
        await stand.engine(access).undo("run-1", step="deleted", by={"person": "ann"})
        assert (await identity.account(leaver(lab.lab))).upn == leaver(lab.lab)
    finally:
        await access.aclose()
