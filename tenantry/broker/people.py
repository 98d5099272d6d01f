"""The people as a run sees them: who there is, and the broker's word on whose code it is."""

from __future__ import annotations

from pydantic import SecretStr

from tenantry.broker.client import BrokeredVault
from tenantry.home import Home
from tenantry.names import Role
from tenantry.people import Authenticated, People

__all__ = ["BrokeredPeople"]


class BrokeredPeople(People):
    """Codes are checked, counted and recorded by the broker: what they are made from never reaches a run's process."""

    def __init__(self, home: Home, vault: BrokeredVault) -> None:
        super().__init__(home, vault)
        self._broker = vault

    def authenticate(
        self,
        person: str,
        code: str | SecretStr,
        *,
        purpose: str,
        tenant: str | None = None,
        role: Role | None = None,
    ) -> Authenticated:
        """As `People.authenticate`; for purposes of the token's own run and tenant.

        Raises:
            NotAuthenticated: the code was not accepted; or the token is not this process's.
            OutOfScope: the person is not for this tenant or role; or the question is not this run's.
        """
        given = code if isinstance(code, SecretStr) else SecretStr(code)
        who, at, method = self._broker.authenticate(person, given, purpose=purpose, tenant=tenant, role=role)
        return Authenticated(self.get(who), at, method, purpose, tenant)
