from __future__ import annotations

from types import SimpleNamespace

from tasks.measures.endpoints.devices_looked_after import DevicesLookedAfter
from tests.tasks.measures.given import listed, measured


async def test_it_is_asked_as_soon_as_there_are_any() -> None:
    two = SimpleNamespace(devices=listed(*(SimpleNamespace(enabled=on) for on in (True, True, False))))
    found = await measured(DevicesLookedAfter(), directory=two)
    assert (found.status, found.looked_at) == ("for_person", 2)
    none = SimpleNamespace(devices=listed(SimpleNamespace(enabled=False)))
    assert (await measured(DevicesLookedAfter(), directory=none)).status == "not_applicable"
