from __future__ import annotations

from tasks.offboarding.inventory import TakeInventory
from tenantry.capabilities.offboarding import Holding
from tenantry.task import NoParams
from tests.tasks.offboarding.hand import Hand, context


async def test_what_could_not_be_asked_is_unknown_and_never_nothing() -> None:
    hand = Hand()
    hand.held = [
        Holding(id="vault/secrets", what="Secrets", where="vault.db", state="held", count=3, unit="secrets"),
        Holding(id="drops", what="Links", where="drops.db", state="nothing"),
        Holding(id="system/m365", what="Access", where="theirs", state="unknown", why="it did not answer", ours=False),
    ]
    found = await TakeInventory().read(context(hand), NoParams())
    assert found.unknown == ["system/m365: it did not answer"]
    assert found.summary == ["Secrets: 3 secrets", "Links: nothing", "Access: unknown"]
    assert found.evidence.name == "it/inventory.json"
