"""Which sign-ins are somebody else's: the rule, pure, over groups of sign-ins of one account.

What is ordinary for the person is learnt first: every sign-in before the time that a person named as the start, else
the first third of what the log holds. Then the groups are taken in the order in which they appear. A group that fits
(known address, or known country and known client) is ordinary, and teaches what is ordinary from then on; one that does
not fit never teaches. Signs against a group:

- its address was named as an attacker's (decides alone);
- a country that was never seen before;
- a client that was never seen before, at an address that was never seen before;
- an impossible journey from or to an ordinary sign-in;
- a change by which attackers stay (a method, a consent, a device), made from that address.

Two independent signs make an attacker; one alone is *uncertain*, and a person decides. A VPN or a journey gives one, a
new telephone gives one. With too little history nothing can be compared, and only a named address decides: then the
answer is "could not tell", never "clean". Follows Entra's own detections "unfamiliar sign-in properties" and "atypical
travel" (https://learn.microsoft.com/entra/id-protection/concept-identity-protection-risks).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tasks._addresses import within
from tasks.identity._sign_ins import Journey, SignInGroup

ENOUGH = 3
"""Successful sign-ins below which a history says nothing."""
LEAST_BASELINE = timedelta(days=1)
"""What the first third of the log must at least span to be taken as ordinary."""


class Suspect(BaseModel):
    """One address of one account that is not the person's, or perhaps not."""

    model_config = ConfigDict(extra="forbid")

    account_id: str
    upn: str
    ip: str
    country: str
    client: str
    verdict: Literal["attacker", "uncertain"]
    reasons: list[str]
    first_at: datetime
    """First successful sign-in."""
    last_at: datetime
    successes: int
    sign_in_ids: list[str]


class Judgement(BaseModel):
    """About one account."""

    model_config = ConfigDict(extra="forbid")

    account_id: str
    suspects: list[Suspect]
    own_ips: list[str]
    """Addresses of ordinary sign-ins."""
    baseline_until: datetime | None
    baseline_sign_ins: int


def judge(
    groups: Sequence[SignInGroup],
    journeys: Iterable[Journey],
    *,
    since: datetime | None = None,
    until: datetime,
    known_bad: Iterable[str] = (),
    known_good: Iterable[str] = (),
    home_countries: Iterable[str] = (),
    acts: Mapping[str, str] | None = None,
) -> Judgement:
    """Judge the groups of one account.

    Args:
        since: what lies before is ordinary; None: the first third of the log is.
        until: when the log was read.
        known_bad: addresses or networks named as the attacker's.
        known_good: addresses or networks named as the client's own.
        home_countries: countries (two letters) from which the client's people usually work.
        acts: address → a change by which attackers stay that this account made from it.
    """
    bad, good, home = tuple(known_bad), tuple(known_good), frozenset(home_countries)
    signed_in = sorted(
        ((group.first_success_at, group) for group in groups if group.first_success_at is not None),
        key=lambda pair: (pair[0], pair[1].ip, pair[1].agent),
    )
    if not signed_in:
        return Judgement(account_id="", suspects=[], own_ips=[], baseline_until=None, baseline_sign_ins=0)
    oldest = signed_in[0][0]
    cutoff = since if since is not None else oldest + (until - oldest) / 3
    if since is None and cutoff - oldest < LEAST_BASELINE:
        cutoff = oldest  # the first third of so short a log may be the attacker as well as the person
    ordinary: list[SignInGroup] = []
    later: list[SignInGroup] = []
    suspects: list[Suspect] = []
    for first, group in signed_in:
        if within(group.ip, bad):
            suspects.append(_suspect(group, "attacker", ["the address was named as the attacker's"]))
        elif first < cutoff or within(group.ip, good):
            ordinary.append(group)
        else:
            later.append(group)
    history = sum(group.successes for group in ordinary)
    journeys = list(journeys)
    for group in later:
        signs = _signs(group, ordinary, journeys, home)
        act = (acts or {}).get(group.ip)
        if history < ENOUGH:
            thin = f"only {history} earlier sign-ins to compare with"
            if not act:
                suspects.append(_suspect(group, "uncertain", [thin]))
            else:
                suspects.append(_suspect(group, "uncertain", [thin, act]))
        elif not signs:
            ordinary.append(group)
        else:
            reasons = [*signs, *([act] if act else [])]
            suspects.append(_suspect(group, "attacker" if len(reasons) > 1 else "uncertain", reasons))
    guilty = {suspect.ip for suspect in suspects if suspect.verdict == "attacker"}
    return Judgement(
        account_id=signed_in[0][1].account_id,
        suspects=_settle(suspects, guilty),
        own_ips=sorted({group.ip for group in ordinary} - guilty),
        baseline_until=cutoff,
        baseline_sign_ins=history,
    )


def _signs(
    group: SignInGroup, ordinary: Sequence[SignInGroup], journeys: Sequence[Journey], home: frozenset[str]
) -> list[str]:
    own_ips = {known.ip for known in ordinary}
    if group.ip in own_ips:
        return []
    signs = []
    countries = {known.country for known in ordinary if known.country} | home
    if group.country and countries and group.country not in countries:
        signs.append(f"first sign-in ever from {group.country}")
    if group.agent not in {known.agent for known in ordinary}:
        signs.append("first sign-in ever with this client, from an address never seen before")
    for journey in journeys:
        ends = {journey.from_ip, journey.to_ip}
        if group.ip in ends and ends & own_ips and journey.account_id == group.account_id:
            far = f"{journey.kilometres} km" if journey.kilometres is not None else "another country"
            signs.append(
                f"impossible journey between {journey.from_ip} and {journey.to_ip}: {far} in "
                f"{(journey.to_at - journey.from_at).total_seconds() / 60:.0f} minutes"
            )
            break
    return signs


def _suspect(group: SignInGroup, verdict: Literal["attacker", "uncertain"], reasons: list[str]) -> Suspect:
    first = group.first_success_at or group.first_at
    return Suspect(
        account_id=group.account_id,
        upn=group.upn,
        ip=group.ip,
        country=group.country,
        client=group.client,
        verdict=verdict,
        reasons=reasons,
        first_at=first,
        last_at=group.last_success_at or group.last_at,
        successes=group.successes,
        sign_in_ids=group.sign_in_ids,
    )


def _settle(suspects: list[Suspect], guilty: set[str]) -> list[Suspect]:
    """An address that one client gave away is the attacker's with every other client too."""
    settled = [
        suspect.model_copy(
            update={
                "verdict": "attacker",
                "reasons": [*suspect.reasons, "the same address as another sign-in of the attacker"],
            }
        )
        if suspect.verdict == "uncertain" and suspect.ip in guilty
        else suspect
        for suspect in suspects
    ]
    return sorted(settled, key=lambda s: (s.first_at, s.ip, s.client))
