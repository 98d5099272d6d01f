from __future__ import annotations

import pytest

import tasks.credentials.prove_old_dead as module
from tasks.credentials.prove_old_dead import ProveOldDead
from tenantry.errors import NotVerified
from tests.support.fakes import FakeTenant
from tests.support.incident import read
from tests.tasks.credentials.service import PROVIDER, credentials, used


async def test_it_is_refused():
    tenant = FakeTenant()
    used(tenant).live.discard("old")
    dead = await read(tenant, ProveOldDead, **PROVIDER)
    assert (dead.provider, dead.version) == ("m365", 1)


async def test_one_that_still_signs_in_is_no_success(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0))
    tenant = FakeTenant()
    used(tenant)
    with pytest.raises(NotVerified):
        await read(tenant, ProveOldDead, **PROVIDER)


async def test_there_was_none_before():
    tenant = FakeTenant()
    credentials(tenant)
    assert (await read(tenant, ProveOldDead, **PROVIDER)).version is None
