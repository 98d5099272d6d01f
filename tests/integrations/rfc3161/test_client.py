from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from integrations.rfc3161 import client, request_timestamp
from tenantry.errors import Rejected, Unreachable, VendorFault

URL = "https://tsa.example/query"


def over(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    return httpx.MockTransport(answer)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_seconds: float) -> None:
        return None

    monkeypatch.setattr(client.asyncio, "sleep", at_once)


async def test_the_question_is_posted_as_it_is() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.method == "POST"
        assert request.headers["content-type"] == "application/timestamp-query"
        assert request.content == b"question"
        return httpx.Response(200, content=b"answer")

    assert await request_timestamp(URL, b"question", transport=over(answer)) == b"answer"


async def test_a_short_outage_is_waited_out() -> None:
    tries = iter([httpx.Response(503), httpx.ConnectError("refused"), httpx.Response(200, content=b"answer")])

    def answer(_request: httpx.Request) -> httpx.Response:
        found = next(tries)
        if isinstance(found, Exception):
            raise found
        return found

    assert await request_timestamp(URL, b"question", transport=over(answer)) == b"answer"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (httpx.Response(500), VendorFault),
        (httpx.Response(400), Rejected),
        (httpx.Response(302), VendorFault),
        (httpx.Response(200, content=b""), VendorFault),
        (httpx.Response(200, content=b"x" * 70_000), VendorFault),
        (httpx.ConnectTimeout("late"), Unreachable),
    ],
)
async def test_no_answer_has_a_name(given: httpx.Response | Exception, error: type[Exception]) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        if isinstance(given, Exception):
            raise given
        return given

    with pytest.raises(error):
        await request_timestamp(URL, b"question", transport=over(answer))
