"""The live sweep of a tenant: what a sweep may know beforehand, what is remembered of the sweeps before, and a run of it without Prefect.

A sweep is a run of the runbook `compromise_sweep` like any other: its result is evidence, its entries stand in the tenant's record.
The command line carries it with the engine alone, because nobody who wants to know whether an intruder is inside waits for a server.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from flows.recording import prepare
from tasks.incident.sweep_tenant import INCIDENTS
from tenantry.background import in_background
from tenantry.clock import parse_rfc3339, rfc3339
from tenantry.errors import InvalidInput, NotFound, TenantryError
from tenantry.journal import Event
from tenantry.places import folders
from tenantry.providers import Ours, Recognised
from tenantry.run import Engine, RunState
from tenantry.sweep.check import BaseCheck, Known, LogCheck, Look
from tenantry.sweep.model import Finding
from tenantry.sweep.remembered import ACCEPTED, WITHDRAWN, Acceptance, acceptances, document
from tenantry.task import Outcome

if TYPE_CHECKING:
    from flows.assembly import Installation, TenantContext
    from tenantry.estate import Estate
    from tenantry.journal import Record
    from tenantry.sweep.engine import Detections
    from tenantry.sweep.live import Progress
    from tenantry.tenants import Tenant

__all__ = [
    "RUNBOOK",
    "TenantIncidents",
    "TenantSweeping",
    "accept",
    "accepted",
    "begin",
    "carry",
    "found_by",
    "known",
    "last_sweep",
    "recognised",
    "withdraw",
]

RUNBOOK: Final = "compromise_sweep"
ONBOARDING: Final = "client_onboarding"
"""Runs of this one sweep as well, in a step of the same id, long after they began."""
STEP: Final = "sweep"
EVIDENCE: Final = "sweep.json"
OTHERS: Final = "sigma"
"""Folder of the operator's ``runbooks/detections`` with rules that follow no conventions of ours: a public collection, in its own layout."""
SWEEP: Final = "sweep"
"""How a run says that a sweep opened it (``via`` of its requester)."""
_OPENED: Final = frozenset(runbook for runbook, _, _ in INCIDENTS.values())
LONGEST: Final = timedelta(days=366)
"""For which a finding may be accepted."""
_SHORTEST: Final = 4


# --- what a sweep may know ---------------------------------------------------------------------------------------------


def known(tenant: Tenant, estate: Estate, ours: Sequence[Ours] = ()) -> Known:
    """What belongs in a tenant, by its file, the estate's, and what providers say of ourselves."""
    expected = tenant.expected

    def with_ours(which: str, *more: str) -> frozenset[str]:
        return frozenset(more).union(*(getattr(one, which) for one in ours))

    return Known(
        domains=frozenset(tenant.domains),
        networks=frozenset((*tenant.known_networks, *estate.known_networks)),
        countries=frozenset(tenant.countries),
        accounts=frozenset(name.lower() for name in (*tenant.break_glass_accounts, *tenant.responder_accounts)),
        emergency=frozenset(name.lower() for name in tenant.break_glass_accounts),
        applications=frozenset(one.lower() for one in with_ours("applications", *expected.applications)),
        partners=frozenset(one.lower() for one in with_ours("partners", *expected.partners)),
        cloud_accounts=with_ours("cloud_accounts", *expected.cloud_accounts),
        keys=frozenset(one.removeprefix("SHA256:") for one in with_ours("keys", *expected.ssh_keys)),
        tools=frozenset(expected.remote_tools),
    )


async def recognised(context: TenantContext) -> tuple[dict[str, Ours], list[dict[str, str]]]:
    """What a client's providers know of ourselves; one that cannot say is reported, because what is ours may then be found."""
    found: dict[str, Ours] = {}
    unknown: list[dict[str, str]] = []
    for source in context.sources():
        try:
            handle = await context.handle(source.key)
            if isinstance(handle, Recognised):
                found[source.key] = await handle.ours()
        except TenantryError as error:
            why = f"what of ours is known at {source.key} could not be told: {error.message}"
            unknown.append({"check": f"provider {source.key}", "why": why})
    return found, unknown


class TenantSweeping:
    """The ``sweeping`` capability: `tenantry.capabilities.sweeping`.

    Args:
        context: of the tenant.
        progress: called as facts come in.
        checks: instead of all that there are.
    """

    def __init__(
        self,
        installation: Installation,
        context: TenantContext,
        *,
        progress: Callable[[Progress], None] | None = None,
        checks: Sequence[BaseCheck] | None = None,
    ) -> None:
        self._installation = installation
        self._context = context
        self._progress = progress
        self._checks = checks

    async def sweep(self, run_id: str, now: datetime, days: int) -> Mapping[str, Any]:
        checks = await asyncio.to_thread(self._asked)
        loading = asyncio.ensure_future(asyncio.to_thread(self._detections, checks))
        try:
            with in_background():
                return await self._swept(run_id, now, days, checks, loading)
        finally:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)

    async def _swept(
        self,
        run_id: str,
        now: datetime,
        days: int,
        checks: Sequence[BaseCheck],
        loading: asyncio.Future[dict[str, Detections]],
    ) -> Mapping[str, Any]:
        from tenantry.sweep.live import sweep_tenant  # it loads pySigma, and who lists acceptances needs none

        tenant = self._context.name
        in_force, earlier, (ours, unknown), _ = await asyncio.gather(
            asyncio.to_thread(accepted, self._installation, tenant),
            asyncio.to_thread(last_sweep, self._installation, tenant, before=(run_id, now)),
            self._ours(),
            self._context.ahead({need for check in checks for need in check.collect.needs}),
        )
        look = Look(
            now, now - timedelta(days=days), known(self._context.tenant, self._installation.estate, list(ours.values()))
        )

        def silenced(finding: Finding) -> Mapping[str, Any] | None:
            one = in_force.get(finding.id)
            return one.shown() if one is not None and one.covers(finding, now) else None

        found = await sweep_tenant(
            self._context,
            checks,
            look,
            loading,
            progress=self._progress,
            silenced=silenced,
            scratch=self._installation.home.run,
        )
        found.could_not_check += unknown
        detections = await loading
        found.rules_not_evaluated = _nowhere(detections.values())
        found.rules_evaluated = sum(
            len([rule for rule in of.rules.rules if not rule.silent]) + len(of.rules.correlations)
            for of in detections.values()
        )
        return document(found, run_id, earlier, now)

    def _asked(self) -> Sequence[BaseCheck]:
        from tenantry.sweep.discover import checks

        return self._checks if self._checks is not None else checks()

    def _detections(self, checks: Sequence[BaseCheck]) -> dict[str, Detections]:
        """For the logs that are looked at."""
        from tenantry.sweep.engine import Detections

        roots = folders("detections", self._installation.home)
        formats = {check.collect.log for check in checks if isinstance(check, LogCheck)}
        others = self._installation.home.runbooks / "detections" / OTHERS
        rules = (others,) if others.is_dir() else ()
        return {name: Detections.kept(name, roots, rules) for name in sorted(one for one in formats if one)}

    async def _ours(self) -> tuple[dict[str, Ours], list[dict[str, str]]]:
        """What providers know of ourselves, and those that could not say."""
        return await recognised(self._context)


def _nowhere(detections: Iterable[Detections]) -> list[dict[str, str]]:
    """Rules that could be evaluated for no log, with the reason that says most: that a rule is about another log is so for nearly all."""
    from tenantry.sweep.sigma.load import ELSEWHERE

    held = [{one["rule"]: one for one in of.left_out} for of in detections]
    everywhere = set.intersection(*map(set, held)) if held else set()
    return [
        next((of[rule] for of in held if not of[rule]["why"].startswith(ELSEWHERE)), held[0][rule])
        for rule in sorted(everywhere)
    ]


class TenantIncidents:
    """The ``incidents`` capability: `tenantry.capabilities.incidents`.

    Args:
        mode: of the run that opens others: what a drill finds opens a drill.
    """

    def __init__(self, installation: Installation, tenant: str, mode: str) -> None:
        self._installation = installation
        self._tenant = tenant
        self._mode = mode

    async def opened(
        self, run_ids: Sequence[str], findings: Sequence[str] = (), since: datetime | None = None
    ) -> str | None:
        return await asyncio.to_thread(self._first, run_ids, findings, since)

    def _first(self, run_ids: Sequence[str], findings: Sequence[str], since: datetime | None) -> str | None:
        for run_id in run_ids:
            try:
                index = self._installation.journal.run(run_id)
            except NotFound:
                continue
            if index.tenant == self._tenant:
                return index.run_id
        # A finding that is left when others of the same incident are gone: the run was opened under the id of one of those.
        wanted = set(run_ids)
        for index in self._installation.journal.runs(self._tenant):
            if index.runbook in _OPENED:
                state = self._installation.state(index.run_id)
                requester = state.requester
                if requester.get("via") != SWEEP:
                    continue
                if wanted & set(requester.get("run_ids", ())):
                    return index.run_id
                # Opened by a sweep that ended while this one looked: neither saw the other, so each has ids of its own.
                unseen = since is not None and state.mode == self._mode and parse_rfc3339(index.created_at) >= since
                if unseen and set(findings) & set(requester.get("findings", ())):
                    return index.run_id
        return None

    async def open(self, run_id: str, runbook: str, params: Mapping[str, Any], because: Mapping[str, Any]) -> None:
        requester = {"person": None, "name": f"sweep {because['run']}", "proven": False, "via": SWEEP, **because}
        await asyncio.to_thread(self._open, run_id, runbook, params, requester)

    def _open(self, run_id: str, runbook: str, params: Mapping[str, Any], requester: Mapping[str, Any]) -> None:
        since = parse_rfc3339(requester["since"]) if "since" in requester else None
        with self._alone():
            if self._first(requester["run_ids"], requester["findings"], since) is None:
                prepare(self._installation, runbook, self._tenant, params, self._mode, requester, run_id)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other sweep of this tenant opens anything meanwhile. Waits."""
        with (self._installation.home.run / f"{self._tenant}.incidents.lock").open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # given back by the kernel, however this process ends
            yield


# --- what is remembered ------------------------------------------------------------------------------------------------


def accepted(installation: Installation, tenant: str) -> dict[str, Acceptance]:
    """Finding → its acceptance, expired ones too."""
    entries = installation.journal.of(tenant, ACCEPTED, WITHDRAWN)
    return acceptances((one.event, one.payload) for one in entries if one.payload is not None)


def last_sweep(
    installation: Installation, tenant: str, *, before: tuple[str, datetime] | None = None
) -> dict[str, Any] | None:
    """The newest sweep of a tenant that came to a result, drills left out; None: there is none, or its evidence was erased.

    Args:
        before: a run that is left out, and the time up to which it looks: those that look further are left out too.
    """
    newest: tuple[datetime, RunState] | None = None
    for index in installation.journal.runs(tenant):
        if index.runbook not in (RUNBOOK, ONBOARDING) or (before is not None and index.run_id == before[0]):
            continue
        if index.runbook == RUNBOOK and newest is not None and parse_rfc3339(index.created_at) <= newest[0]:
            continue  # it looks up to when it was created: one that looked further is known
        state = installation.state(index.run_id)
        until = _until(state)
        if until is None or (before is not None and until > before[1]):
            continue
        if newest is None or until > newest[0]:
            newest = (until, state)
    return found_by(installation, newest[1]) if newest is not None else None


def _until(state: RunState) -> datetime | None:
    """Up to when a run's sweep looked; None: it is a drill, came to nothing, or entries of it were erased."""
    if state.mode != "run" or state.erased or _evidence(state) is None:
        return None
    return parse_rfc3339(state.items[STEP, None].output["read_until"])


def _evidence(state: RunState) -> str | None:
    item = state.items.get((STEP, None))
    if item is None or item.outcome is not Outcome.OBSERVED or not isinstance(item.output, Mapping):
        return None
    return str(item.output["evidence"]["sha256"])


def found_by(installation: Installation, state: RunState) -> dict[str, Any] | None:
    """What a sweep found, also one of which not a single check could be made; None: it came to nothing, or its evidence was erased."""
    digest = _evidence(state)
    if digest is None:
        digest = next((str(one["sha256"]) for one in reversed(state.evidence) if one["name"] == EVIDENCE), None)
    if digest is None or not installation.evidence.has(state.tenant, digest):
        return None
    text = b"".join(installation.evidence.open(state.tenant, digest))
    found: dict[str, Any] = json.loads(text)
    return found


def accept(
    installation: Installation, tenant: str, finding: str, *, reason: str, until: datetime, by: str
) -> Acceptance:
    """Record that somebody answers for a finding of the newest sweep: it stays silent until then, or until anything about it is new.

    Args:
        finding: its id, or the beginning of it.

    Raises:
        NotFound: the newest sweep has no such finding, or there was none.
        InvalidInput: no reason, a time in the past or too far ahead, or a beginning that several have.
    """
    now = installation.journal.clock.now()
    if not reason.strip():
        raise InvalidInput("says why it is meant to be so", place="--reason")
    if not now < until <= now + LONGEST:
        raise InvalidInput(f"lies in the future, at most {LONGEST.days} days ahead", place="--until")
    swept = last_sweep(installation, tenant)
    if swept is None:
        raise NotFound(f"{tenant} was not swept yet", remedy=f"`tenantry sweep tenant {tenant}` first.")
    one = _only(finding, [*swept["findings"], *swept["accepted"]])
    made = Acceptance(
        finding=one["id"],
        rule=one["rule"],
        title=one["title"],
        entity=one["entity"],
        severity=one["severity"],
        marks=tuple(one["marks"]),
        by=by,
        reason=reason.strip(),
        at=rfc3339(now),
        until=rfc3339(until),
    )
    installation.journal.append(tenant, [Event(ACCEPTED, made.as_dict())])
    return made


def withdraw(installation: Installation, tenant: str, finding: str, *, by: str) -> Acceptance:
    """Record that a finding is accepted no longer.

    Raises:
        NotFound: it is not.
    """
    held = accepted(installation, tenant)
    one = held[_only(finding, [{"id": name} for name in held])["id"]]
    installation.journal.append(tenant, [Event(WITHDRAWN, {"finding": one.finding, "by": by})])
    return one


def _only(finding: str, among: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    exact = [one for one in among if one["id"] == finding]
    begun = [one for one in among if one["id"].startswith(finding)] if len(finding) >= _SHORTEST else []
    found = exact or begun
    if not found:
        raise NotFound(
            f"there is no finding {finding!r}",
            place="FINDING",
            remedy="The newest sweep, or the list of accepted ones, names them.",
        )
    if len(found) > 1:
        raise InvalidInput("begins the ids of several findings", place="FINDING")
    return found[0]


# --- runs --------------------------------------------------------------------------------------------------------------


def begin(installation: Installation, tenant: str, days: int, requester: Mapping[str, Any], run_id: str) -> str:
    """Record a sweep of a tenant."""
    return prepare(installation, RUNBOOK, tenant, {"days": days}, "run", requester, run_id)


def carry(
    installation: Installation,
    run_id: str,
    *,
    progress: Callable[[Progress], None] | None = None,
    follow: Callable[[RunState, Record], None] | None = None,
) -> RunState:
    """Carry a recorded sweep with the engine alone, until it ends or waits for a person."""

    async def work() -> RunState:
        async with installation.access(state.tenant, state.mode, state.params) as access:
            access.telling = progress
            return await Engine(installation.surroundings(), access, observe=follow).run(run_id, wait=False)

    state = installation.state(run_id)
    return state if state.ended is not None else asyncio.run(work())
