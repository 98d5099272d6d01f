from __future__ import annotations

import pytest
from pydantic import ValidationError

from integrations.lab.lab import Lab
from integrations.sink.provider import Settings, SinkHandle
from tenantry.errors import OutOfScope


async def test_a_check(lab: Lab, handle: SinkHandle) -> None:
    assert (await handle.check()).signed_in
    assert lab.audit == []


async def test_it_offers_nothing_else(handle: SinkHandle) -> None:
    with pytest.raises(OutOfScope):
        handle.capability("mail")


@pytest.mark.parametrize("url", ["http://sink.example", "sink", "ftp://127.0.0.1"])
def test_an_address_in_the_clear_is_for_this_machine_only(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(base_url=url)
