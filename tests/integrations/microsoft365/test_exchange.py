from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from integrations.microsoft365.exchange import Exchange
from integrations.microsoft365.provider import Microsoft365Handle
from tenantry.errors import OutOfScope, PermissionMissing, Rejected, TargetNotFound, VendorFault
from tests.integrations.microsoft365.conftest import BASE, Stand


@pytest.fixture
def exchange(handle: Microsoft365Handle) -> Exchange:
    found = handle.capability("mail")._exchange
    assert isinstance(found, Exchange)
    return found


def invoke(stand: Stand) -> list[httpx.Request]:
    return stand.wire.sent("POST", "/InvokeCommand")


def refusal(status: int, exception: str) -> httpx.Response:
    details = [{"code": "Client", "target": "", "message": f"Ex6F9304|Microsoft.Exchange.{exception}|text | with bars"}]
    return httpx.Response(status, json={"error": {"code": "BadRequest", "message": "", "details": details}})


async def test_pages_are_fetched_with_the_same_body(stand: Stand, exchange: Exchange) -> None:
    stand.faults(single_item_pages=True)
    rows = await exchange.read("Get-InboxRule", {"Mailbox": stand.user, "IncludeHidden": True}, mailbox=stand.user)
    assert len(invoke(stand)) == len(rows) > 3
    assert len({request.content for request in invoke(stand)}) == 1


async def test_no_more_batches_are_under_way_than_exchange_takes(
    stand: Stand, exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And whoever asks something else meanwhile has his turn."""
    under_way: list[int] = [0]
    carry = stand.wire.handle_async_request

    async def slow(request: httpx.Request) -> httpx.Response:
        batch = request.url.path.endswith("/$batch")
        under_way[0] += batch
        most.append(under_way[0])
        try:
            for _ in range(20):
                await asyncio.sleep(0)
            return await carry(request)
        finally:
            under_way[0] -= batch

    most: list[int] = []
    monkeypatch.setattr(stand.wire, "handle_async_request", slow)
    asked = [({"Mailbox": stand.user}, stand.user)] * 250
    rows = await exchange.read_together("Get-InboxRule", asked)
    assert len(rows) == 250
    assert max(most) == 10


async def test_a_lost_page_starts_the_list_anew(stand: Stand, exchange: Exchange) -> None:
    whole = await exchange.read("Get-InboxRule", {"Mailbox": stand.user, "IncludeHidden": True}, mailbox=stand.user)
    stand.faults(single_item_pages=True)
    lost = [1]
    stand.wire.instead = lambda request: (
        refusal(400, "ExpiredPageException") if "skiptoken" in str(request.url) and lost and not lost.clear() else None
    )
    rows = await exchange.read("Get-InboxRule", {"Mailbox": stand.user, "IncludeHidden": True}, mailbox=stand.user)
    assert rows == whole


async def test_pages_that_are_always_lost_end_as_a_fault(stand: Stand, exchange: Exchange) -> None:
    stand.faults(single_item_pages=True)
    stand.wire.instead = lambda request: (
        refusal(400, "ExpiredPageException") if "skiptoken" in str(request.url) else None
    )
    with pytest.raises(VendorFault):
        await exchange.read("Get-InboxRule", {"Mailbox": stand.user, "IncludeHidden": True}, mailbox=stand.user)


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/exchange/adminapi/beta/x/InvokeCommand",
        f"{BASE}/exchange/adminapi/beta/99999999-0000-0000-0000-000000000000/InvokeCommand?x",
        f"{BASE}/graph/v1.0/users",
    ],
)
async def test_a_link_to_elsewhere_is_not_followed(stand: Stand, exchange: Exchange, link: str) -> None:
    stand.wire.instead = lambda request: (
        httpx.Response(200, json={"value": [], "@odata.nextLink": link})
        if "InvokeCommand" in request.url.path
        else None
    )
    with pytest.raises(OutOfScope):
        await exchange.read("Get-Mailbox", {})
    assert len(invoke(stand)) == 1


async def test_a_link_to_itself(stand: Stand, exchange: Exchange) -> None:
    stand.wire.instead = lambda request: (
        httpx.Response(200, json={"value": [], "@odata.nextLink": str(request.url)})
        if "InvokeCommand" in request.url.path
        else None
    )
    with pytest.raises(VendorFault):
        await exchange.read("Get-Mailbox", {})


async def test_an_unknown_cmdlet_looks_like_a_missing_permission(stand: Stand, exchange: Exchange) -> None:
    with pytest.raises(PermissionMissing):
        await exchange.read("Get-Nothing", {})
    with pytest.raises(PermissionMissing):
        await exchange.write("Remove-Everything", {})
    assert len(invoke(stand)) == 2


@pytest.mark.parametrize(
    ("status", "exception", "expected"),
    [
        (404, "Configuration.Tasks.ManagementObjectNotFoundException", TargetNotFound),
        (400, "Configuration.Tasks.ManagementObjectNotFoundException", TargetNotFound),
        (400, "Management.StoreTasks.UserNotFoundInPermissionEntryException", TargetNotFound),
        (400, "ParameterBindingException", Rejected),
        (409, "ParameterBindingException", Rejected),
    ],
)
async def test_refusals(
    stand: Stand, exchange: Exchange, status: int, exception: str, expected: type[Exception]
) -> None:
    stand.wire.instead = lambda request: refusal(status, exception) if "InvokeCommand" in request.url.path else None
    with pytest.raises(expected) as caught:
        await exchange.write("Set-Mailbox", {"Identity": "x"})
    assert caught.value.detail["vendor_code"] == exception.rsplit(".", 1)[-1]  # type: ignore[attr-defined]  # ours have it
    assert len(invoke(stand)) == 1


@pytest.mark.parametrize("body", [b"", b"\0\0", b"[]", b'{"error": 5}', b'{"error": {"details": [5, {"message": 1}]}}'])
async def test_refusals_that_say_nothing(stand: Stand, exchange: Exchange, body: bytes) -> None:
    stand.wire.instead = lambda request: (
        httpx.Response(400, content=body) if "InvokeCommand" in request.url.path else None
    )
    with pytest.raises(Rejected):
        await exchange.read("Get-Mailbox", {})


async def test_anchors(stand: Stand, exchange: Exchange) -> None:
    await exchange.read("Get-OrganizationConfig", {})
    await exchange.read("Get-Mailbox", {"Identity": stand.user}, mailbox=stand.user)
    one, two = (request.headers["x-anchormailbox"] for request in invoke(stand))
    assert one == f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{stand.lab.tenant_id}"
    assert two == f"UPN:{stand.user}"
    assert len({request.headers["connection-id"] for request in invoke(stand)}) == 1


async def test_what_is_sent(stand: Stand, exchange: Exchange) -> None:
    await exchange.read("Get-Mailbox", {"Identity": stand.user})
    assert json.loads(invoke(stand)[0].content) == {
        "CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": {"Identity": stand.user}}
    }
