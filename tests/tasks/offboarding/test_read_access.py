from __future__ import annotations

from tasks.offboarding.read_access import ReadAccess
from tenantry.capabilities.offboarding import OwnAccess
from tenantry.task import NoParams
from tests.tasks.offboarding.hand import Hand, context


async def test_every_way_in_is_listed_and_what_leaves_by_itself() -> None:
    hand = Hand()
    hand.ways = [
        OwnAccess(provider="m365", vendor="microsoft365", by_itself=True, what=("application 1",), remains=("a role",)),
        OwnAccess(provider="aws", vendor="aws", by_itself=False, what=("trust of AWS account 2",)),
    ]
    found = await ReadAccess().read(context(hand), NoParams())
    assert [one.provider for one in found.ways] == ["m365", "aws"]
    assert found.leaves == ["m365"]
    assert found.by_hand == ["m365 (microsoft365): a role", "aws (aws): trust of AWS account 2"], "what stays after us"
