"""`onboarding.read_access`"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from tasks.onboarding._desk import desk
from tenantry.capabilities.onboarding import NamedCredential, ProviderAccess
from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.task import Context, Output, ReadTask

_LATELY: Final = timedelta(minutes=10)
"""For which it holds that a system does not answer."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SystemRead(_Part):
    """``versions``: of each credential, which one was tried; ``tried_at``: when."""

    provider: str
    vendor: str
    state: Literal["works", "lacking", "refused", "unreachable", "untried"]
    problems: list[str]
    versions: dict[str, int] = Field(default_factory=dict)
    tried_at: str = ""


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


class ReadAccessParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    before: Annotated[
        AccessRead | None,
        Field(
            description="What an earlier step of the run saw: with the same credentials, what worked then is not tried again, "
            "nor is what did not answer minutes ago"
        ),
    ] = None


class ReadAccess(ReadTask[ReadAccessParams, AccessRead]):
    """Sign in to each of the client's systems, and say what is lacking, what is refused, and what is to be replaced.

    A system that does not answer says nothing about its credential: it is neither asked for again nor called good.
    """

    name = "onboarding.read_access"
    needs = ("onboarding",)
    timeout = 300.0
    Params = ReadAccessParams
    Output = AccessRead

    async def read(self, ctx: Context, p: ReadAccessParams) -> AccessRead:
        known = {} if p.before is None else {one.provider: one for one in p.before.systems}
        reads = await asyncio.gather(*(_stands(ctx, name, known.get(name)) for name in await desk(ctx).providers()))
        systems = [one for one, _ in reads]
        works = set(_of(systems, "works"))
        connections = [one for one in await desk(ctx).connections() if one.provider not in works]
        lacking = [c for one in systems if one.state == "lacking" for c in one.credentials if c.version is None]
        refused = [c for one in systems if one.state == "refused" for c in one.credentials]
        theirs = [c for one in systems if one.state in ("works", "untried") for c in one.credentials if c.handed_over]
        return AccessRead(
            at=rfc3339(ctx.now),
            systems=[_read(one, at) for one, at in reads],
            works=_of(systems, "works"),
            unreachable=_of(systems, "unreachable"),
            lacking=[one.name for one in lacking],
            refused=[one.name for one in refused],
            collect=asked([*lacking, *refused]),
            wrong=asked(refused),
            connect=[ToConnect(cloud=one.cloud, known=one.provider is not None) for one in connections],
            rotate=_once(one for one in theirs if one.rotatable),
            by_hand=_once(one for one in theirs if not one.rotatable),
        )


async def _stands(ctx: Context, provider: str, before: SystemRead | None) -> tuple[ProviderAccess, str]:
    """How we stand at one, and when it was tried: now, unless an earlier answer holds."""
    if before is not None and _holds(before, ctx):
        credentials = await desk(ctx).credentials(provider)
        if _versions(credentials) == before.versions and all(one.version is not None for one in credentials):
            known = ProviderAccess(
                provider=provider,
                vendor=before.vendor,
                state=before.state,
                credentials=credentials,
                problems=tuple(before.problems),
            )
            return known, before.tried_at
    return await desk(ctx).access(provider), rfc3339(ctx.now)


def _holds(before: SystemRead, ctx: Context) -> bool:
    """What works is tried once more before anything is said of it (`onboarding.prove_access`). Each try of what does not answer takes as
    long as its client is patient."""
    if before.state == "works":
        return True
    lately = before.tried_at and ctx.now - parse_rfc3339(before.tried_at) < _LATELY
    return before.state == "unreachable" and bool(lately)


def _versions(credentials: Iterable[NamedCredential]) -> dict[str, int]:
    return {one.name: one.version for one in credentials if one.version is not None}


def _read(one: ProviderAccess, at: str) -> SystemRead:
    problems = [problem[:500] for problem in one.problems[:20]]
    return SystemRead(
        provider=one.provider,
        vendor=one.vendor,
        state=one.state,
        problems=problems,
        versions=_versions(one.credentials),
        tried_at=at,
    )


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
