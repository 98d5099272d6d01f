"""Carrying a campaign: every tenant's child run, several at a time, past those that cannot be reached.

Directly, without Prefect: a campaign is for the day on which the MSP's own tools are in question, and must work when little else does. Its
children are ordinary runs: they are answered, resumed, undone and exported as any other, also by a service.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from uuid import uuid4

from flows.assembly import Installation
from tenantry.campaign import Campaign, Child, created, find, fold_campaigns, met
from tenantry.errors import InvalidInput, NotFound, RecordError, TaskDefect, TenantryError
from tenantry.journal import MSP, LeaseHeld
from tenantry.run import Engine, Policy, RunState, Status, create
from tenantry.runbook import Runbook, parse_runbook, validate_params

AT_ONCE: Final = 8
"""Children at once: each waits for its vendor most of the time."""

Follow = Callable[[Child], None]
"""Called with each child that has been tried."""


def campaigns(installation: Installation) -> dict[str, Campaign]:
    """Every campaign of this home, by id, the oldest first."""
    return fold_campaigns(installation.journal.tail(MSP))


def prepare(
    installation: Installation,
    runbook_id: str,
    tenants: Iterable[str],
    params: Mapping[str, Any],
    mode: str,
    requester: Mapping[str, Any],
) -> str:
    """Validate everything and record the campaign. A tenant whose file is broken takes part: its child says so.

    Returns:
        the campaign's id.

    Raises:
        InvalidInput: no tenant, an unknown one, a wrong parameter; nothing was recorded.
    """
    runbook = installation.catalog.get(runbook_id)
    values = validate_params(runbook, params)
    known = set(installation.tenants.names())
    wanted = list(dict.fromkeys(tenants))
    if not wanted:
        raise InvalidInput("no tenant is named, and there is none", place="--tenants")
    for name in wanted:
        if name not in known:
            raise NotFound(f"no tenant {name}", place="--tenants", remedy="`tenantry tenants list` shows who there is.")
    campaign_id = str(uuid4())
    pinned = {"id": runbook.id, "version": runbook.version, "digest": runbook.digest, "text": runbook.text}
    event = created(campaign_id, runbook=pinned, params=values, mode=mode, tenants=wanted, requester=requester)
    installation.journal.append(MSP, [event])
    return campaign_id


def carry(
    installation: Installation,
    campaign_id: str,
    *,
    at_once: int = AT_ONCE,
    policy: Policy | None = None,
    follow: Follow | None = None,
) -> Campaign:
    """Carry every child as far as it goes: begin those that are not begun, go on with the others, leave those that have ended.

    A tenant that cannot be reached, whose file is broken, or whose run somebody else owns ends nothing but its own part; the record says
    which and why, and carrying the campaign again goes on with them. So does a child that ends in a defect of ours.

    Returns:
        how it stands.

    Raises:
        RecordError: what was done cannot be recorded; every other child was still carried as far as it goes.
    """
    campaign = find(campaigns(installation), campaign_id)
    runbook = parse_runbook(
        campaign.runbook_text, source=f"campaign {campaign.campaign_id}", registry=installation.registry
    )

    async def work() -> None:
        turns = asyncio.Semaphore(at_once)

        async def one(child: Child) -> None:
            async with turns:
                await _child(installation, campaign, runbook, child, policy)
                await asyncio.to_thread(installation.journal.append, MSP, [met(campaign.campaign_id, child)])
                if follow is not None:
                    follow(child)

        open_ones = [child for child in campaign.children.values() if not child.done]
        # No group of tasks: there, the trouble of one ends all the others in the middle of what they do.
        ended = await asyncio.gather(*map(one, open_ones), return_exceptions=True)
        for trouble in ended:
            if trouble is not None:
                raise trouble

    asyncio.run(work())
    return campaign


async def _child(
    installation: Installation, campaign: Campaign, runbook: Runbook, child: Child, policy: Policy | None
) -> None:
    """Bring one child as far as it goes, and note in it how it stands. Only the record's own trouble propagates. A defect is told
    of the child; its run goes on when the campaign is carried again."""
    try:
        state = await asyncio.to_thread(_begun, installation, campaign, runbook, child)
        if state.ended is None:
            async with installation.access(child.tenant, campaign.mode, campaign.params) as access:
                engine = Engine(installation.surroundings(), access, policy=policy)
                with contextlib.suppress(LeaseHeld):  # a service carries it already
                    await engine.run(child.run_id, wait=False)
        state = await asyncio.to_thread(installation.state, child.run_id)
    except RecordError:
        raise
    except TenantryError as error:
        child.error = error.as_dict()
        return
    except Exception as error:  # noqa: BLE001  # a defect at one client must not end the others
        child.error = TaskDefect.of("carrying the run", error).as_dict()
        return
    child.status = state.status(live=installation.journal.live(child.run_id)).value
    child.error = _error(state)


def _begun(installation: Installation, campaign: Campaign, runbook: Runbook, child: Child) -> RunState:
    try:
        return installation.state(child.run_id)
    except NotFound:
        pass  # not begun yet
    tenant = installation.tenants.get(child.tenant)
    installation.vault.create_tenant_key(tenant.name)
    return create(
        installation.surroundings(),
        run_id=child.run_id,
        runbook=runbook,
        tenant=tenant.name,
        params=campaign.params,
        mode=campaign.mode,
        requester={**campaign.requester, "campaign": campaign.campaign_id},
        subject=runbook.subject_for({"params": campaign.params, "tenant": tenant.public()}),
    )


def _error(state: RunState) -> Mapping[str, Any] | None:
    """Why a run that is paused or failed is no further: the first of its steps' errors; None for one that goes its way."""
    if state.ended in (Status.COMPLETED, Status.PLANNED) or state.stopped is Status.WAITING:
        return None
    errors = [item.error for item in state.items.values() if item.error]
    return next(iter(errors), next(iter(state.step_errors.values()), None))


__all__ = ["AT_ONCE", "Follow", "campaigns", "carry", "prepare"]
