"""What every provider of ``telephony`` must do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tenantry.capabilities import Telephony
from tenantry.errors import Rejected


@dataclass
class TelephonyWorld:
    provider: Telephony
    account_id: str
    """Has one number."""
    other_id: str
    """Has none."""
    writes: Callable[[], int]


class TelephonyConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: TelephonyWorld) -> None:
        assert isinstance(world.provider, Telephony)

    async def test_a_number_is_taken_and_given_back_as_it_was(self, world: TelephonyWorld) -> None:
        [before] = await world.provider.numbers(world.account_id)
        assert (bool(before.number), bool(before.raw), before.category) == (True, True, "primary")
        assert list(await world.provider.numbers(world.other_id)) == []
        await world.provider.unassign(before)
        assert list(await world.provider.numbers(world.account_id)) == []
        await world.provider.assign(before, world.account_id)
        [after] = await world.provider.numbers(world.account_id)
        assert after.model_dump(exclude={"raw"}) == before.model_dump(exclude={"raw"})
        assert world.writes() == 2

    async def test_a_number_that_is_somebodys_is_given_to_nobody_else(self, world: TelephonyWorld) -> None:
        [one] = await world.provider.numbers(world.account_id)
        with pytest.raises(Rejected):
            await world.provider.assign(one, world.other_id)
        assert world.writes() == 0
