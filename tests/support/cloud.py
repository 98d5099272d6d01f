"""A tenant of the task tests that has a cloud account: the lab's, in memory, with the fake's clock and list of writes."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.lab import Lab
from integrations.lab.cloud.service import implementations
from tests.support.effects import ContestedEffectContract, EffectContract

from .fakes import FakeTenant


class CloudTenant(FakeTenant):
    """``lab.cloud`` is the account; every write in it is in ``writes`` as ``(method, target, None)``."""

    def __init__(self, scenario: str = "quiet") -> None:
        super().__init__()
        self.lab = Lab(scenario, users=20, clock=self.clock.now)
        self.lab.wrote = lambda _service, method, target, *_: self.writes.append((method, target, None))  # type: ignore[method-assign]
        self.account = self.lab.cloud
        self.more = implementations(self.account)

    def seen(self, table: str, id: str) -> dict[str, Any]:
        return dict(self.account.truth(table, id).props)

    def machine(self) -> str:
        """The first instance."""
        return next(record.id for record in self.account.table("instances"))


class CloudEffect(EffectContract):
    """The contract of an effect, on a tenant with a cloud account."""

    @pytest.fixture
    def tenant(self) -> CloudTenant:
        return CloudTenant()


class ContestedCloudEffect(ContestedEffectContract):
    """Likewise, where undo may find a third state."""

    @pytest.fixture
    def tenant(self) -> CloudTenant:
        return CloudTenant()
