"""Services that take one fixed token: its header, and what a look at such a service shows."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from integrations.http import Http
from tenantry.errors import ProviderError, SignInFailed
from tenantry.providers import ProviderCheck, SecretSource

__all__ = ["TokenHeader", "checked"]


@dataclass(frozen=True, slots=True)
class TokenHeader:
    """The Authorization header from a fixed token, asked for at each call and not kept."""

    secrets: SecretSource

    async def header(self) -> str:
        return f"Bearer {(await self.secrets('token')).get_secret_value().decode()}"

    async def refused(self, _header: str) -> bool:  # there is only the one token
        return False


async def checked(http: Http, probe: Awaitable[Mapping[str, Any]]) -> ProviderCheck:
    """Whether a service answers to the token.

    Args:
        probe: a harmless call; its facts.
    """
    try:
        facts = await probe
    except ProviderError as error:
        problem = f"{error.message}. {error.remedy}"
        refused = isinstance(error, SignInFailed)
        return ProviderCheck(
            signed_in=False,
            granted=None,
            problems=(problem,),
            reachable=http.answered,
            refused=refused,
            tried={"token": False if refused else None},  # a service in trouble has refused nothing
        )
    return ProviderCheck(
        signed_in=True, granted=None, facts=facts, reachable=True, clock_skew=http.clock_skew, tried={"token": True}
    )
