from __future__ import annotations

from tasks.identity.remove_application_credential import RemoveApplicationCredential
from tenantry.capabilities import ApplicationCredential
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import NOW, FakeTenant


def credential(id: str, application: str = "sp-payroll", **more) -> ApplicationCredential:
    facts = {
        "kind": "password",
        "holder": "registration",
        "holder_id": "registration-payroll",
        "label": id,
        "begins_at": NOW,
        "ends_at": None,
        "raw": {"keyId": id},
    }
    return ApplicationCredential(id=id, application_id=application, **{**facts, **more})


def prepare(tenant: FakeTenant) -> dict[str, str]:
    tenant.applications.add("payroll", own=True)
    tenant.applications.credential_list["sp-payroll"] = [credential("theirs"), credential("own")]
    return {"application": "sp-payroll", "credential_id": "theirs"}


class TestRemoveApplicationCredential(EffectContract):
    case = Case(
        task=RemoveApplicationCredential,
        prepare=prepare,
        writes=[("remove_credential", "theirs", None)],
        undo_writes=None,
        foothold=True,
    )


async def test_the_others_stay_and_one_that_is_gone_counts_as_removed():
    tenant = FakeTenant()
    params = prepare(tenant)
    await drive(tenant, RemoveApplicationCredential(), params)
    assert [c.id for c in tenant.applications.credential_list["sp-payroll"]] == ["own"]
    again = await drive(tenant, RemoveApplicationCredential(), {**params, "credential_id": "gone"})
    assert again.outcome is Outcome.ALREADY
