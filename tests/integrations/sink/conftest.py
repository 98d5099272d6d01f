"""A handle on a lab's sink in process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretBytes

from integrations.lab.lab import Lab
from integrations.sink.provider import PROVIDER, Settings, SinkHandle

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
