from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from integrations.http import Limits
from integrations.microsoft365.gathering import BatchItem, Gathering, Result
from integrations.microsoft365.identity import Microsoft365Identity
from integrations.microsoft365.provider import Microsoft365Handle
from tenantry import deadline, waits
from tenantry.errors import (
    InDoubt,
    Rejected,
    TargetNotFound,
    TenantryError,
    Throttled,
    TimedOut,
    Unreachable,
    VendorFault,
)
from tests.integrations.microsoft365.conftest import Stand


@pytest.fixture
def identity(handle: Microsoft365Handle) -> Microsoft365Identity:
    found = handle.capability("identity")
    assert isinstance(found, Microsoft365Identity)
    return found


def users(stand: Stand, count: int) -> list[str]:
    return [stand.lab.tenant.directory.id_of(index) for index in range(count)]


def sizes(stand: Stand) -> list[int]:
    return [len(json.loads(request.content)["requests"]) for request in stand.wire.sent("POST", "/$batch")]


def alone(stand: Stand) -> list[httpx.Request]:
    return [found for found in stand.wire.requests if "/graph/" in found.url.path and "$batch" not in found.url.path]


async def all_of(calls: Sequence[Any]) -> list[Any]:
    return await asyncio.gather(*calls, return_exceptions=True)


# --- at Graph ---------------------------------------------------------------------------------------------------------


async def test_many_reads_travel_together_and_each_gets_its_own(stand: Stand, identity: Microsoft365Identity) -> None:
    ids = users(stand, 45)
    found = await all_of([identity.account(one) for one in ids])
    assert [account.id for account in found] == ids
    assert sizes(stand) == [20, 20, 5]
    assert alone(stand) == []


async def test_one_read_is_sent_as_itself(stand: Stand, identity: Microsoft365Identity) -> None:
    (user,) = users(stand, 1)
    assert (await identity.account(user)).id == user
    assert sizes(stand) == []
    assert len(alone(stand)) == 1


async def test_the_same_read_is_asked_once(stand: Stand, identity: Microsoft365Identity) -> None:
    one, two = users(stand, 2)
    found = await all_of([identity.account(user) for user in (one, two, one, one)])
    assert [account.id for account in found] == [one, two, one, one]
    assert sizes(stand) == [2]


async def test_what_one_account_needs_at_once_is_one_request(stand: Stand, identity: Microsoft365Identity) -> None:
    (user,) = users(stand, 1)
    account, roles = await all_of([identity.account(user), identity.roles(user)])
    assert account.id == user
    assert {role.account_id for role in roles} == {user}
    assert sizes(stand) == [3]  # the account, its roles, and those held through groups
    assert alone(stand) == []


async def test_items_that_failed_go_on_alone(stand: Stand, identity: Microsoft365Identity) -> None:
    ids = users(stand, 10)
    stand.faults(
        script=[
            {"match": {"path": ids[3]}, "nth": 1, "fault": "throttle", "style": "seconds", "retry_after_s": 7},
            {"match": {"path": ids[6]}, "nth": [1, 2], "fault": "error", "status": 503},
        ]
    )
    found = await all_of([identity.account(one) for one in ids])
    assert [account.id for account in found] == ids
    assert sizes(stand) == [10]
    assert sorted(request.url.path.rsplit("/", 1)[-1] for request in alone(stand)) == sorted([ids[3], ids[6], ids[6]])
    assert max(stand.sleeps) >= 7


async def test_one_items_error_is_its_own(stand: Stand, identity: Microsoft365Identity) -> None:
    (known,) = users(stand, 1)
    one, two = await all_of([identity.account("nobody@nowhere.example"), identity.account(known)])
    assert isinstance(one, TargetNotFound)
    assert two.id == known


@pytest.mark.parametrize(
    ("response", "read", "write"),
    [
        (None, VendorFault, InDoubt),
        ({"id": "0"}, VendorFault, InDoubt),
        ({"id": "0", "status": 500}, VendorFault, InDoubt),
        ({"id": "0", "status": 503}, VendorFault, InDoubt),
        ({"id": "0", "status": 503, "headers": {"Retry-After": "1"}}, Throttled, Throttled),
        ({"id": "0", "status": 429, "headers": {"Retry-After": "500"}}, Throttled, Throttled),
        ({"id": "0", "status": 424, "body": {"error": {"code": "x"}}}, Rejected, Rejected),
        ({"id": "0", "status": 404, "body": {}}, TargetNotFound, TargetNotFound),
    ],
)
async def test_what_an_items_answer_means(
    stand: Stand, response: object, read: type[TenantryError], write: type[TenantryError]
) -> None:
    handle = await stand.open(limits=Limits(attempts=1))
    identity = handle.capability("identity")
    one, two = users(stand, 2)
    answer = {"responses": [response] if response else []}

    def instead(request: httpx.Request) -> httpx.Response | None:
        if request.url.path.endswith("/$batch"):
            return httpx.Response(200, json=answer)
        # Whoever goes on alone meets the same.
        status = response.get("status") if isinstance(response, dict) else None
        headers = response.get("headers") if isinstance(response, dict) else None
        return httpx.Response(status or 500, headers=headers) if f"/users/{one}" in request.url.path else None

    stand.wire.instead = instead
    found, _ = await all_of([identity.account(one), identity.account(two)])
    assert type(found) is read
    stand.wire.requests.clear()
    found, _ = await all_of([identity.set_enabled(one, False), identity.set_enabled(two, False)])
    assert type(found) is write
    if write is InDoubt:  # never sent again
        assert [request for request in alone(stand) if one in request.url.path] == []


async def test_writes_without_an_answer_are_all_in_doubt(stand: Stand, identity: Microsoft365Identity) -> None:
    stand.wire.after = lambda request, _response: (
        httpx.ReadTimeout("x") if request.url.path.endswith("/$batch") else None
    )
    found = await all_of([identity.set_enabled(user, False) for user in users(stand, 3)])
    assert [type(one) for one in found] == [InDoubt] * 3
    assert len(stand.lab.audit) == 3


async def test_each_write_is_done_once(stand: Stand, identity: Microsoft365Identity) -> None:
    ids = users(stand, 25)
    stand.faults(script=[{"match": {"path": ids[4]}, "nth": 1, "fault": "throttle", "style": "seconds"}])
    assert await all_of([identity.set_enabled(user, False) for user in ids]) == [None] * 25
    assert sizes(stand) == [20, 5]
    assert len({entry["target"] for entry in stand.lab.audit}) == len(stand.lab.audit) == 25


async def test_equal_writes_are_not_made_one(stand: Stand, identity: Microsoft365Identity) -> None:
    one, two = users(stand, 2)
    await all_of([identity.revoke_sessions(user) for user in (one, one, two)])
    assert sizes(stand) == [3]
    assert len(stand.lab.audit) == 3


async def test_no_connection_is_everybodys_error(stand: Stand) -> None:
    handle = await stand.open(limits=Limits(attempts=1))
    identity = handle.capability("identity")
    stand.wire.instead = lambda request: (
        httpx.ConnectError("x") if request.url.path.endswith("/$batch") else None  # type: ignore[return-value]
    )
    found = await all_of([identity.set_enabled(user, False) for user in users(stand, 3)])
    assert [type(one) for one in found] == [Unreachable] * 3
    assert stand.lab.audit == []


async def test_a_write_past_its_deadline_is_not_sent(stand: Stand, identity: Microsoft365Identity) -> None:
    one, two = users(stand, 2)
    await identity.set_enabled(one, True)  # signed in, everything imported
    stand.wire.requests.clear()
    with deadline.effect(0):
        found = await all_of([identity.set_enabled(user, False) for user in (one, two)])
    assert [type(one) for one in found] == [TimedOut] * 2
    assert stand.wire.requests == []


# --- who travels with whom --------------------------------------------------------------------------------------------


class Post:
    """Remembers batches, and the seconds that each had."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[str], bool, float | None]] = []
        self.sent = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, items: Sequence[BatchItem], write: bool) -> Sequence[Result]:
        self.batches.append(([item.path for item in items], write, deadline.remaining()))
        self.sent.set()
        await self.gate.wait()
        return [{"path": item.path} for item in items]


async def ask(gathering: Gathering, path: str, *, write: bool = False, seconds: float | None = None) -> Any:
    if seconds is None:
        return await gathering.ask(BatchItem(path, "x"), write=write)
    with deadline.effect(seconds):
        return await gathering.ask(BatchItem(path, "x"), write=write)


async def test_reads_with_and_without_a_deadline_travel_apart() -> None:
    post = Post()
    gathering = Gathering(post)
    await all_of(
        [
            ask(gathering, "/1", seconds=30),
            ask(gathering, "/2"),
            ask(gathering, "/3", seconds=20),
            ask(gathering, "/4"),
            ask(gathering, "/5", write=True, seconds=10),
            ask(gathering, "/6", write=True, seconds=15),
        ]
    )
    found = {tuple(paths): (write, left and round(left)) for paths, write, left in post.batches}
    assert found == {("/1", "/3"): (False, 20), ("/2", "/4"): (False, None), ("/5", "/6"): (True, 10)}


async def test_who_gave_up_before_is_not_sent() -> None:
    post = Post()
    gathering = Gathering(post)
    calls = [asyncio.create_task(ask(gathering, f"/{n}", write=True)) for n in range(3)]
    await asyncio.sleep(0)
    calls[1].cancel()
    found = await all_of(calls)
    assert post.batches[0][0] == ["/0", "/2"]
    assert isinstance(found[1], asyncio.CancelledError)
    assert found[2] == {"path": "/2"}


async def test_who_gives_up_meanwhile_takes_nobody_along() -> None:
    post = Post()
    post.gate.clear()
    gathering = Gathering(post)
    calls = [asyncio.create_task(ask(gathering, f"/{n}")) for n in range(3)]
    await post.sent.wait()
    calls[0].cancel()
    post.gate.set()
    found = await all_of(calls)
    assert found[1:] == [{"path": "/1"}, {"path": "/2"}]


async def test_what_a_batch_waits_all_of_its_callers_waited() -> None:
    async def throttled(items: Sequence[BatchItem], _write: bool) -> Sequence[Result]:
        waits.asked("graph", "a batch", 30.0)
        return [{} for _ in items]

    gathering = Gathering(throttled)

    async def one(path: str) -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        with waits.counted() as waited:
            async with asyncio.timeout(5) as limit:
                with waits.stretched(limit):
                    await ask(gathering, path)
        return waited.times, round((limit.when() or 0) - loop.time())

    assert await all_of([one("/1"), one("/2"), one("/3")]) == [(1, 35)] * 3


async def test_a_defect_reaches_every_caller() -> None:
    async def broken(_items: Sequence[BatchItem], _write: bool) -> Sequence[Result]:
        raise ZeroDivisionError

    gathering = Gathering(broken)
    found = await all_of([ask(gathering, "/1"), ask(gathering, "/2")])
    assert [type(one) for one in found] == [ZeroDivisionError] * 2
