from __future__ import annotations

import pytest

import tasks.credentials.prove_credential as module
from tasks.credentials.prove_credential import ProveCredential
from tenantry.errors import NotVerified
from tests.support.fakes import FakeTenant
from tests.support.incident import read
from tests.tasks.credentials.service import PROVIDER, credentials, made


async def test_it_signs_in():
    tenant = FakeTenant()
    made(tenant)
    proven = await read(tenant, ProveCredential, **PROVIDER)
    assert (proven.provider, proven.credential) == ("m365", "new-1")


async def test_one_that_does_not_sign_in_is_no_success(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0))
    tenant = FakeTenant()
    made(tenant).refused.add("new-1")
    with pytest.raises(NotVerified):
        await read(tenant, ProveCredential, **PROVIDER)


async def test_there_is_none():
    tenant = FakeTenant()
    credentials(tenant)
    with pytest.raises(NotVerified):
        await read(tenant, ProveCredential, **PROVIDER)
