from __future__ import annotations

import json

import httpx
import pytest

from integrations.microsoft365.graph import BatchItem, Graph, segment
from integrations.microsoft365.provider import Microsoft365Handle
from tenantry.errors import InDoubt, OutOfScope, Rejected, TargetNotFound, TenantryError, Throttled, VendorFault
from tests.integrations.microsoft365.conftest import BASE, Stand

NEEDS = "User.Read.All"


@pytest.fixture
def graph(handle: Microsoft365Handle) -> Graph:
    found = handle.capability("identity")._graph
    assert isinstance(found, Graph)
    return found


def page(rows: list[dict[str, object]], link: object = None) -> httpx.Response:
    return httpx.Response(200, json={"value": rows, **({"@odata.nextLink": link} if link is not None else {})})


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "https://graph.evil.example/v1.0/users?$skiptoken=x",
        "http://127.0.0.1:81/graph/v1.0/users",
        "https://127.0.0.1/graph/v1.0/users",
        "http://127.0.0.1@evil.example/graph/v1.0/users",
        "http://127.0.0.1/other/v1.0/users",
        "http://127.0.0.1/graph/../exchange/x",
        "//evil.example/graph/v1.0/users",
    ],
)
async def test_a_link_to_elsewhere_is_not_followed(stand: Stand, graph: Graph, link: str) -> None:
    stand.wire.instead = lambda request: page([{"id": "1"}], link) if request.url.path.endswith("/users") else None
    with pytest.raises(OutOfScope):
        [_ async for _ in graph.rows("/users", needs=NEEDS)]
    assert len(stand.wire.sent("GET", "")) == 1


@pytest.mark.parametrize("link", [f"{BASE}/graph/v1.0/users", 5])
async def test_a_link_that_leads_nowhere(stand: Stand, graph: Graph, link: object) -> None:
    stand.wire.instead = lambda request: page([{"id": "1"}], link) if request.url.path.endswith("/users") else None
    with pytest.raises(VendorFault):
        [_ async for _ in graph.rows("/users", needs=NEEDS)]


@pytest.mark.parametrize("body", [[], {"value": None}, {"value": {}}, "text"])
async def test_a_list_without_rows(stand: Stand, graph: Graph, body: object) -> None:
    stand.wire.instead = lambda request: httpx.Response(200, json=body) if request.url.path.endswith("/users") else None
    with pytest.raises(VendorFault):
        [_ async for _ in graph.rows("/users", needs=NEEDS)]


async def test_empty_pages_are_passed_over(stand: Stand, graph: Graph) -> None:
    answers = [page([], f"{BASE}/graph/v1.0/users?a=1"), page([], f"{BASE}/graph/v1.0/users?a=2"), page([{"id": "1"}])]
    stand.wire.instead = lambda request: answers.pop(0) if request.url.path.endswith("/users") else None
    assert [row async for row in graph.rows("/users", needs=NEEDS)] == [{"id": "1"}]


# --- batches ----------------------------------------------------------------------------------------------------------


async def test_a_batch_of_many_in_order(stand: Stand, graph: Graph) -> None:
    ids = [stand.lab.tenant.directory.id_of(index) for index in range(45)]
    answers = await graph.batch([BatchItem(f"/users/{one}?$select=id") for one in ids], needs=NEEDS)
    assert [answer["id"] for answer in answers if isinstance(answer, dict)] == ids
    sizes = [len(json.loads(request.content)["requests"]) for request in stand.wire.sent("POST", "/$batch")]
    assert sorted(sizes) == [5, 20, 20]


async def test_only_items_that_failed_are_sent_again(stand: Stand, graph: Graph) -> None:
    ids = [stand.lab.tenant.directory.id_of(index) for index in range(10)]
    stand.faults(
        script=[
            {"match": {"path": ids[3]}, "nth": 1, "fault": "throttle", "style": "seconds", "retry_after_s": 7},
            {"match": {"path": ids[6]}, "nth": [1, 2], "fault": "error", "status": 503},
        ]
    )
    answers = await graph.batch([BatchItem(f"/users/{one}?$select=id") for one in ids], needs=NEEDS)
    assert [answer["id"] for answer in answers if isinstance(answer, dict)] == ids
    sizes = [len(json.loads(request.content)["requests"]) for request in stand.wire.sent("POST", "/$batch")]
    assert sizes == [10, 2, 1]
    assert stand.sleeps[0] >= 7


async def test_one_items_error_is_its_own(stand: Stand, graph: Graph) -> None:
    known = stand.lab.tenant.directory.id_of(0)
    one, two = await graph.batch(
        [BatchItem("/users/nobody@nowhere.example"), BatchItem(f"/users/{known}")], needs=NEEDS
    )
    assert isinstance(one, TargetNotFound)
    assert isinstance(two, dict)


def batch_answer(responses: object) -> httpx.Response:
    return httpx.Response(200, json={"responses": responses})


@pytest.mark.parametrize(
    ("response", "read", "write"),
    [
        (None, VendorFault, InDoubt),
        ({"id": "0"}, VendorFault, InDoubt),
        ({"id": "0", "status": 500}, VendorFault, InDoubt),
        ({"id": "0", "status": 503}, VendorFault, InDoubt),
        ({"id": "0", "status": 503, "headers": {"Retry-After": "1"}}, Throttled, Throttled),
        ({"id": "0", "status": 429}, Throttled, Throttled),
        ({"id": "0", "status": 424, "body": {"error": {"code": "x"}}}, Rejected, Rejected),
        ({"id": "0", "status": 404, "body": {}}, TargetNotFound, TargetNotFound),
    ],
)
async def test_what_an_items_answer_means(
    stand: Stand, graph: Graph, response: object, read: type[TenantryError], write: type[TenantryError]
) -> None:
    stand.wire.instead = lambda request: (
        batch_answer([response] if response else []) if request.url.path.endswith("/$batch") else None
    )
    (found,) = await graph.batch([BatchItem("/users/x")], needs=NEEDS)
    assert type(found) is read
    stand.wire.requests.clear()
    (found,) = await graph.batch([BatchItem("/users/x", "PATCH", {"accountEnabled": False})], needs=NEEDS, write=True)
    assert type(found) is write
    if write is InDoubt:
        assert len(stand.wire.requests) == 1


async def test_a_batch_of_writes_without_an_answer_is_all_in_doubt(stand: Stand, graph: Graph) -> None:
    users = [stand.lab.tenant.directory.id_of(index) for index in range(3)]
    stand.wire.after = lambda request, _response: (
        httpx.ReadTimeout("x") if request.url.path.endswith("/$batch") else None
    )
    items = [BatchItem(f"/users/{user}", "PATCH", {"accountEnabled": False}) for user in users]
    found = await graph.batch(items, needs=NEEDS, write=True)
    assert [type(one) for one in found] == [InDoubt] * 3
    assert len(stand.lab.audit) == 3


async def test_a_batch_of_writes(stand: Stand, graph: Graph) -> None:
    users = [stand.lab.tenant.directory.id_of(index) for index in range(25)]
    items = [BatchItem(f"/users/{user}", "PATCH", {"accountEnabled": False}) for user in users]
    stand.faults(script=[{"match": {"path": users[4]}, "nth": 1, "fault": "throttle", "style": "seconds"}])
    assert await graph.batch(items, needs=NEEDS, write=True) == [{}] * 25
    assert len(stand.lab.audit) == 25


# --- addresses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("a@b.example", "a@b.example"),
        ("a/b", "a%2Fb"),
        ("a#EXT#@b", "a%23EXT%23@b"),
        ("..?x", "..%3Fx"),
        ("é", "%C3%A9"),
    ],
)
def test_one_segment(value: str, quoted: str) -> None:
    assert segment(value) == quoted
