"""Looking again until everything is as it must be: vendors go on showing an old state for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from pydantic import Field

from tenantry.errors import NotVerified

PAUSE: Final = 2.0
"""Seconds between two looks."""

Patience = Annotated[
    float, Field(ge=0, le=600, description="Seconds for which the vendor may go on showing an old state")
]

Look = Callable[[], Awaitable[tuple[list[str], list[str]]]]
"""Reads everything and gives what holds and what does not."""


async def until_right(look: Look, patience: float) -> list[str]:
    """What holds, once nothing is wrong any more.

    Raises:
        NotVerified: something is still wrong after ``patience`` seconds; names the first ten.
    """
    deadline = asyncio.get_running_loop().time() + patience
    while True:
        proofs, wrong = await look()
        if not wrong:
            return proofs
        if asyncio.get_running_loop().time() + PAUSE > deadline:
            more = f"; and {len(wrong) - 10} more" if len(wrong) > 10 else ""
            raise NotVerified(f"not so: {'; '.join(wrong[:10])}{more}")
        await asyncio.sleep(PAUSE)
