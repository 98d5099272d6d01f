from __future__ import annotations

import pytest

from tasks.messenger.notify import Notify
from tenantry.errors import CannotCheck, NotFound, StepError
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import NOW, FakeTenant

FACTS = {
    "client": "Acme",
    "account": "alice@acme.example",
    "severity": "high",
    "reference": "run-1",
    "next_update": NOW.isoformat(),
}


def prepare(tenant: FakeTenant) -> dict[str, object]:
    tenant.subject["contacts"] = [
        {"id": "ann", "name": "Ann", "role": "primary", "email": "ann@elsewhere.example"},
        {"id": "bo", "name": "Bo", "role": "security", "email": "bo@acme.example", "account": "bo@acme.example"},
        {
            "id": "alice",
            "name": "Alice",
            "role": "security",
            "email": "a@home.example",
            "account": "alice@acme.example",
        },
        {"id": "cy", "name": "Cy", "role": "executive", "email": "cy@acme.example"},
        {"id": "phone-only", "name": "P", "role": "primary", "email": None},
    ]
    return {"template": "incident_first_notice", "to": ["primary", "security"], "facts": FACTS}


class TestNotify(EffectContract):
    case = Case(
        task=Notify,
        prepare=prepare,
        writes=[("send", "run-1/step", "Security incident at Acme: we are working on it (run-1)")],
        undo_writes=None,
    )


async def test_goes_to_the_named_roles_once_each():
    tenant = FakeTenant()
    await drive(tenant, Notify(), {**prepare(tenant), "to": ["primary", "security", "bo"]})
    assert tenant.messenger.accepted["run-1/step"].to == ("ann@elsewhere.example", "bo@acme.example", "a@home.example")


@pytest.mark.parametrize("risk", ["alice@acme.example", "ALICE@acme.example"])
async def test_who_reads_the_compromised_mailbox_is_not_written_to(risk):
    tenant = FakeTenant()
    await drive(tenant, Notify(), {**prepare(tenant), "not_to": [risk, "bo@acme.example"]})
    assert tenant.messenger.accepted["run-1/step"].to == ("ann@elsewhere.example",)


async def test_nobody_left_to_write_to_is_an_error_not_a_silence():
    tenant = FakeTenant()
    params = {**prepare(tenant), "to": ["executive"], "not_to": ["cy@acme.example"]}
    with pytest.raises(StepError):
        await drive(tenant, Notify(), params)
    assert tenant.writes == []


async def test_the_key_is_of_run_step_and_item():
    tenant = FakeTenant()
    params = prepare(tenant)
    for item in ("one", "two"):
        await drive(tenant, Notify(), params, item=item)
    assert sorted(tenant.messenger.accepted) == ["run-1/step/one", "run-1/step/two"]


class TestChannelThatCannotBeAsked:
    async def test_sends_the_first_time(self):
        tenant = FakeTenant()
        tenant.messenger.can_be_asked = False
        assert (await drive(tenant, Notify(), prepare(tenant))).outcome is Outcome.CHANGED

    async def test_asks_a_person_after_an_interrupted_attempt(self):
        tenant = FakeTenant()
        tenant.messenger.can_be_asked = False
        task, params = Notify(), Notify.Params.model_validate(prepare(tenant))
        ctx = tenant.context(task, intent_at=tenant.clock.now(), in_doubt=True)
        assert await task.check(ctx, params)
        (reason,) = await task.guard(ctx, params)
        assert "deny if it arrived" in reason
        assert task.asks_again
        assert await task.guard(tenant.context(task), params) == [], "the first attempt asks nobody"
        with pytest.raises(CannotCheck):
            await task.verify(ctx, params, [])

    @pytest.mark.parametrize(("policy", "asked"), [("leave", 0), ("send_again", 0)])
    async def test_the_runbook_may_have_decided(self, policy, asked):
        tenant = FakeTenant()
        tenant.messenger.can_be_asked = False
        params = {**prepare(tenant), "when_in_doubt": policy}
        task = Notify()
        ctx = tenant.context(task, intent_at=tenant.clock.now(), in_doubt=True)
        assert await task.guard(ctx, Notify.Params.model_validate(params)) == []
        if policy == "leave":
            with pytest.raises(CannotCheck):
                await drive(tenant, task, params, intent_at=tenant.clock.now(), in_doubt=True)
            assert tenant.writes == []
        else:
            await drive(tenant, task, params, intent_at=tenant.clock.now())
            assert len(tenant.writes) == 1

    async def test_what_the_vendor_certainly_refused_is_sent_without_a_question(self):
        tenant = FakeTenant()
        tenant.messenger.can_be_asked = False
        done = await drive(tenant, Notify(), prepare(tenant), intent_at=tenant.clock.now(), in_doubt=False)
        assert done.outcome is Outcome.CHANGED


async def test_a_credential_in_a_fact_is_not_sent():
    tenant = FakeTenant()
    params = prepare(tenant)
    params["facts"] = {**FACTS, "account": "rule: password=Hunter2Hunter2, AKIAABCDEFGHIJKLMNOP"}
    await drive(tenant, Notify(), params)
    text = tenant.messenger.accepted["run-1/step"].text
    assert "Hunter2" not in text
    assert "AKIA" not in text
    assert "[redacted]" in text


async def test_a_channel_is_no_list_of_addresses():
    tenant = FakeTenant()
    await drive(
        tenant, Notify(), {**prepare(tenant), "channel": "chat", "to": ["executive"], "not_to": ["cy@acme.example"]}
    )
    assert tenant.messenger.accepted["run-1/step"].to == ()


async def test_accepted_but_not_there_is_not_verified():
    tenant = FakeTenant()
    task = Notify()
    p = task.Params.model_validate(prepare(tenant))
    changes = await task.check(tenant.context(task), p)
    assert await task.verify(tenant.context(task), p, changes) == changes


async def test_an_unknown_template_sends_nothing():
    tenant = FakeTenant()
    with pytest.raises(NotFound):
        await drive(tenant, Notify(), {**prepare(tenant), "template": "no_such"})
    assert tenant.writes == []


async def test_an_attackers_name_forges_no_line():
    tenant = FakeTenant()
    params = prepare(tenant)
    params["facts"] = {**FACTS, "account": "x\nSubject: pay to IBAN 1\u202e"}
    await drive(tenant, Notify(), params)
    message = tenant.messenger.accepted["run-1/step"]
    assert "\u202e" not in message.text
    assert not any(line.startswith("Subject") for line in message.text.splitlines())
