"""Whose is it? The rule for one thing that was found in a compromised account, pure.

In this order:

1. A log entry says that it was made (or set) from an address of the attacker: the attacker's. If it is older than the
   compromise and the attacker only changed it, a person decides what to restore.
2. A log entry says that it was made from an address of the person's own: the person's, and kept. Except what the person
   may have been tricked into (an unverified application with reach into the mail) or would not know of (a hidden rule): a
   person looks.
3. It is older than the compromise: kept. A person looks if it would let mail out or hides.
4. It was made during the compromise, from an address that nobody knows: the attacker's if it has a trait that helps an
   attacker; a person decides otherwise.
5. Nobody knows when it was made. Only what no ordinary client makes (a hidden rule that sends mail outside) is taken as
   the attacker's. If the logs were read in full and say nothing, it is older than the logs, as in 3.

Without a known window there is no 4. Confidence is *high* from an address, *medium* from time and traits; runbooks act
irreversibly only on *high*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from tasks.incident._traces import Trace
from tenantry.task import utc

Bucket = Literal["attacker", "kept", "for_person"]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is known of the attack."""

    attacker_ips: frozenset[str]
    own_ips: frozenset[str]
    window_start: datetime | None
    """First activity of the attacker; None: not known."""
    logs_from: datetime
    """How far back the logs were read."""
    logs_complete: bool
    """Whether the logs that would tell were read in full."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing, and what is known of its making."""

    traces: Sequence[Trace]
    created_at: datetime | None = None
    traits: Sequence[str] = ()
    """What makes it useful to an attacker."""
    tricked: bool = False
    """Persons are tricked into making such a thing themselves, or would not know of it."""
    never_ordinary: bool = False
    """No ordinary client makes such a thing."""


@dataclass(frozen=True, slots=True)
class Attribution:
    bucket: Bucket
    reason: str
    confidence: Literal["high", "medium"] | None = None
    evidence_ids: tuple[str, ...] = ()


def attribute(found: Found, setting: Setting) -> Attribution:
    """Whose the thing is, and why."""
    traces = sorted(found.traces, key=lambda trace: (trace.at, trace.id))
    ids = tuple(trace.id for trace in traces)
    made = found.created_at or next((trace.at for trace in traces if trace.creates), None)
    start = setting.window_start
    older = made is not None and start is not None and utc(made) < start
    theirs = [trace for trace in traces if trace.ip in setting.attacker_ips]
    own = [trace for trace in traces if trace.ip in setting.own_ips]
    if theirs:
        first = theirs[0]
        told = f"{first.what} from {first.ip}, the attacker's address, at {_when(first.at)}"
        if older:
            return Attribution(
                "for_person", f"older than the compromise, but changed by the attacker: {told}", None, ids
            )
        if _late(first, own):
            return Attribution("for_person", f"set by both the person and the attacker: {told}", None, ids)
        return Attribution("attacker", told, "high", tuple(trace.id for trace in theirs))
    if own:
        told = f"{own[0].what} from {own[0].ip}, the person's own address, at {_when(own[0].at)}"
        if found.tricked:
            return Attribution("for_person", f"{told}; but {_listed(found.traits)}", None, ids)
        return Attribution("kept", told, None, ids)
    if older and made is not None:
        return _old(f"made at {_when(made)}, before the compromise", found, ids)
    if made is not None and start is not None:
        told = f"made at {_when(made)}, during the compromise, from {_where(traces)}"
        if found.traits:
            return Attribution("attacker", f"{told}; {_listed(found.traits)}", "medium", ids)
        return Attribution("for_person", told, None, ids)
    if made is not None:
        if utc(made) < setting.logs_from:
            return _old(f"made at {_when(made)}, before the time that was looked at", found, ids)
        return Attribution("for_person", f"made at {_when(made)}; when the compromise began is not known", None, ids)
    return _undated(found, setting, ids)


def _undated(found: Found, setting: Setting, ids: tuple[str, ...]) -> Attribution:
    if found.never_ordinary and setting.window_start is not None:
        return Attribution(
            "attacker", f"no log says who made it, but no ordinary client does: {_listed(found.traits)}", "medium", ids
        )
    if setting.logs_complete:
        return _old(f"no log since {_when(setting.logs_from)} tells of its making, so it is older", found, ids)
    return Attribution(
        "for_person", "neither its age nor its maker is known: the logs were not read in full", None, ids
    )


def _old(told: str, found: Found, ids: tuple[str, ...]) -> Attribution:
    if found.traits:
        return Attribution("for_person", f"{told}; but {_listed(found.traits)}", None, ids)
    return Attribution("kept", told, None, ids)


def _late(first: Trace, own: Sequence[Trace]) -> bool:
    """Whether the person set the same thing again after the attacker: what is there now may be theirs."""
    return any(trace.at > first.at for trace in own)


def _listed(traits: Sequence[str]) -> str:
    return ", ".join(traits)


def _where(traces: Sequence[Trace]) -> str:
    ips = sorted({trace.ip for trace in traces if trace.ip})
    return f"an address that is not known ({', '.join(ips)})" if ips else "an address that no log names"


def _when(at: datetime) -> str:
    return utc(at).strftime("%Y-%m-%d %H:%M:%S UTC")
