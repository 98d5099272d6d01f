from __future__ import annotations

from datetime import timedelta

import pytest

from tasks.identity.collect_access import CollectAccess
from tasks.incident.verify_contained import VerifyContained
from tasks.mail.collect_mailbox import CollectMailbox
from tenantry.capabilities import Forwarding
from tenantry.errors import NotVerified, VendorFault
from tests.support.fakes import NOW, FakeTenant, sign_in
from tests.support.incident import delegate, method, read, rule, story

from .test_attribute_artifacts import attributed

ENDED = NOW + timedelta(minutes=5)
STATED = {"answer": "done", "by": "ann", "at": NOW.isoformat(), "reason": "reset twice on dc01"}


class Contained:
    """The story after everything was done right, with what was known before."""

    def __init__(self, tenant: FakeTenant, params: dict) -> None:
        self.tenant = tenant
        self.params = params

    @classmethod
    async def make(cls) -> Contained:
        tenant = story()
        accounts = ["id-alice"]
        params = {
            "accounts": accounts,
            "mailboxes": await read(tenant, CollectMailbox, accounts=accounts),
            "access": await read(tenant, CollectAccess, accounts=accounts),
            "artifacts": await attributed(tenant),
            "patience": 0,
        }
        tenant.clock.tick(600)
        changes = {"enabled": False, "sessions_valid_from": ENDED, "last_password_change": ENDED}
        tenant.identity.people["id-alice"] = tenant.identity.people["id-alice"].model_copy(update=changes)
        tenant.identity.method_list["id-alice"].pop()
        tenant.identity.consent_list["id-alice"].pop()
        pc = tenant.identity.device_list["id-alice"]
        pc[1] = pc[1].model_copy(update={"enabled": False})
        tenant.mail.rule_list["id-alice"] = tenant.mail.rule_list["id-alice"][:2]
        tenant.mail.forwarding_of = {}
        tenant.mail.delegate_list["id-alice"] = tenant.mail.delegate_list["id-alice"][:1]
        return cls(tenant, params)

    def alice(self, **changes) -> None:
        people = self.tenant.identity.people
        people["id-alice"] = people["id-alice"].model_copy(update=changes)

    async def check(self, **more):
        return await read(self.tenant, VerifyContained, **{**self.params, **more})


async def test_everything_done_is_proven_point_by_point():
    found = await (await Contained.make()).check()
    assert found.contained
    assert found.contained_at == ENDED
    assert {(p.point, p.state) for p in found.proofs} == {
        (point, "seen")
        for point in (
            *("sign_in_blocked", "sessions_revoked", "password_changed", "nothing_left", "nothing_new", "no_sign_in"),
        )
    }
    assert any("access tokens" in caveat for caveat in found.caveats)
    assert any("wait for a person: 1" in caveat for caveat in found.caveats)


def _undo_rule(c: Contained) -> None:
    c.tenant.mail.rule_list["id-alice"].append(rule("3", ".", move_to_folder="RSS Feeds"))


def _undo_forwarding(c: Contained) -> None:
    c.tenant.mail.forwarding_of["id-alice"] = Forwarding(smtp_address="drop@evil.example")


def _undo_device(c: Contained) -> None:
    devices = c.tenant.identity.device_list["id-alice"]
    devices[1] = devices[1].model_copy(update={"enabled": True})


def _signed_in(c: Contained) -> None:
    alice = c.tenant.identity.people["id-alice"]
    c.tenant.identity.sign_in_list.append(sign_in(alice, ENDED + timedelta(minutes=1)))


@pytest.mark.parametrize(
    ("spoil", "point"),
    [
        (lambda c: c.alice(enabled=True), "sign in blocked"),
        (lambda c: c.alice(sessions_valid_from=NOW - timedelta(seconds=1)), "sessions revoked"),
        (lambda c: c.alice(last_password_change=NOW - timedelta(days=1)), "password changed"),
        (lambda c: c.alice(last_password_change=None), "password changed"),
        (_undo_rule, "nothing left"),
        (_undo_forwarding, "nothing left"),
        (_undo_device, "nothing left"),
        (lambda c: c.tenant.mail.delegate_list["id-alice"].append(delegate("bob@acme.example")), "nothing left"),
        (lambda c: c.tenant.identity.method_list["id-alice"].append(method("new", "fido2Methods", NOW)), "nothing new"),
        (lambda c: c.tenant.mail.rule_list["id-alice"].append(rule("99", "new")), "nothing new"),
        (lambda c: c.tenant.mail.delegate_list["id-alice"].append(delegate("new@acme.example")), "nothing new"),
        (_signed_in, "no sign in"),
    ],
)
async def test_one_point_that_does_not_hold_is_not_contained(spoil, point):
    contained = await Contained.make()
    spoil(contained)
    with pytest.raises(NotVerified, match=point):
        await contained.check()


async def test_a_rule_that_was_switched_off_is_nothing_left():
    contained = await Contained.make()
    contained.tenant.mail.rule_list["id-alice"].append(rule("4", "sync", hidden=True, enabled=False))
    assert (await contained.check()).contained


async def test_what_cannot_be_read_is_never_contained():
    contained = await Contained.make()

    async def fails(mailbox: str):
        raise VendorFault("half a page")

    contained.tenant.mail.rules = fails
    with pytest.raises(VendorFault):
        await contained.check()


async def test_no_accounts_prove_nothing():
    assert not (await (await Contained.make()).check(accounts=[])).contained


async def test_an_account_without_a_snapshot_is_not_proven():
    contained = await Contained.make()
    contained.tenant.identity.people["id-bob"] = contained.tenant.identity.people["id-bob"].model_copy(
        update={"enabled": False, "sessions_valid_from": ENDED, "last_password_change": ENDED}
    )
    with pytest.raises(NotVerified, match="no snapshot"):
        await contained.check(accounts=["id-alice", "id-bob"])


class TestSynced:
    """Without password hash synchronisation the cloud never shows a reset that was made on premises."""

    async def test_a_person_may_state_it_and_the_report_says_so(self):
        contained = await Contained.make()
        contained.alice(synced=True, last_password_change=NOW - timedelta(days=9))
        found = await contained.check(on_premises=STATED)
        assert found.contained
        assert [p.state for p in found.proofs if p.point == "password_changed"] == ["stated"]
        assert any("ann states" in caveat and "dc01" in caveat for caveat in found.caveats)

    async def test_nobody_stated_it(self):
        contained = await Contained.make()
        contained.alice(synced=True, last_password_change=NOW - timedelta(days=9))
        with pytest.raises(NotVerified):
            await contained.check()

    async def test_a_statement_replaces_no_other_point_and_no_other_account(self):
        contained = await Contained.make()
        contained.alice(synced=True, enabled=True)
        with pytest.raises(NotVerified, match="sign in blocked"):
            await contained.check(on_premises=STATED)
        contained.alice(synced=False, enabled=False, last_password_change=NOW - timedelta(days=9))
        with pytest.raises(NotVerified, match="password changed"):
            await contained.check(on_premises=STATED)


async def test_a_plan_says_what_it_would_prove_and_never_contained():
    tenant = story()
    accounts = ["id-alice"]
    found = await read(
        tenant,
        VerifyContained,
        mode="plan",
        accounts=accounts,
        mailboxes=await read(tenant, CollectMailbox, accounts=accounts),
        access=await read(tenant, CollectAccess, accounts=accounts),
        artifacts=await attributed(tenant),
    )
    assert not found.contained
    assert {p.state for p in found.proofs} == {"seen", "planned"}
    assert tenant.writes == []
