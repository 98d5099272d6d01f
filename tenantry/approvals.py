"""When an effect may go ahead: the rules of approval, as pure functions over what was asked and what was answered.

- A decision counts for exactly one run, step, item and digest of arguments. Anything else is about something else.
- Who decides has the role, covers the tenant, is enabled, and was enrolled (with the rights they have now) before the
  run was created. Nobody counts twice.
- One denial by such a person denies. It stays a denial if they are disabled later; an approval does not stay one.
- Four eyes: who proved that they started the run cannot approve it, so one approval is a second person's. Where the
  requester is not proven, anybody may have been, so two different people approve.
- Time ends all of it: nothing is approved from ``expires_at`` on, not even what was approved before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from tenantry.errors import ApprovalExpired, NotAuthenticated, OutOfScope, Refused, TenantryError
from tenantry.names import Role
from tenantry.people import Person

__all__ = [
    "ApprovalRequest",
    "ApprovalRule",
    "Decision",
    "Requester",
    "Verdict",
    "admit",
    "approvers_needed",
    "evaluate",
]

Verdict = Literal["pending", "approved", "denied", "expired"]

_LONGEST = timedelta(days=30)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ApprovalRule(_Record):
    """What a runbook's step, or a tenant's policy, asks for."""

    role: Role = Field(default="approver", description="Who may answer.")
    expires_in: Annotated[timedelta, Field(gt=timedelta(0), le=_LONGEST)] = Field(
        default=timedelta(hours=4),
        description="How long the question stands and its answer is good for, at most 30 days.",
    )
    four_eyes: bool = Field(
        default=False, description="Whoever started the run does not count; if that is not proven, two people answer."
    )


class Requester(_Record):
    """Who started the run: a name, and whether they proved it."""

    person: str | None = Field(default=None, description="The id they gave; none for a schedule or an alert.")
    proven: bool = Field(default=False, description="They authenticated when they started it.")

    @model_validator(mode="after")
    def _somebody(self) -> Requester:
        if self.proven and self.person is None:
            raise ValueError("nobody cannot be proven")
        return self


class ApprovalRequest(_Record):
    """One question, as it lies in the journal."""

    run_id: str
    tenant: str
    step: str
    item: str | None = Field(default=None, description="The vendor's object id, for a step of many.")
    arguments_digest: str = Field(min_length=1, description="Of what would be done, exactly as it would be done.")
    role: Role
    four_eyes: bool
    requested_at: AwareDatetime
    expires_at: AwareDatetime
    requester: Requester
    reasons: list[str] = Field(default_factory=list, description="Why a person is asked.")
    run_created_at: AwareDatetime
    only: tuple[str, ...] = Field(
        default=(), description="People, by id, who alone may answer; empty: anybody with the role."
    )

    @model_validator(mode="after")
    def _in_order(self) -> ApprovalRequest:
        if not self.run_created_at <= self.requested_at < self.expires_at:
            raise ValueError("a run is created, then asks, then its question expires")
        return self


class Decision(_Record):
    """One answer, given by a person who was authenticated for it."""

    run_id: str | None = Field(default=None, description="None: taken from the journal of the request's own run.")
    step: str
    item: str | None = None
    arguments_digest: str
    person: str
    decision: Literal["approve", "deny"]
    reason: str = ""
    at: AwareDatetime


def approvers_needed(request: ApprovalRequest) -> int:
    """How many different people must approve: two under four eyes when nobody proved that they started the run."""
    return 2 if request.four_eyes and not request.requester.proven else 1


def admit(request: ApprovalRequest, person: Person, now: AwareDatetime) -> None:
    """Let somebody answer a request, or say why not. Their code is checked elsewhere (`People.authenticate`).

    Raises:
        ApprovalExpired: the question no longer stands.
        NotAuthenticated: disabled or not enrolled.
        OutOfScope: not this role, or not this tenant.
        Refused: enrolled or given more rights since the run was created; or the proven requester, under four eyes.
    """
    if now >= request.expires_at:
        raise ApprovalExpired(f"the question of {request.step} expired")
    if now < request.requested_at:
        raise Refused("this question was not asked yet", remedy="Check this machine's clock.")
    if not person.enabled:
        raise NotAuthenticated(f"{person.id} is disabled")
    problem = _unfit(request, person)
    if problem is not None:
        raise problem


def evaluate(
    request: ApprovalRequest, decisions: Iterable[Decision], people: Mapping[str, Person], now: AwareDatetime
) -> Verdict:
    """What the answers so far amount to. The order of ``decisions`` does not matter, nor do repetitions.

    Args:
        request: the question.
        decisions: every answer that the journal holds; those about something else are passed over.
        people: everybody by id, as they are now (`People.records`).
        now: the time at which the effect would begin.
    """
    approvers: set[str] = set()
    for decision in decisions:
        person = people.get(decision.person)
        if person is None or not _answers(request, decision) or _unfit(request, person) is not None:
            continue
        if decision.decision == "deny":
            if person.disabled_at is None or decision.at < person.disabled_at:
                return "denied"
        elif person.enabled and decision.at <= now:
            approvers.add(person.id)
    if now >= request.expires_at:
        return "expired"
    return "approved" if len(approvers) >= approvers_needed(request) else "pending"


def _answers(request: ApprovalRequest, decision: Decision) -> bool:
    """Whether the decision is about this request and was made while it stood."""
    same = (
        decision.run_id in (None, request.run_id)
        and decision.step == request.step
        and decision.item == request.item
        and decision.arguments_digest == request.arguments_digest
    )
    return same and request.requested_at <= decision.at < request.expires_at


def _unfit(request: ApprovalRequest, person: Person) -> TenantryError | None:
    """Why this person's answer does not count for this request, being enabled or not set aside."""
    if person.effective_since is None:
        return NotAuthenticated(f"{person.id} is not enrolled")
    if request.role not in person.roles:
        return OutOfScope(f"{person.id} is not {request.role}", remedy=f"Ask somebody with the role {request.role}.")
    if request.only and person.id not in request.only:
        return OutOfScope(f"{person.id} may not answer this", remedy=f"Ask one of {', '.join(request.only)}.")
    if not person.covers(request.tenant):
        return OutOfScope(
            f"{person.id} may not touch {request.tenant}", remedy="Ask somebody with this tenant in their scope."
        )
    if person.effective_since >= request.run_created_at:
        return Refused(
            f"{person.id} was enrolled, or given more rights, after this run began",
            remedy="Ask somebody who was there before the run.",
        )
    if request.four_eyes and request.requester.proven and request.requester.person == person.id:
        return Refused(f"{person.id} started this run", remedy="Four eyes: ask a second person.")
    return None
