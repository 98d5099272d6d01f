"""The capability on the lab's hosts, through its own client, and what only the lab promises: audit and faults."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretBytes

from integrations.lab import Lab
from integrations.lab.faults import FaultPlan
from integrations.labhosts.provider import PROVIDER
from tenantry.errors import InDoubt, OutOfScope, SignInFailed, VendorFault
from tests.conformance.host import HostConformance, HostWorld


async def open_lab(lab: Lab, token: str | None = None):
    async def secret(name: str) -> SecretBytes:
        return SecretBytes((token or lab.sink_token).encode())

    return await PROVIDER.open({"base_url": "https://lab.invalid"}, secret, transport=httpx.ASGITransport(lab.app))


@pytest.fixture
def lab() -> Lab:
    return Lab("compromised_host", users=20)


@pytest.fixture
async def handle(lab: Lab) -> AsyncIterator:
    opened = await open_lab(lab)
    yield opened
    await opened.aclose()


class TestLabHosts(HostConformance):
    @pytest.fixture
    def world(self, handle) -> HostWorld:
        hosts = frozenset({"web1", "db1", "mon1", "bastion"})
        return HostWorld(provider=handle.capability("host"), host="web1", hosts=hosts, probe="mon1", systemd=True)


async def test_every_write_is_in_the_audit_and_no_read_is(lab, handle):
    host = handle.capability("host")
    await host.facts("web1")
    [_ async for _ in host.volatile("web1", "processes")]
    assert lab.audit == []
    await host.lock_account("web1", "sysupd")
    await host.isolate("web1", [])
    assert [(e["service"], e["method"], e["target"]) for e in lab.audit] == [
        ("hosts", "lock_account", "web1/accounts/sysupd"),
        ("hosts", "isolate", "web1/isolation"),
    ]
    assert lab.innocent_touched() == []
    await host.lock_account("web1", "alice")
    await host.isolate("db1", [])
    assert len(lab.innocent_touched()) == 2


async def test_a_write_without_an_answer_is_in_doubt_and_done(lab, handle):
    lab.faults.set(FaultPlan.model_validate({"timeout_after_effect_rate": 1, "hang_ms": 1}))
    host = handle.capability("host")
    with pytest.raises(InDoubt):
        await host.lock_account("web1", "sysupd")
    assert len(lab.audit) == 1


async def test_the_token_is_asked_for(lab):
    stranger = await open_lab(lab, token="wrong")
    with pytest.raises(SignInFailed):
        await stranger.capability("host").hosts()
    assert not (await stranger.check()).signed_in
    with pytest.raises(OutOfScope):
        stranger.capability("mail")
    await stranger.aclose()


def test_the_story_begins_again_after_a_reset(lab):
    lab.tenant.hosts["web1"].lock("sysupd")
    lab.reset()
    assert lab.tenant.hosts["web1"].accounts["sysupd"].password == "set"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"value": {"odd": 1}}),
        httpx.Response(200, json={"value": ["odd"]}),
        httpx.Response(200, json={"value": "no base64!"}),
        httpx.Response(200, json={"value": None}),
        httpx.Response(200, json={}),
        httpx.Response(200, text="<html>"),
    ],
    ids=["object", "list", "text", "null", "nothing", "html"],
)
async def test_nothing_is_concluded_from_an_answer_that_makes_no_sense(lab, answer):
    async def secret(_: str) -> SecretBytes:
        return SecretBytes(lab.sink_token.encode())

    async def asleep(_: float) -> None: ...

    handle = await PROVIDER.open(
        {"base_url": "https://lab.invalid"}, secret, transport=httpx.MockTransport(lambda _: answer)
    )
    handle._http._sleep = asleep
    host = handle.capability("host")
    for call in (host.hosts(), host.facts("web1"), host.isolation("web1"), host.accounts("web1")):
        with pytest.raises(VendorFault):
            await call
    with pytest.raises(VendorFault):
        [_ async for _ in host.read_file("web1", "/x")]
    await handle.aclose()


async def test_who_cannot_be_reached_has_not_let_us_in():
    async def secret(_: str) -> SecretBytes:
        return SecretBytes(b"x")

    async def asleep(_: float) -> None: ...

    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    handle = await PROVIDER.open({"base_url": "https://lab.invalid"}, secret, transport=httpx.MockTransport(away))
    handle._http._sleep = asleep
    found = await handle.check()
    assert (found.signed_in, found.reachable) == (False, False)
    assert found.problems
    await handle.aclose()
