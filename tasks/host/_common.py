"""What the tasks about hosts share: parameters, the reasons to ask first, and storing what is streamed."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from tasks._rows import evidence_name
from tenantry.capabilities import HostAccount, HostFacts, OtherWayIn
from tenantry.task import Context, EvidenceRef

HostName = Annotated[
    str, Field(min_length=1, max_length=253, description="Name of the host, as the tenant's file gives it")
]
AccountName = Annotated[str, Field(min_length=1, max_length=256, description="Name of the account on the host")]

PIECE: Final = 8 * 1024 * 1024
"""Bytes of one piece of streamed evidence."""


class OnHost(BaseModel):
    """Parameters of a task that is about one host."""

    model_config = ConfigDict(extra="forbid")
    host: HostName


def named_as_ours(ctx: Context, host: str, account: str, facts: HostFacts) -> list[str]:
    """Whether the account is the one that we are signed in as, or one that the tenant's file protects (``name`` or
    ``name@host`` under responder_accounts or break_glass_accounts)."""
    reasons = []
    if account == facts.responder_account:
        reasons.append(f"{account} is the account that we are signed in as on {host}: the way in")
    if {account.lower(), f"{account}@{host}".lower()} & {name.lower() for name in ctx.protected}:
        reasons.append(f"{account} on {host} is a break-glass or responder's account of this tenant")
    return reasons


def ways_in(found: Sequence[OtherWayIn]) -> list[str]:
    """Each in a few words, for what a person reads; the first twenty."""
    return [
        f"{way.directive} {way.value}" + (f" (for {way.condition})" if way.condition else "") + f" in {way.path}"
        for way in found[:20]
    ]


async def account_guards(ctx: Context, host: str, account: str) -> list[str]:
    """For what shuts an account out: it is ours, protected, or the last one that administers the host.

    Raises:
        ProviderError: accounts could not be read. Unknown is not "no reason": the effect waits.
    """
    facts, accounts = await ctx.host.facts(host), await ctx.host.accounts(host)
    reasons = named_as_ours(ctx, host, account, facts)
    if account == "root":
        reasons.append(f"root of {host}: services run as it")
    if _last(ctx, account, accounts):
        reasons.append(f"{account} is the last account that administers {host}: the last way in")
    return reasons


async def key_guards(ctx: Context, host: str, account: str, fingerprint: str) -> list[str]:
    """For what takes a key out of force: it is ours, or the last key of the last account that administers the host."""
    facts = await ctx.host.facts(host)
    reasons = []
    if fingerprint == facts.responder_key:
        reasons.append(f"it is the key that we sign in with on {host}: the way in")
    others = [
        key
        for key in await ctx.host.authorized_keys(host)
        if key.enabled and key.account == account and key.fingerprint != fingerprint
    ]
    if not others and _last(ctx, account, await ctx.host.accounts(host)):
        reasons.append(f"it is the last key of {account}, the last account that administers {host}: the last way in")
    return reasons


def _last(ctx: Context, account: str, accounts: Sequence[HostAccount]) -> bool:
    today = ctx.now.astimezone(UTC).date()
    return [one.id for one in accounts if one.privileged and one.open(today)] == [account]


class StoredStream(BaseModel):
    """A stream as evidence: in how many pieces, and the digest of the whole."""

    model_config = ConfigDict(extra="forbid")
    name: str
    sha256: str
    size: int
    evidence: list[EvidenceRef]


async def store_stream(ctx: Context, name: str, pieces: AsyncIterator[bytes]) -> StoredStream:
    """Store a stream in pieces, ``<name>``, ``<name>.2`` …, with the memory of one of them. Put together in order they
    have the digest that is returned."""
    whole, size = hashlib.sha256(), 0
    waiting = bytearray()
    refs: list[EvidenceRef] = []
    full = evidence_name(ctx, name)

    async def flush() -> None:
        suffix = f".{len(refs) + 1}" if refs else ""
        refs.append(await ctx.evidence.store_bytes(f"{full}{suffix}", bytes(waiting)))
        waiting.clear()

    async for piece in pieces:
        whole.update(piece)
        size += len(piece)
        waiting += piece
        if len(waiting) >= PIECE:
            await flush()
    if waiting or not refs:
        await flush()
    return StoredStream(name=name, sha256=whole.hexdigest(), size=size, evidence=refs)
