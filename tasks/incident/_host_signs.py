"""Which things on a host an intruder left: the rule, pure.

*Addresses*: one that was named is the attacker's. Else signs count, of sign-ins that succeeded in the window: never seen
before it; outside the client's and the responder's networks; into several accounts; after failures. Three make an attacker, two
make it uncertain.

*Things* (accounts, keys, cron entries, units, processes): one strong sign with another sign of either kind is the
attacker's; a single strong one, or nothing but weak ones, is for a person; less than two weak signs is ordinary. Strong:
used from, or connected to, an attacker's address; names such an address; runs from where programs do not belong; fetches a
program and runs it. Weak: changed in the window; belongs to no package; its program is deleted; may administer.

What is an intruder's on one host is so on the others of the same incident: their addresses count as named, and the same key, account or program is a
strong sign there.

A key or account that was used from the client's own networks is the client's, whatever else: what an administrator does in
those hours looks alike. Used by both it was stolen, and is for a person, because it must be changed elsewhere too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks._addresses import within
from tasks.host.collect_activity import Activity, LoginGroup
from tasks.host.collect_persistence import Persistence

Verdict = Literal["attacker", "uncertain", "ordinary"]

_ODD_PLACE = re.compile(r"(?:^|[\s'\"=;|&(])/(?:tmp|var/tmp|dev/shm)/|/\.[^./][^/]*/")  # looked for
_FETCHES = re.compile(r"\b(?:curl|wget|nc|ncat|socat)\b.*\|\s*(?:\S*/)?(?:ba|da|z|k)?sh\b|/dev/tcp/|\bbase64\s+-d")


class Found(BaseModel):
    """One thing on one host."""

    model_config = ConfigDict(extra="forbid")
    kind: Literal["account", "key", "cron", "unit", "process"]
    host: str
    id: str
    """The host's own."""
    label: str
    reasons: list[str]


class Address(BaseModel):
    """One address from which somebody came."""

    model_config = ConfigDict(extra="forbid")
    ip: str
    verdict: Literal["attacker", "uncertain"]
    reasons: list[str]
    first_at: datetime
    accounts: list[str]


class Marks(BaseModel):
    """By what an intruder is known who was on other hosts."""

    model_config = ConfigDict(extra="forbid")
    ips: frozenset[str] = frozenset()
    fingerprints: dict[str, str] = {}
    """Of a key → the host on which it is theirs."""
    accounts: dict[str, str] = {}
    programs: dict[str, str] = {}
    """What a cron entry, unit or process of theirs runs → the host."""

    @classmethod
    def of(cls, found: Iterable[Found], ips: Iterable[str]) -> Marks:
        """Labels of what was found are ``owner: what it runs``; ids of keys are ``path#fingerprint``."""
        things = list(found)
        return cls(
            ips=frozenset(ips),
            fingerprints={thing.id.rsplit("#", 1)[-1]: thing.host for thing in things if thing.kind == "key"},
            accounts={thing.id: thing.host for thing in things if thing.kind == "account"},
            programs={
                program: thing.host
                for thing in things
                if thing.kind in ("cron", "unit", "process")
                and len(program := thing.label.partition(": ")[2].strip()) > 4
            },
        )


def addresses(
    logins: Sequence[LoginGroup],
    since: datetime | None,
    bad: Iterable[str],
    good: Iterable[str],
    elsewhere: frozenset[str] = frozenset(),
) -> list[Address]:
    """The addresses that are not the client's, or perhaps not.

    Args:
        elsewhere: the intruder's on other hosts of the same incident.
    """
    bad, good = tuple(bad), tuple(good)
    found = []
    for ip in dict.fromkeys(group.origin for group in logins):
        of = [group for group in logins if group.origin == ip]
        inside = [group for group in of if group.first_success_at is not None]
        if not inside:
            continue
        first = min(group.first_success_at for group in inside if group.first_success_at is not None)
        people = sorted({group.account for group in inside})
        if within(ip, bad):
            reasons, verdict = ["the address was named as the attacker's"], "attacker"
        elif within(ip, good):
            continue
        elif ip in elsewhere:
            reasons, verdict = ["the intruder came from there to another host"], "attacker"
        else:
            reasons = [
                *(
                    ["first seen in the time in question"]
                    if since is not None and min(g.first_at for g in of) >= since
                    else []
                ),
                *(["outside the client's networks"] if good else []),
                *([f"into several accounts: {', '.join(people)}"] if len(people) > 1 else []),
                *(["after sign-ins that failed"] if any(g.failures and g.first_at < first for g in of) else []),
            ]
            verdict = "attacker" if len(reasons) >= 3 else "uncertain" if len(reasons) == 2 else "ordinary"
        if verdict != "ordinary":
            found.append(
                Address.model_validate(
                    {"ip": ip, "verdict": verdict, "reasons": reasons, "first_at": first, "accounts": people}
                )
            )
    return found


def judged(strong: Sequence[str], weak: Sequence[str]) -> Verdict:
    """The rule of the module's first page."""
    if strong and len(strong) + len(weak) > 1:
        return "attacker"
    return "uncertain" if strong or len(weak) > 1 else "ordinary"


def things(
    activity: Activity,
    persistence: Persistence,
    attackers: Sequence[str],
    good: Sequence[str],
    since: datetime | None,
    elsewhere: Marks | None = None,
) -> list[tuple[Verdict, Found]]:
    """Everything on the host that is not ordinary."""
    host, known = persistence.host, elsewhere or Marks()
    found: list[tuple[Verdict, Found]] = []

    def add(kind: str, object_id: str, label: str, strong: list[str], weak: list[str]) -> None:
        verdict = judged(strong, weak)
        if verdict != "ordinary":
            thing = {"kind": kind, "host": host, "id": object_id, "label": label, "reasons": [*strong, *weak]}
            found.append((verdict, Found.model_validate(thing)))

    def fresh(at: datetime | None) -> list[str]:
        return ["changed in the time in question"] if at is not None and since is not None and at >= since else []

    def same(kind: str, of: dict[str, str], mark: str) -> list[str]:
        return [f"the same {kind} is the intruder's on {of[mark]}"] if of.get(mark, host) != host else []

    def of_text(text: str) -> list[str]:
        named = [ip for ip in attackers if re.search(rf"(?<![\d.]){re.escape(ip)}(?![\d.])", text)]
        return [
            *same("program", known.programs, text.strip()),
            *([f"names {named[0]}, the attacker's address"] if named else []),
            *(["runs from where no program belongs"] if _ODD_PLACE.search(text) else []),
            *(["fetches a program and runs it"] if _FETCHES.search(text) else []),
        ]

    used = _used(activity.logins, attackers, good)
    for account in persistence.accounts:
        if account.id == "root":
            continue
        if account.id not in used.accounts:
            again = same("account", known.accounts, account.id)
            if again and account.id not in used.own_accounts:
                add("account", account.id, account.id, again, ["may administer"] if account.privileged else [])
            continue
        if account.id in used.own_accounts:
            add("account", account.id, account.id, [f"taken over: used from {used.accounts[account.id]}"], [])
            continue
        strong = [f"used from {used.accounts[account.id]} and by nobody else"]
        add("account", account.id, account.id, strong, ["may administer"] if account.privileged else [])
    for key in persistence.keys:
        if not key.enabled or key.fingerprint == persistence.responder_key:
            continue
        if key.fingerprint in used.own_keys:
            stolen = [f"stolen: used from {used.keys[key.fingerprint]}"] if key.fingerprint in used.keys else []
            add("key", key.id, f"{key.account}: {key.fingerprint} {key.comment}".strip(), stolen, [])
            continue
        strong = [
            *([f"used from {used.keys[key.fingerprint]}"] if key.fingerprint in used.keys else []),
            *same("key", known.fingerprints, key.fingerprint),
        ]
        shared = len({k.account for k in persistence.keys if k.fingerprint == key.fingerprint}) > 1
        weak = [*fresh(key.file_changed_at), *(["stands in several accounts"] if shared else [])]
        if strong or len(weak) > 1:
            add("key", key.id, f"{key.account}: {key.fingerprint} {key.comment}".strip(), strong, weak)
    for entry in persistence.cron:
        if entry.enabled and entry.package is None:
            add(
                "cron", entry.id, f"{entry.path}: {entry.command}", of_text(entry.command), fresh(entry.file_changed_at)
            )
    for unit in persistence.units:
        if unit.enabled != "masked":
            add("unit", unit.id, f"{unit.id}: {unit.command}", of_text(unit.command), fresh(unit.changed_at))
    calls = {pid: c.remote for c in activity.connections if c.remote in attackers for pid in c.pids}
    for process in activity.processes:
        strong = [
            *([f"connected to {calls[process.pid]}"] if process.pid in calls else []),
            *of_text(process.executable),
        ]
        weak = [*(["its program is deleted"] if process.deleted else []), *fresh(process.started_at)]
        if process.name not in ("sshd", "sshd-session"):
            label = f"{process.account}: {process.executable or process.name}"
            add("process", process.id, label, strong, weak if strong else [])
    return found


class _Used(BaseModel):
    keys: dict[str, str]
    """Fingerprint → the attacker's address that it was used from."""
    own_keys: set[str]
    accounts: dict[str, str]
    own_accounts: set[str]


def _used(logins: Sequence[LoginGroup], attackers: Sequence[str], good: Sequence[str]) -> _Used:
    theirs = [group for group in logins if group.successes and group.origin in attackers]
    ours = [
        group for group in logins if group.successes and group.origin not in attackers and within(group.origin, good)
    ]
    return _Used(
        keys={group.key: group.origin for group in theirs if group.key},
        own_keys={group.key for group in ours if group.key},
        accounts={group.account: group.origin for group in theirs},
        own_accounts={group.account for group in ours},
    )
