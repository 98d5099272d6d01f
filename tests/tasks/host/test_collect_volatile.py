from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

from tasks.host import _common
from tasks.host.collect_volatile import CollectVolatile
from tests.support.fakes import FakeTenant
from tests.support.incident import read


async def test_each_source_is_kept_in_order_with_its_digest():
    tenant = FakeTenant()
    found = await read(tenant, CollectVolatile, host="web1")
    names = [source.name.rsplit("/", 1)[1] for source in found.sources]
    assert names == sorted(names)
    assert names[0] == "01-clock.txt"
    assert names[1] == "02-connections.txt"
    for source in found.sources:
        stored = tenant.evidence.stored[source.evidence[0].name]
        assert hashlib.sha256(stored).hexdigest() == source.sha256
        assert len(stored) == source.size
    assert b"203.0.113.66" in tenant.evidence.stored["step/web1/volatile/02-connections.txt"]
    assert tenant.writes == []


async def test_a_long_stream_is_kept_in_pieces_of_bounded_size(monkeypatch):
    monkeypatch.setattr(_common, "PIECE", 1000)
    tenant, task = FakeTenant(), CollectVolatile()

    async def stream() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 99

    found = await _common.store_stream(tenant.context(task), "long", stream())
    assert found.size == 4950
    assert len(found.evidence) == 5
    whole = b"".join(tenant.evidence.stored[ref.name] for ref in found.evidence)
    assert hashlib.sha256(whole).hexdigest() == found.sha256
    assert max(ref.size for ref in found.evidence) < 1100


async def test_nothing_is_evidence_too():
    tenant, task = FakeTenant(), CollectVolatile()

    async def nothing() -> AsyncIterator[bytes]:
        for piece in ():
            yield piece

    found = await _common.store_stream(tenant.context(task), "none", nothing())
    assert found.size == 0
    assert tenant.evidence.stored["step/none"] == b""
