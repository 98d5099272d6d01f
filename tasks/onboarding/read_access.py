"""`onboarding.read_access`"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks.onboarding._desk import desk
from tenantry.capabilities.onboarding import NamedCredential, ProviderAccess
from tenantry.clock import rfc3339
from tenantry.task import Context, NoParams, Output, ReadTask


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SystemRead(_Part):
    provider: str
    vendor: str
    state: Literal["works", "lacking", "refused", "unreachable", "untried"]
    problems: list[str]


class AskedFor(_Part):
    """As `vault.expect_credentials` takes it."""

    name: str
    kind: Literal["password", "text", "file"]
    title: str


class Asked(_Part):
    """What one contact is asked for."""

    contact: str
    expect: list[AskedFor]


class ToConnect(_Part):
    cloud: Literal["m365", "aws"]
    known: bool
    """The client's file has it, and it does not sign in."""


class AccessRead(Output):
    """How we stand at each of the client's systems, and what is to be done about it.

    ``at`` is the time of this look. ``collect``: what is lacking or refused; ``wrong``: of that, what is refused. ``rotate`` and ``by_hand``:
    credentials that came from somebody else and work, and were not replaced since, by an integration or by a person.
    """

    at: str
    systems: list[SystemRead]
    works: list[str]
    unreachable: list[str]
    lacking: list[str]
    refused: list[str]
    collect: list[Asked]
    wrong: list[Asked]
    connect: list[ToConnect]
    rotate: list[str]
    by_hand: list[str]


class ReadAccess(ReadTask[NoParams, AccessRead]):
    """Sign in to each of the client's systems, and say what is lacking, what is refused, and what is to be replaced.

    A system that does not answer says nothing about its credential: it is neither asked for again nor called good.
    """

    name = "onboarding.read_access"
    needs = ("onboarding",)
    timeout = 300.0
    Output = AccessRead

    async def read(self, ctx: Context, p: NoParams) -> AccessRead:  # noqa: ARG002  # it has none
        systems = await asyncio.gather(*(desk(ctx).access(name) for name in await desk(ctx).providers()))
        connections = [one for one in await desk(ctx).connections() if not one.signs_in]
        lacking = [c for one in systems if one.state == "lacking" for c in one.credentials if c.version is None]
        refused = [c for one in systems if one.state == "refused" for c in one.credentials]
        known = [c for one in systems if one.state in ("works", "untried") for c in one.credentials if c.handed_over]
        return AccessRead(
            at=rfc3339(ctx.now),
            systems=[_read(one) for one in systems],
            works=_of(systems, "works"),
            unreachable=_of(systems, "unreachable"),
            lacking=[one.name for one in lacking],
            refused=[one.name for one in refused],
            collect=asked([*lacking, *refused]),
            wrong=asked(refused),
            connect=[ToConnect(cloud=one.cloud, known=one.provider is not None) for one in connections],
            rotate=_once(one for one in known if one.rotatable),
            by_hand=_once(one for one in known if not one.rotatable),
        )


def _read(one: ProviderAccess) -> SystemRead:
    problems = [problem[:500] for problem in one.problems[:20]]
    return SystemRead(provider=one.provider, vendor=one.vendor, state=one.state, problems=problems)


def _of(systems: Sequence[ProviderAccess], state: str) -> list[str]:
    return [one.provider for one in systems if one.state == state]


def _once(credentials: Iterable[NamedCredential]) -> list[str]:
    """By name; of those that are one secret of the vault, the first."""
    found: dict[str, str] = {}
    for one in credentials:
        found.setdefault(one.stored_as, one.name)
    return list(found.values())


def asked(credentials: Iterable[NamedCredential]) -> list[Asked]:
    """By contact, each secret of the vault once."""
    found: dict[str, dict[str, AskedFor]] = {}
    for one in credentials:
        if one.collect:
            expected = AskedFor(name=one.stored_as, kind=one.kind, title=one.title or one.name)
            found.setdefault(one.contact, {}).setdefault(one.stored_as, expected)
    return [Asked(contact=contact, expect=list(expected.values())) for contact, expected in found.items()]
