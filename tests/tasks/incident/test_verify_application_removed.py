from __future__ import annotations

from datetime import timedelta

import pytest

from tasks.incident.verify_application_removed import VerifyApplicationRemoved
from tenantry.errors import NotVerified, TargetNotFound
from tests.support.fakes import NOW, FakeTenant
from tests.support.incident import read
from tests.tasks.identity.test_remove_application_credential import credential
from tests.tasks.identity.test_remove_application_grant import grant

PLANTED = {
    "key": "sp-payroll/theirs",
    "application_id": "sp-payroll",
    "application": "payroll",
    "credential_id": "theirs",
    "label": "sync",
    "begins_at": NOW.isoformat(),
    "event_id": "e",
}
PARAMS = {"application": "sp-evil", "planted": [PLANTED], "accounts": ["alice@acme.example"], "patience": 0}


def out() -> FakeTenant:
    tenant = FakeTenant()
    tenant.applications.add("evil", enabled=False)
    tenant.applications.add("payroll", own=True)
    tenant.applications.credential_list["sp-payroll"] = [credential("own")]
    tenant.add_account("alice", sessions_valid_from=NOW + timedelta(minutes=1))
    return tenant


async def test_out_with_a_proof_of_each_point():
    found = await read(out(), VerifyApplicationRemoved, **PARAMS)
    assert found.contained
    assert {proof.point for proof in found.proofs} == {
        *("disabled", "nothing_granted", "no_credentials", "nothing_planted", "sessions_revoked")
    }
    assert any("already had" in caveat for caveat in found.caveats)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda t: t.applications.add("evil"), "still gets tokens"),
        (lambda t: t.applications.grant_list.update({"sp-evil": [grant("left")]}), "1 grants are left"),
        (lambda t: t.applications.credential_list.update({"sp-evil": [credential("k")]}), "1 credentials are left"),
        (lambda t: t.applications.credential_list["sp-payroll"].append(credential("theirs")), "sync is still there"),
        (lambda t: t.add_account("alice"), "sessions are valid from"),
    ],
)
async def test_any_point_that_is_open_is_no_containment(spoil, said):
    tenant = out()
    spoil(tenant)
    with pytest.raises(NotVerified, match=said):
        await read(tenant, VerifyApplicationRemoved, **PARAMS)


async def test_what_cannot_be_read_is_no_containment():
    with pytest.raises(TargetNotFound):
        await read(FakeTenant(), VerifyApplicationRemoved, **PARAMS)


async def test_a_plan_proves_nothing():
    assert not (await read(FakeTenant(), VerifyApplicationRemoved, mode="plan", **PARAMS)).contained
