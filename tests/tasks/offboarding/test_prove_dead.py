from __future__ import annotations

import pytest

from tasks.offboarding.prove_dead import ProveDead, ProveDeadParams
from tenantry.capabilities.offboarding import Tried
from tenantry.errors import CannotCheck, NotVerified
from tests.tasks.offboarding.hand import Hand, context

P = ProveDeadParams(provider="hosts")


def hand(state: str, **more: object) -> Hand:
    found = Hand()
    found.states["hosts"] = Tried.model_validate({"provider": "hosts", "state": state, **more})
    return found


async def test_what_is_refused_is_dead() -> None:
    assert (await ProveDead().read(context(hand("refused")), P)).state == "refused"
    assert (await ProveDead().read(context(hand("untried")), P)).state == "untried"


async def test_what_works_is_named() -> None:
    with pytest.raises(NotVerified, match=r"hosts still lets us in \(key\)"):
        await ProveDead().read(context(hand("works", alive=["key"])), P)
    assert (await ProveDead().read(context(hand("works"), "plan"), P)).state == "planned"


async def test_what_does_not_answer_is_not_dead() -> None:
    with pytest.raises(CannotCheck, match="503"):
        await ProveDead().read(context(hand("unknown", why="503")), P)
