from __future__ import annotations

import pytest

import tasks.credentials.remove_old_credential as module
from tasks.credentials.remove_old_credential import RemoveOldCredential
from tenantry.errors import CannotCheck, Conflict, NotVerified
from tenantry.task import Outcome
from tests.support.effects import Case, EffectContract, drive
from tests.support.fakes import FakeTenant
from tests.tasks.credentials.service import PROVIDER, credentials, made, used


def prepare(tenant: FakeTenant) -> dict[str, str]:
    used(tenant)
    return PROVIDER


class TestRemoveOldCredential(EffectContract):
    case = Case(task=RemoveOldCredential, prepare=prepare, writes=[("remove", "old", None)], undo_writes=None)


async def test_the_old_one_stays_while_the_new_one_is_not_in_use():
    tenant = FakeTenant()
    made(tenant)
    with pytest.raises(Conflict):
        await drive(tenant, RemoveOldCredential(), PROVIDER)
    assert tenant.writes == []


async def test_the_old_one_stays_where_the_new_one_does_not_sign_in():
    tenant = FakeTenant()
    used(tenant).refused.add("new-1")
    with pytest.raises(Conflict):
        await drive(tenant, RemoveOldCredential(), PROVIDER)
    assert credentials(tenant).live == {"old", "new-1"}


async def test_one_that_cannot_be_told_and_still_signs_in_is_not_called_dead():
    tenant = FakeTenant()
    used(tenant).unknown.add("old")
    with pytest.raises(CannotCheck):
        await drive(tenant, RemoveOldCredential(), PROVIDER)


async def test_nothing_is_left_to_remove():
    tenant = FakeTenant()
    used(tenant).live.discard("old")
    assert (await drive(tenant, RemoveOldCredential(), PROVIDER)).outcome is Outcome.ALREADY


async def test_what_can_be_switched_off_is_refused_before_it_is_removed():
    tenant = FakeTenant()
    used(tenant).suspends = True
    await drive(tenant, RemoveOldCredential(), PROVIDER)
    assert tenant.writes == [("suspend", "old", None), ("remove", "old", None)]


async def test_one_that_is_switched_off_and_still_signs_in_is_not_removed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0))
    tenant = FakeTenant()
    fake = used(tenant)
    fake.suspends = True
    fake.refused = Deaf()
    with pytest.raises(NotVerified):
        await drive(tenant, RemoveOldCredential(), PROVIDER)
    assert "old" in fake.live


class Deaf(set[str]):
    """A service that says yes and does nothing."""

    def add(self, one: str) -> None:
        """Nothing."""
