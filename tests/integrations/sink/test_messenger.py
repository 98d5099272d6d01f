from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretBytes, ValidationError

from integrations.lab.faults import FaultPlan
from integrations.lab.lab import Lab
from integrations.sink.provider import PROVIDER, Settings, SinkHandle
from tenantry.errors import InDoubt, OutOfScope, SignInFailed
from tests.conformance.messenger import MessengerConformance, MessengerWorld

BASE = "http://127.0.0.1/sink"


@pytest.fixture
def lab() -> Lab:
    return Lab(scenario="quiet", users=20)


async def opened(lab: Lab, token: str) -> SinkHandle:
    async def secrets(name: str) -> SecretBytes:
        assert name == "token"
        return SecretBytes(token.encode())

    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0)

    return await PROVIDER.open(Settings(base_url=BASE), secrets, transport=httpx.ASGITransport(lab.app), sleep=sleep)


@pytest.fixture
async def handle(lab: Lab) -> AsyncIterator[SinkHandle]:
    found = await opened(lab, lab.sink_token)
    yield found
    await found.aclose()


@pytest.fixture
def world(lab: Lab, handle: SinkHandle) -> MessengerWorld:
    return MessengerWorld(provider=handle.capability("messenger"), arrived=lambda: list(lab.sink.messages))


class TestConformance(MessengerConformance):
    pass


async def test_a_message_without_an_answer_is_in_doubt_and_found(lab: Lab, handle: SinkHandle) -> None:
    messenger = handle.capability("messenger")
    message = MessengerConformance.message
    lab.faults.set(FaultPlan.model_validate({"script": [{"fault": "timeout_after_effect", "hang_ms": 0}]}))
    with pytest.raises(InDoubt):
        await messenger.send(message)
    assert await messenger.sent(message.key) is True
    assert len(lab.sink.messages) == 1
    assert lab.sink.duplicates == []


async def test_a_wrong_token(lab: Lab) -> None:
    handle = await opened(lab, "canary-9")
    with pytest.raises(SignInFailed) as caught:
        await handle.capability("messenger").send(MessengerConformance.message)
    assert "canary-9" not in repr(caught.value)
    found = await handle.check()
    assert not found.signed_in
    assert found.problems
    await handle.aclose()


async def test_a_check(lab: Lab, handle: SinkHandle) -> None:
    assert (await handle.check()).signed_in
    assert lab.audit == []


async def test_it_offers_nothing_else(handle: SinkHandle) -> None:
    with pytest.raises(OutOfScope):
        handle.capability("mail")


@pytest.mark.parametrize("url", ["http://sink.example", "sink", "ftp://127.0.0.1"])
def test_an_address_in_the_clear_is_for_this_machine_only(url: str) -> None:
    with pytest.raises(ValidationError):
        Settings(base_url=url)
