"""The one request that there is."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx

from tenantry.errors import Rejected, Unreachable, VendorFault

__all__ = ["request_timestamp"]

_TYPE: Final = "application/timestamp-query"
_LARGEST: Final = 65_536
_TRIES: Final = 3


async def request_timestamp(
    url: str, query: bytes, *, timeout: float = 10.0, transport: httpx.AsyncBaseTransport | None = None
) -> bytes:
    """Ask the authority for a time stamp.

    Args:
        url: of the authority.
        query: a TimeStampReq, DER.
        timeout: seconds for each of three tries.
        transport: another way to it than the network, for tests.

    Returns:
        the TimeStampResp, DER; not verified.

    Raises:
        Unreachable, VendorFault: no answer, or not one of an authority. Rejected: it refused the request.
    """
    async with httpx.AsyncClient(timeout=timeout, transport=transport) as client:
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(0.2 * 2**attempt)
            try:
                answer = await client.post(url, content=query, headers={"Content-Type": _TYPE})
            except httpx.HTTPError as error:
                failed: Unreachable | VendorFault = Unreachable(
                    f"the time-stamp authority does not answer ({type(error).__name__})"
                )
                continue
            if answer.status_code >= 500:
                failed = VendorFault("the time-stamp authority failed", status=answer.status_code)
                continue
            if answer.status_code >= 400:
                raise Rejected("the time-stamp authority refused the request", status=answer.status_code)
            content = answer.content
            if answer.status_code != 200 or not 0 < len(content) <= _LARGEST:
                raise VendorFault("what answers is no time-stamp authority", status=answer.status_code)
            return content
    raise failed
