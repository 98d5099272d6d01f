"""Slack and Teams, against stand-ins that refuse what the vendors' pages say is refused."""

from __future__ import annotations

import asyncio
import io
import json
import logging

import httpx
import pytest

from tenantry import logs
from tenantry.capabilities import Message
from tenantry.discovery import TaskRegistry
from tenantry.errors import InDoubt, OutOfScope, Rejected, SignInFailed, Throttled, Unreachable
from tenantry.providers import Client
from tenantry.run import Status
from tests.conformance.messenger import MessengerConformance, MessengerWorld
from tests.integrations.messages.conftest import (
    SLACK_URL,
    TEAMS_URL,
    chat_handle,
    slack_arrived,
    teams_arrived,
)
from tests.support.stand import Access, Stand

MESSAGE = Message(key="run-1/tell", channel="chat", to=(), subject="Incident: ü", text="Line 1\nLine 2\n\nLine 4")
ARRIVED = {"slack": slack_arrived, "teams": teams_arrived}


class TestSlack(MessengerConformance):
    message = MessengerConformance.message.model_copy(update={"channel": "chat", "to": ()})

    @pytest.fixture
    async def world(self, slack):
        handle = await chat_handle("slack", slack)
        return MessengerWorld(handle.capability("messenger"), lambda: [slack_arrived(body) for body in slack.posts])


class TestTeams(MessengerConformance):
    message = MessengerConformance.message.model_copy(update={"channel": "chat", "to": ()})

    @pytest.fixture
    async def world(self, teams):
        handle = await chat_handle("teams", teams)
        return MessengerWorld(handle.capability("messenger"), lambda: [teams_arrived(body) for body in teams.posts])


@pytest.fixture(params=["slack", "teams"])
def via(request):
    return request.param


@pytest.fixture
def channel(via, slack, teams):
    return {"slack": slack, "teams": teams}[via]


async def messenger(via, channel, **more):
    return (await chat_handle(via, channel, **more)).capability("messenger")


async def test_waits_as_long_as_the_vendor_asks(via, channel):
    channel.script = [httpx.Response(429, headers={"Retry-After": "7"})]
    await (await messenger(via, channel)).send(MESSAGE)
    assert len(channel.posts) == 1
    assert 7 <= channel.slept[0] < 8


async def test_an_attackers_text_is_text(via, channel):
    evil = "<!channel> <https://evil.example|Click> [Click](https://evil.example) **x** &amp;"
    await (await messenger(via, channel)).send(MESSAGE.model_copy(update={"text": evil, "subject": evil}))
    (body,) = channel.posts
    assert ARRIVED[via](body)["text"] == evil
    kinds = set(_values(body, "type"))
    assert "mrkdwn" not in kinds
    assert "TextBlock" not in kinds, "TextBlock knows Markdown"
    if via == "slack":
        assert "<" not in body["text"]


async def test_a_shared_channel_says_whose_it_is(via, channel):
    client = Client("acme", "Acme Ltd", frozenset())
    await (await messenger(via, channel, client=client)).send(MESSAGE)
    assert ARRIVED[via](channel.posts[0])["label"] == "Acme Ltd"


@pytest.mark.parametrize("text", ["x" * 100_000, "line\n" * 20_000, "ü" * 15_999], ids=["one line", "many", "wide"])
async def test_too_long_is_cut_and_says_so(via, channel, text):
    await (await messenger(via, channel)).send(MESSAGE.model_copy(update={"text": text}))
    assert len(channel.posts) == 1
    if len(text) > 16_000 and via == "teams":
        assert "cut here" in ARRIVED[via](channel.posts[0])["text"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(404, text="no_service"), SignInFailed),
        (httpx.Response(410, text="channel_is_archived"), SignInFailed),
        (httpx.Response(403, text="action_prohibited"), SignInFailed),
        (httpx.Response(400, text="invalid_payload"), Rejected),
        (httpx.Response(500, text="rollup_error"), InDoubt),
        (httpx.Response(200, text="<html>something else</html>"), InDoubt),
        (httpx.Response(200, content=b"\xff\xfeo\x00k\x00"), InDoubt),
        (httpx.DecodingError("not the encoding that it says"), InDoubt),
        (httpx.RemoteProtocolError("half an answer"), InDoubt),
        (httpx.Response(401, text="token_expired"), SignInFailed),
        (httpx.Response(302, headers={"Location": "https://evil.example/"}), InDoubt),
        (httpx.ReadTimeout("no answer"), InDoubt),
    ],
    ids=lambda x: getattr(x, "__name__", None) or str(getattr(x, "status_code", x)),
)
async def test_what_an_answer_means(via, channel, answer, error):
    channel.script = [answer]
    handle = await chat_handle(via, channel)
    with pytest.raises(error) as caught:
        await handle.capability("messenger").send(MESSAGE)
    assert len(channel.requests) == 1, "a message that may have arrived is not repeated"
    assert await handle.capability("messenger").sent(MESSAGE.key) is None
    _clean(repr(caught.value.as_dict()) + repr(caught.value.__cause__) + repr(caught.value.__context__))


async def test_no_connection_is_tried_again(via, channel):
    channel.script = [httpx.ConnectError("no")] * 2
    await (await messenger(via, channel)).send(MESSAGE)
    assert len(channel.posts) == 1
    channel.script = [httpx.ConnectError("no")] * 20
    with pytest.raises(Unreachable):
        await (await messenger(via, channel)).send(MESSAGE)


async def test_more_throttling_than_a_message_waits_for(via, channel):
    channel.script = [httpx.Response(429, headers={"Retry-After": "900"})]
    with pytest.raises(Throttled) as caught:
        await (await messenger(via, channel)).send(MESSAGE)
    assert caught.value.retry_after == 900


@pytest.mark.parametrize(
    ("via", "url"),
    [
        ("slack", "http://hooks.slack.com/services/T/B/x"),
        ("slack", "https://hooks.slack.com.evil.example/services/T/B/x"),
        ("slack", "https://user@hooks.slack.com/x"),
        ("slack", "https://hooks.slack.com:8443/x"),
        ("teams", "https://acme.webhook.office.com/webhookb2/canary"),
        ("teams", "nonsense canary"),
        ("teams", "https://[::1/canary"),
    ],
)
async def test_what_is_no_webhook_of_the_vendor_gets_no_message(via, url, slack, teams):
    channel = {"slack": slack, "teams": teams}[via]
    handle = await chat_handle(via, channel, url=url)
    with pytest.raises(SignInFailed) as caught:
        await handle.capability("messenger").send(MESSAGE)
    assert url not in repr(caught.value.as_dict())
    assert channel.requests == []
    assert (await handle.check()).signed_in is False


_LOUD = ("httpx", "httpcore", "asyncio")


@pytest.fixture
def loud():
    """Everything is logged, as JSON lines; afterwards as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, {name: logging.getLogger(name).level for name in _LOUD}
    out = io.StringIO()
    logs.configure(out, level="DEBUG")
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield out
    root.handlers[:], levels = before[0], before[2]
    root.setLevel(before[1])
    for name in _LOUD:
        logging.getLogger(name).setLevel(levels[name])
    logging.captureWarnings(False)


async def test_the_address_stands_in_no_log(loud, via, channel, caplog):
    logging.getLogger().addHandler(caplog.handler)
    channel.script = [httpx.Response(500), httpx.ConnectError("no")]
    one = await messenger(via, channel)
    with pytest.raises(InDoubt):
        await one.send(MESSAGE)
    await one.send(MESSAGE)
    logging.getLogger("some.library").warning("sending to %s", channel.url)
    assert "[redacted]" in loud.getvalue()
    _clean(loud.getvalue())
    _clean("\n".join(r.getMessage() for r in caplog.records if r.name != "some.library"))


async def test_a_check_sends_nothing(via, channel):
    found = await (await chat_handle(via, channel)).check()
    assert found.signed_in is None
    assert found.problems == ()
    assert channel.requests == []


async def test_mail_is_not_for_a_channel(via, channel):
    with pytest.raises(OutOfScope):
        await (await messenger(via, channel)).send(MessengerConformance.message)


async def test_many_at_once_arrive_once_each(via, channel):
    one = await messenger(via, channel)
    await asyncio.gather(*(one.send(MESSAGE.model_copy(update={"key": f"k{n}"})) for n in range(40)))
    assert len(channel.posts) == 40


def _clean(text: str) -> None:
    for secret in (SLACK_URL, TEAMS_URL, "canaryslackwebhook", "canaryteamswebhook", "canarysig77"):
        assert secret not in text


def _values(value, name):
    if isinstance(value, dict):
        yield from ([value[name]] if name in value else [])
        for inner in value.values():
            yield from _values(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, name)


RUN = """
id: tell
version: 1
title: Tell them
kind: incident
phases: [confirm]
params: {}
steps:
  - id: tell
    title: Told
    phase: confirm
    uses: messenger.notify
    with:
      template: incident_closed
      to: [primary]
      channel: chat
      facts: {client: Acme, reference: r, accounts: [], dwell_minutes: 1, containment_minutes: 1, not_known: []}
"""


@pytest.mark.parametrize("status", [401, 404])
async def test_a_webhook_that_was_taken_away_stops_the_run_and_it_is_told_once_when_it_is_back(
    via, channel, status, tmp_path
):
    stand = Stand(tmp_path, TaskRegistry.discover(entry_points=False))
    stand.create(RUN)
    access = Access(subject={"name": "acme", "contacts": []}, capabilities={"messenger": await messenger(via, channel)})
    channel.script = [httpx.Response(status, text="no_service")] * 9
    assert (await stand.run("run-1", access)).stopped is Status.PAUSED
    error = stand.view()["steps"][0]["error"]
    assert (error["code"], channel.posts) == ("sign_in_failed", [])
    assert error["remedy"]
    _clean(repr(error))
    channel.script = []
    for _ in range(2):
        assert (await stand.run("run-1", access)).ended is Status.COMPLETED, "refused for certain: nobody is asked"
    assert len(channel.posts) == 1
    stand.close()


def test_bodies_are_json():
    assert json.dumps(MESSAGE.model_dump())
