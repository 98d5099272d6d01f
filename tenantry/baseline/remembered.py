"""What is remembered from one compliance sweep of a client to the next: what people have said about policies, and how long things are so.

Nothing of it is kept beside the record: exceptions and answers are entries of the client's tree, and how policies stood is evidence of a run.

An *exception* says that a policy may fail: somebody answers for it, until a day, with what is done instead. An *answer* is a person's for a
policy that no system can tell. Neither outlives its day: what was excepted fails again, what was answered is for a person again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from tenantry.clock import parse_rfc3339, rfc3339

__all__ = [
    "ANSWERED",
    "EXCEPTED",
    "EXCEPTION_WITHDRAWN",
    "Answer",
    "PolicyException",
    "Said",
    "age_days",
    "assessed",
    "said",
]

EXCEPTED: Final = "compliance.excepted"
EXCEPTION_WITHDRAWN: Final = "compliance.exception_withdrawn"
ANSWERED: Final = "compliance.answered"
"""Kinds of entries."""

KNOWN: Final = ("pass", "fail", "excepted")
"""How a policy stands where that was seen. The others say that it was not: what stood before is remembered through them."""
Change = Literal["new", "fell", "mended", "same", "unseen"]


@dataclass(frozen=True, slots=True)
class PolicyException:
    """A policy may fail.

    Attributes:
        policy: ``baseline/policy``.
        about: whom it covers, as the policy's results name them; empty: whoever fails.
        owner: who answers for it.
        approved_by: who agreed, by name.
        control: what is done instead.
        at: RFC 3339. until: the last day on which it counts.
    """

    policy: str
    about: tuple[str, ...]
    owner: str
    approved_by: str
    reason: str
    control: str
    at: str
    until: str

    def in_force(self, now: datetime) -> bool:
        """Whether its last day is not over."""
        return now.date() <= date.fromisoformat(self.until)

    def as_dict(self) -> dict[str, Any]:
        """JSON, as its entry holds it."""
        return {**asdict(self), "about": list(self.about)}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person says of a policy that no system can tell."""

    policy: str
    status: Literal["pass", "fail", "not_applicable"]
    by: str
    why: str
    at: str
    until: str

    def in_force(self, now: datetime) -> bool:
        """Whether its last day is not over."""
        return now.date() <= date.fromisoformat(self.until)

    def as_dict(self) -> dict[str, Any]:
        """JSON, as its entry holds it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Said:
    """What people have said, expired or not: policy → the newest."""

    exceptions: Mapping[str, PolicyException]
    answers: Mapping[str, Answer]


def said(entries: Iterable[tuple[str, Mapping[str, Any]]]) -> Said:
    """What people have said, from entries in their order.

    Args:
        entries: kind and payload.
    """
    exceptions: dict[str, PolicyException] = {}
    answers: dict[str, Answer] = {}
    for kind, payload in entries:
        if kind == EXCEPTED:
            one = PolicyException(**{**payload, "about": tuple(payload["about"])})
            exceptions[one.policy] = one
        elif kind == EXCEPTION_WITHDRAWN:
            exceptions.pop(str(payload["policy"]), None)
        elif kind == ANSWERED:
            answer = Answer(**payload)
            answers[answer.policy] = answer
    return Said(exceptions, answers)


def assessed(
    baseline: str,
    results: Sequence[Mapping[str, Any]],
    people: Said,
    earlier: Mapping[str, Mapping[str, Any]] | None,
    now: datetime,
) -> list[dict[str, Any]]:
    """How policies stand, with what people have said and since when.

    Args:
        results: of :func:`tenantry.baseline.judge.judge`.
        earlier: policy → how it stood in the sweep before, as this function gave it; None: there was none.

    Returns:
        each result with ``status`` (which may now be ``excepted``), ``measured`` (what it is without anybody's word), ``exception`` and
        ``answered`` (JSON or null), ``since`` (RFC 3339: from when on it has stood so), ``was`` (how it stood before, as far as that was
        seen; null) and ``change``: ``new`` (never seen before), ``fell`` (it passed or was excepted, and fails), ``mended`` (it failed or was
        excepted, and passes), ``unseen`` (this time it was not seen) or ``same``.
    """
    return [_assessed(baseline, one, people, (earlier or {}).get(one["policy"]), now) for one in results]


def _assessed(
    baseline: str, result: Mapping[str, Any], people: Said, before: Mapping[str, Any] | None, now: datetime
) -> dict[str, Any]:
    name = f"{baseline}/{result['policy']}"
    one = {**result, "measured": result["status"], "exception": None, "answered": None}
    answer = people.answers.get(name)
    if one["status"] == "for_person" and answer is not None and answer.in_force(now):
        one |= {"status": answer.status, "why": f"{answer.by}: {answer.why}", "answered": answer.as_dict()}
    exception = people.exceptions.get(name)
    if one["status"] == "fail" and exception is not None:
        one["exception"] = exception.as_dict() | {"in_force": exception.in_force(now)}
        beyond = _beyond(one, exception)
        if exception.in_force(now) and not beyond:
            one["status"] = "excepted"
        elif exception.in_force(now):
            one["why"] = f"{one['why']}; the exception does not cover {beyond}"
        else:
            one["why"] = f"{one['why']}; the exception ended on {exception.until}"
    return one | _moved(one["status"], before, now)


def _beyond(result: Mapping[str, Any], exception: PolicyException) -> str:
    """Whom an exception does not cover; empty: nobody. What is not told by name is not covered by name."""
    if not exception.about:
        return ""
    others = [name for name in result["about"] if name not in exception.about]
    untold = max(0, int(result["about_total"]) - len(result["about"]))
    if not result["about"]:
        return "what is not told by name"
    return ", ".join([*others[:3], *([f"{len(others) - 3 + untold} more"] if len(others) > 3 or untold else [])])


def _moved(status: str, before: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    """Since when it is so, and what changed. ``stood`` is how it stood when it was seen last, with ``stood_since``."""
    stood = before["stood"] if before is not None else None
    stood_since = before["stood_since"] if before is not None else None
    if status not in KNOWN:
        same = before is not None and before["status"] == status
        since = before["since"] if same and before is not None else rfc3339(now)
        change: Change = "unseen" if stood is not None else "new" if before is None else "same"
        return {"since": since, "was": stood, "change": change, "stood": stood, "stood_since": stood_since}
    if stood == status:
        return {"since": stood_since, "was": stood, "change": "same", "stood": status, "stood_since": stood_since}
    change = "new" if stood is None else "fell" if status == "fail" else "mended" if status == "pass" else "same"
    return {"since": rfc3339(now), "was": stood, "change": change, "stood": status, "stood_since": rfc3339(now)}


def age_days(one: Mapping[str, Any], now: datetime) -> int:
    """For how many whole days a policy has stood as it does."""
    return max(0, (now - parse_rfc3339(one["since"])).days)
