"""The organisation that an account is in.

https://docs.aws.amazon.com/organizations/latest/APIReference/API_DescribeOrganization.html: any account of it may ask.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from integrations.aws.caller import Caller, answered
from tenantry.errors import PermissionMissing, Rejected

__all__ = ["Membership", "Organization"]

_NONE = "AWSOrganizationsNotInUseException"


@dataclass(frozen=True, slots=True)
class Membership:
    """Empty: in none, or the role may not ask. Whoever reads it takes strangers for strangers then."""

    id: str = ""
    owner: str = ""
    """The account that manages it."""


class Organization:
    """Asked once."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._found: Membership | None = None
        self._asking = asyncio.Lock()

    async def membership(self) -> Membership:
        """Which organisation, and who manages it."""
        async with self._asking:
            if self._found is None:
                self._found = await self._ask()
            return self._found

    async def _ask(self) -> Membership:
        try:
            answer = await self._caller.read("organizations", "describe_organization")
        except PermissionMissing:
            return Membership()
        except Rejected as refusal:
            if refusal.detail.get("vendor_code") != _NONE:
                raise
            return Membership()
        row = answered(answer, "Organization", "organizations.DescribeOrganization")
        return Membership(str(row.get("Id", "")), str(row.get("MasterAccountId", "")))
