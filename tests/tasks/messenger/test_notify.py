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

    async def test_never_sends_after_an_interrupted_attempt(self):
        tenant = FakeTenant()
        tenant.messenger.can_be_asked = False
        with pytest.raises(CannotCheck):
            await drive(tenant, Notify(), prepare(tenant), intent_at=tenant.clock.now())
        assert tenant.writes == []


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
