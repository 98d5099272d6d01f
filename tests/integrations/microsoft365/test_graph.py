from __future__ import annotations

import httpx
import pytest

from integrations.microsoft365.graph import Graph, segment
from integrations.microsoft365.provider import Microsoft365Handle
from tenantry.errors import OutOfScope, VendorFault
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


class Counting:
    """A list of which the next link counts rows, and from which somebody removes one between its pages."""

    def __init__(self, ids: list[str], removed: list[str]) -> None:
        self.ids, self.removed = ids, removed

    def __call__(self, request: httpx.Request) -> httpx.Response | None:
        if not request.url.path.endswith("/users"):
            return None
        at = int(request.url.params.get("at", 0))
        more = f"{BASE}/graph/v1.0/users?at={at + 2}" if at + 2 < len(self.ids) else None
        answer = page([{"id": one} for one in self.ids[at : at + 2]], more)
        if self.removed:
            self.ids.remove(self.removed.pop(0))
        return answer


@pytest.mark.parametrize("removed", [[], ["1"], ["1", "2"], ["4", "1", "2"]])
async def test_a_list_that_shrinks_while_it_is_read_lacks_nothing(
    stand: Stand, graph: Graph, removed: list[str]
) -> None:
    stand.wire.instead = Counting(list("123456"), list(removed))
    found = [row["id"] for row in await graph.whole("/users", needs=NEEDS)]
    assert found == [one for one in "123456" if one not in removed]


async def test_a_list_that_never_stays_the_same_is_not_believed(stand: Stand, graph: Graph) -> None:
    many = [str(number) for number in range(200)]
    stand.wire.instead = Counting(list(many), list(many))
    with pytest.raises(VendorFault):
        await graph.whole("/users", needs=NEEDS)


async def test_a_list_of_one_page_is_read_once(stand: Stand, graph: Graph) -> None:
    stand.wire.instead = Counting(["1", "2"], ["1"])
    assert len(await graph.whole("/users", needs=NEEDS)) == 2
    assert len(stand.wire.sent("GET", "/users")) == 1


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
