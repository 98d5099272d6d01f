from __future__ import annotations

import pytest

from tasks.offboarding.read_delivery import ReadDelivery
from tenantry.capabilities.offboarding import Delivered
from tenantry.errors import NotVerified
from tenantry.task import NoParams
from tests.tasks.offboarding.hand import Hand, context


async def test_the_record_says_that_it_lies_there_and_nobody_else() -> None:
    hand = Hand()
    with pytest.raises(NotVerified, match="no package of this run"):
        await ReadDelivery().read(context(hand), NoParams())
    assert (await ReadDelivery().read(context(hand, "plan"), NoParams())).manifest == ""
    hand.package = Delivered(
        place="s3://theirs", files=3, size=9, manifest_sha256="ab" * 32, credentials=2, left_out=("run x: gone",)
    )
    found = await ReadDelivery().read(context(hand), NoParams())
    assert found.manifest == "ab" * 32
    assert "not in it: run x: gone" in found.summary
