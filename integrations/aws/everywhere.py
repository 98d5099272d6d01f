"""Every region that an account has enabled: an attacker works where nobody looks.

A region that the role may not read (organisations deny whole regions) does not keep the others from being read: it is said when they were.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, TypeVar

from integrations.aws.caller import Caller, answered
from integrations.aws.errors import VENDOR
from tenantry.errors import PermissionMissing, VendorFault

__all__ = ["Regions", "each_region"]

T = TypeVar("T")


class Regions:
    """What the account has enabled, asked once: a handle does not outlive a region's being enabled by much."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._found: tuple[str, ...] = ()
        self._asking = asyncio.Lock()

    async def enabled(self) -> tuple[str, ...]:
        """The regions of the tenant's file first. DescribeRegions names those that are enabled, without being asked for the others
        (docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeRegions.html)."""
        async with self._asking:
            if not self._found:
                answer = await self._caller.read("ec2", "describe_regions")
                names = [str(row["RegionName"]) for row in answered(answer, "Regions", "ec2.DescribeRegions")]
                if not names:
                    raise VendorFault("ec2.DescribeRegions named no region", vendor=VENDOR)
                self._found = tuple(dict.fromkeys((*self._caller.regions, *sorted(names))))
        return self._found


async def each_region(regions: Iterable[str], rows: Callable[[str], AsyncIterator[T]]) -> AsyncIterator[T]:
    """What there is in each region, region by region.

    Raises:
        PermissionMissing: when all were asked, with those that may not be read.
    """
    refused: list[str] = []
    first: PermissionMissing | None = None
    for region in regions:
        try:
            async for row in rows(region):
                yield row
        except PermissionMissing as refusal:
            refused.append(region)
            first = first or refusal
    if first is not None:
        detail: dict[str, Any] = first.detail
        raise PermissionMissing(f"{first.message} in {', '.join(refused)}", remedy=first.remedy, **detail)
