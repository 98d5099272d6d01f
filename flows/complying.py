"""Compliance sweeps of a client: what is remembered of those before, what people say of policies, and a sweep without Prefect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from flows.recording import prepare
from tenantry.baseline.model import load_baseline
from tenantry.baseline.remembered import (
    ANSWERED,
    EXCEPTED,
    EXCEPTION_WITHDRAWN,
    Answer,
    PolicyException,
    Said,
    said,
)
from tenantry.clock import rfc3339
from tenantry.errors import Conflict, InvalidInput, NotFound
from tenantry.journal import Event
from tenantry.run import Engine, RunState
from tenantry.task import Outcome

if TYPE_CHECKING:
    from flows.assembly import Installation

__all__ = [
    "RUNBOOK",
    "TenantCompliance",
    "answer",
    "assessment_of",
    "begin",
    "carry",
    "ended",
    "except_policy",
    "mending",
    "said_of",
    "withdraw",
]

RUNBOOK: Final = "compliance_sweep"
STEP: Final = "assess"
MEASURED: Final = {RUNBOOK: STEP, "client_onboarding": "baseline"}
"""Runbook → its step that holds the client against baselines: a client who is taken on is measured for the first time."""
EVIDENCE: Final = "compliance.json"
LONGEST: Final = timedelta(days=366)
"""For which a policy may be excepted or answered."""


class TenantCompliance:
    """`tenantry.capabilities.compliance` over one client's record."""

    def __init__(self, installation: Installation, tenant: str) -> None:
        self._installation = installation
        self._tenant = tenant

    async def said(self) -> Said:
        return await asyncio.to_thread(said_of, self._installation, self._tenant)

    async def earlier(self, run_id: str, baselines: Collection[str]) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
        return await asyncio.to_thread(self._earlier, run_id, frozenset(baselines))

    def _earlier(self, run_id: str, wanted: frozenset[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for state in ended(self._installation, self._tenant, before=run_id):
            missing = wanted - found.keys()
            if not missing:
                break
            held = {one["baseline"] for one in state.items[MEASURED[state.runbook], None].output["baselines"]}
            document = assessment_of(self._installation, state) if missing & held else None
            for one in document["baselines"] if document is not None else ():
                if one["id"] in missing:
                    found[one["id"]] = {policy["policy"]: policy for policy in one["policies"]}
        return found


def ended(installation: Installation, tenant: str, *, before: str | None = None) -> Iterator[RunState]:
    """Runs whose measuring came to a result, newest first, drills left out; those that began after a run are none before it."""
    limit = installation.journal.run(before).created_at if before is not None else None
    for index in installation.journal.runs(tenant):
        if index.runbook not in MEASURED or index.run_id == before or (limit is not None and index.created_at > limit):
            continue
        state = installation.state(index)
        item = state.items.get((MEASURED[state.runbook], None))
        if state.mode == "run" and item is not None and item.outcome is Outcome.OBSERVED and not state.erased:
            yield state


def assessment_of(installation: Installation, state: RunState) -> dict[str, Any] | None:
    """What a compliance sweep found, also one of which nothing could be told; None: it kept nothing, or that was erased."""
    digest = next((str(one["sha256"]) for one in reversed(state.evidence) if one["name"] == EVIDENCE), None)
    if digest is None or not installation.evidence.has(state.tenant, digest):
        return None
    found: dict[str, Any] = json.loads(b"".join(installation.evidence.open(state.tenant, digest)))
    return found


def begin(
    installation: Installation,
    tenant: str,
    baselines: Sequence[str],
    requester: Mapping[str, Any],
    *,
    days: int = 30,
    run_id: str | None = None,
) -> str:
    """Record a compliance sweep.

    Args:
        baselines: names; those of the runbook when empty.
        run_id: where it follows from what the sweep is.

    Raises:
        NotFound: there is no such baseline.
    """
    for name in baselines:
        load_baseline(name)
    params = {"baselines": list(baselines), "days": days} if baselines else {"days": days}
    return prepare(installation, RUNBOOK, tenant, params, "run", requester, run_id)


def carry(installation: Installation, run_id: str) -> RunState:
    """Carry a recorded sweep with the engine alone, until it ends or waits for a person."""

    async def work() -> RunState:
        async with installation.access(state.tenant, state.mode, state.params) as access:
            return await Engine(installation.surroundings(), access).run(run_id, wait=False)

    state = installation.state(run_id)
    return state if state.ended is not None else asyncio.run(work())


# --- mending ----------------------------------------------------------------------------------------------------------


def mending(
    installation: Installation, tenant: str, policy: str, about: Collection[str] = ()
) -> tuple[str, dict[str, list[str]]]:
    """The runbook that mends what a policy found when it was looked at last, and its parameters.

    Args:
        policy: ``baseline/policy``.
        about: only these, as the finding names them; all of them when empty.

    Raises:
        NotFound: there is no such policy, or nobody has looked at it yet.
        InvalidInput: no runbook mends it; or the finding is not about one of ``about``.
        Conflict: it did not fail when it was looked at last.
    """
    baseline, _, name = _known(policy).partition("/")
    asked = next(one for one in load_baseline(baseline).policies if one.id == name)
    if asked.mend is None:
        raise InvalidInput(f"no runbook mends {policy}", place="POLICY", remedy=asked.remedy)
    result, at = _last(installation, tenant, baseline, name)
    if result["status"] != "fail":
        raise Conflict(
            f"{policy} did not fail when it was looked at last, at {at}: {result['status'].replace('_', ' ')}",
            remedy=f"Look again with `tenantry compliance run {tenant}`.",
        )
    names = list(dict.fromkeys(str(one).partition(": ")[0] for one in result["about"]))
    others = [one for one in about if one not in names]
    if others or not names:
        raise InvalidInput(
            f"the finding names {', '.join(names) or 'nobody'}" + (f", and not {', '.join(others)}" if others else ""),
            place="--about",
        )
    return asked.mend.runbook, {asked.mend.parameter: [one for one in names if not about or one in about]}


def _last(installation: Installation, tenant: str, baseline: str, policy: str) -> tuple[Mapping[str, Any], str]:
    """How a policy stood when somebody looked at its baseline last, and when that was."""
    for state in ended(installation, tenant):
        document = assessment_of(installation, state)
        for of in document["baselines"] if document is not None else ():
            for one in of["policies"] if of["id"] == baseline else ():
                if document is not None and one["policy"] == policy:
                    return one, str(document["at"])
    raise NotFound(
        f"nobody has looked at {baseline}/{policy} of {tenant} yet",
        place="POLICY",
        remedy=f"Look with `tenantry compliance run {tenant} --baseline {baseline}`.",
    )


# --- what people say --------------------------------------------------------------------------------------------------


def said_of(installation: Installation, tenant: str) -> Said:
    """Exceptions and answers of a client, expired ones too."""
    entries = installation.journal.of(tenant, EXCEPTED, EXCEPTION_WITHDRAWN, ANSWERED)
    return said((one.event, one.payload) for one in entries if one.payload is not None)


def except_policy(
    installation: Installation,
    tenant: str,
    policy: str,
    *,
    owner: str,
    approved_by: str,
    reason: str,
    control: str,
    until: date,
    about: Sequence[str] = (),
) -> PolicyException:
    """Record that a policy may fail until a day.

    Args:
        policy: ``baseline/policy``.
        control: what is done instead.
        about: whom it covers, as a sweep names them; everybody when empty.

    Raises:
        NotFound: there is no such policy. InvalidInput: a text is missing, or the day is past or too far ahead.
    """
    made = PolicyException(
        policy=_known(policy),
        about=tuple(dict.fromkeys(about)),
        owner=owner,
        approved_by=approved_by,
        reason=_text(reason, "--reason"),
        control=_text(control, "--control"),
        at=rfc3339(installation.journal.clock.now()),
        until=_day(installation, until),
    )
    installation.journal.append(tenant, [Event(EXCEPTED, made.as_dict())])
    return made


def withdraw(installation: Installation, tenant: str, policy: str, *, by: str) -> PolicyException:
    """Record that a policy may fail no longer.

    Raises:
        NotFound: it may not.
    """
    held = said_of(installation, tenant).exceptions.get(policy)
    if held is None:
        raise NotFound(
            f"{policy!r} has no exception",
            place="POLICY",
            remedy=f"`tenantry compliance exceptions {tenant}` lists them.",
        )
    installation.journal.append(tenant, [Event(EXCEPTION_WITHDRAWN, {"policy": policy, "by": by})])
    return held


def answer(
    installation: Installation,
    tenant: str,
    policy: str,
    status: Literal["pass", "fail", "not_applicable"],
    *,
    by: str,
    why: str,
    until: date,
) -> Answer:
    """Record what a person says of a policy that no system can tell.

    Raises:
        NotFound, InvalidInput: as :func:`except_policy`.
    """
    at = rfc3339(installation.journal.clock.now())
    made = Answer(_known(policy), status, by, _text(why, "--why"), at, _day(installation, until))
    installation.journal.append(tenant, [Event(ANSWERED, made.as_dict())])
    return made


def _known(policy: str) -> str:
    baseline, _, name = policy.partition("/")
    if name and name in {one.id for one in load_baseline(baseline).policies}:
        return policy
    raise NotFound(
        f"there is no policy {policy!r}",
        place="POLICY",
        remedy="Write it BASELINE/POLICY, as `tenantry compliance policies` does.",
    )


def _text(text: str, place: str) -> str:
    if not text.strip():
        raise InvalidInput("says nothing", place=place)
    return text.strip()


def _day(installation: Installation, until: date) -> str:
    today = installation.journal.clock.now().date()
    if not today <= until <= today + LONGEST:
        raise InvalidInput(f"is a day from today on, at most {LONGEST.days} days ahead", place="--until")
    return until.isoformat()
