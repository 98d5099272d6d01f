from __future__ import annotations

import httpx
import pytest

from integrations.microsoft365.logs import Microsoft365Logs
from integrations.microsoft365.provider import Microsoft365Handle
from tenantry import deadline
from tenantry.errors import Rejected, VendorFault
from tests.conformance.logs import LogsConformance, LogsWorld
from tests.integrations.microsoft365.conftest import Stand


@pytest.fixture
def world(stand: Stand, handle: Microsoft365Handle) -> LogsWorld:
    return LogsWorld(
        provider=handle.capability("logs"),
        user=stand.user,
        operation="New-InboxRule",
        ip=stand.story["attacker"]["ips"][0],
        since=stand.since,
        until=stand.until,
        writes=lambda: stand.lab.writes,
    )


class TestConformance(LogsConformance):
    pass


def _created(stand: Stand) -> int:
    return len(stand.wire.sent("POST", "/security/auditLog/queries"))


async def test_a_search_says_what_an_operation_was_called_with(stand: Stand, handle: Microsoft365Handle) -> None:
    found = [
        record
        async for record in handle.capability("logs").search(
            stand.since, stand.until, users=[stand.user], operations=["Set-Mailbox"]
        )
    ]
    assert stand.story["artefacts"]["forwarding"]["smtp_address"] in {
        record.parameters.get("ForwardingSmtpAddress") for record in found
    }


async def test_the_same_question_later_is_a_new_search(stand: Stand, handle: Microsoft365Handle) -> None:
    """The log may have received more meanwhile."""
    since, until = stand.since, stand.until
    for _ in range(2):
        assert [record async for record in handle.capability("logs").search(since, until)]
    assert _created(stand) == 2


async def test_a_search_whose_creation_was_not_answered_is_not_created_again(
    stand: Stand, handle: Microsoft365Handle
) -> None:
    lost = [httpx.ReadTimeout("x")]
    stand.wire.after = lambda request, _response: (
        lost.pop() if lost and request.method == "POST" and request.url.path.endswith("/queries") else None
    )
    found = [record async for record in handle.capability("logs").search(stand.since, stand.until)]
    assert found
    assert _created(stand) == 1
    assert len(stand.lab.tenant.audit_queries) == 1


async def test_a_search_that_was_never_created_fails(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.wire.instead = lambda request: (
        httpx.Response(500) if request.method == "POST" and request.url.path.endswith("/queries") else None
    )
    with pytest.raises(VendorFault):
        [_ async for _ in handle.capability("logs").search(stand.since, stand.until)]
    assert _created(stand) == 1


async def test_a_search_cut_short_is_taken_up_again(stand: Stand, handle: Microsoft365Handle) -> None:
    since, until = stand.since, stand.until
    stand.lab.audit_query_polls = 10_000
    with pytest.raises(VendorFault) as caught:
        [_ async for _ in handle.capability("logs").search(since, until)]
    assert caught.value.detail["query_id"]
    other = await stand.open()  # another process: it knows nothing but the question
    stand.lab.audit_query_polls = 1
    for logs in (handle.capability("logs"), other.capability("logs")):
        assert [record async for record in logs.search(since, until)]
    assert _created(stand) == 2, "the second one began when the first search was over"


async def test_another_process_takes_up_a_search_under_way(stand: Stand, handle: Microsoft365Handle) -> None:
    since, until = stand.since, stand.until
    stand.lab.audit_query_polls = 10_000
    with pytest.raises(VendorFault):
        [_ async for _ in handle.capability("logs").search(since, until)]
    other = await stand.open()
    with pytest.raises(VendorFault):
        [_ async for _ in other.capability("logs").search(since, until)]
    assert _created(stand) == 1


async def test_waiting_grows_and_ends_before_the_deadline(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.lab.audit_query_polls = 10_000
    with deadline.effect(20), pytest.raises(VendorFault):
        [_ async for _ in handle.capability("logs").search(stand.since, stand.until)]
    assert stand.sleeps == [0.1 * 2**turn for turn in range(8)]


async def test_a_search_that_failed_is_not_waited_for(stand: Stand, handle: Microsoft365Handle) -> None:
    stand.wire.instead = lambda request: (
        httpx.Response(200, json={"id": "q", "status": "failed"})
        if request.method == "GET" and "/queries/" in request.url.path
        else None
    )
    with pytest.raises(Rejected, match="failed"):
        [_ async for _ in handle.capability("logs").search(stand.since, stand.until)]


def test_patience_is_a_setting() -> None:
    assert Microsoft365Logs.__init__.__kwdefaults__ == {"patience": 3600.0, "first_poll": 0.1}
