"""What was granted to an application and taken back: giving it again, which makes another grant of the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from tenantry.capabilities import ApplicationGrant, Consent
from tenantry.errors import Conflict

G = TypeVar("G", Consent, ApplicationGrant)

Same = Callable[[G, G], bool]
"""Whether two grants are for the same application, resource and holder; ids differ once a grant was made again."""


async def give_back(
    before: G, held: Iterable[G], same: Same[G], add: Callable[[G], Awaitable[None]], otherwise: str
) -> None:
    """Grant the same again, unless it is there.

    Raises:
        Conflict: something else was granted in its place since; ``otherwise`` says so.
    """
    present = [one for one in held if same(one, before)]
    if any(_scopes(one) == _scopes(before) for one in present):
        return
    if present:
        raise Conflict(otherwise)
    await add(before)


def all_held(wanted: Iterable[G], held: Sequence[G], same: Same[G]) -> bool:
    """Whether each of these is granted now, with the same scopes."""
    return all(any(same(one, each) and _scopes(one) == _scopes(each) for one in held) for each in wanted)


def _scopes(grant: Consent | ApplicationGrant) -> set[str]:
    return set(grant.scope.split())
