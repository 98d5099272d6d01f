from __future__ import annotations

import pytest

from integrations.lab.faults import FaultPlan
from integrations.lab.lab import Lab
from integrations.sink.provider import SinkHandle
from tenantry.errors import InDoubt, SignInFailed
from tests.conformance.messenger import MessengerConformance, MessengerWorld
from tests.integrations.sink.conftest import opened


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
